// The JSON report. See report.hpp.
#include "tools/bench/board.hpp"
#include "tools/bench/report.hpp"
#include "tools/common/text.hpp"

namespace shmring::bench {
namespace {

using tool::Json;

std::string trip_json(const RoundTrip& trip) {
  Json json;
  return json.real("best_ns", trip.best_ns).real("median_ns", trip.median_ns).text();
}

std::string machine_json(const Report& report) {
  const Machine& machine = report.machine;
  std::vector<std::string> trips;
  for (const RoundTrip& trip : report.trips) trips.push_back(trip_json(trip));
  Json json;
  json.string("processor", machine.processor)
      .number("processors", machine.processors)
      .string("kernel", machine.kernel)
      .string("compiler", machine.compiler)
      .string("commit", machine.commit)
      .string("time_source", machine.time_source)
      .real("timer_ns", machine.timer_ns)
      .string("placement", machine.placement)
      .string("distance", machine.distance)
      .real("round_trip_ns", report.round_trip_ns())
      .boolean("far", report.round_trip_ns() > far_ns)
      .raw("round_trips", tool::json_array(trips));
  return json.text();
}

std::string calls_json(const Histogram& calls) {
  Json json;
  json.number("count", calls.count()).real("min", call_ns(calls, 0)).real("p50", call_ns(calls, 0.5));
  json.real("p99", call_ns(calls, 0.99)).real("p99.9", call_ns(calls, 0.999)).real("p99.99", call_ns(calls, 0.9999));
  return json.real("max", call_ns(calls, 1)).text();
}

std::string figure_json(const Report& report, const Figure& figure) {
  std::vector<std::string> rounds;
  for (double round : figure.rounds) rounds.push_back(fmt::format("{:.3f}", round));
  Json json;
  json.string("transport", figure.transport)
      .string("role", role_name(figure.role))
      .string("measure", measure_name(figure.job.measure))
      .string("unit", unit_name(unit_of(figure.job.measure)))
      .string("reader", figure.job.polite ? "polite" : "eager")
      .number("bytes", figure.job.bytes)
      .number("writers", figure.job.producers)
      .boolean("crowded", report.crowded(figure.job))
      .real("best", figure.best())
      .real("median", figure.median())
      .real("spread", figure.spread())
      .raw("rounds", tool::json_array(rounds))
      .number("attempted", figure.attempted)
      .number("delivered", figure.delivered)
      .number("dropped", figure.dropped)
      .number("left_out", figure.left_out);
  if (figure.calls.count() != 0) json.raw("calls", calls_json(figure.calls));
  if (!figure.parts.empty()) {
    Json parts;
    for (const Figure::Series& part : figure.parts) parts.real(part.name, median_of(part.rounds));
    json.raw("parts", parts.text());
  }
  return json.text();
}

std::string memory_json() {
  Json json;
  json.number("slot_header", sizeof(ring::Slot)).number("producer", sizeof(ring::Entry)).number("lane", sizeof(ring::Lane));
  return json.text();
}

std::string line_json(const Line& line) {
  Json json;
  json.string("what", line.what)
      .string("cores", cores_name(line.cores))
      .string("unit", unit_name(line.unit))
      .real("figure", line.figure);
  json.string("bound_is", line.at_least ? "least" : "most").real("bound", line.bound).real("of_bound", line.of_bound);
  return json.string("verdict", verdict_name(line.verdict)).string("reason", line.reason).text();
}

}  // namespace

void print_json(const Report& report, const std::vector<Line>& lines) {
  std::vector<std::string> figures, notes, checks;
  for (const Figure& figure : report.figures) figures.push_back(figure_json(report, figure));
  for (const std::string& note : report.notes) notes.push_back(tool::in_quotes(note));
  for (const Line& line : lines) checks.push_back(line_json(line));
  Json document;
  document.raw("machine", machine_json(report))
      .number("rounds", report.rounds)
      .number("took_ns", report.took_ns)
      .number("slots", bench_slots)
      .number("batch", Batch::most)
      .raw("memory", memory_json())
      .raw("notes", tool::json_array(notes))
      .raw("figures", tool::json_array(figures));
  if (!lines.empty()) document.raw("check", tool::json_array(checks));
  document.print();
}

}  // namespace shmring::bench
