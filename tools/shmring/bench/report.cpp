// See report.hpp.
#include "tools/shmring/bench/report.hpp"

#include <algorithm>
#include <iterator>

#include "tools/shmring/text.hpp"

namespace shmring::bench {
namespace {

using tool::Json;

const char* measure_name(Measure measure) {
  switch (measure) {
    case Measure::quiet:
      return "quiet";
    case Measure::live:
      return "live";
    default:
      return "rate";
  }
}

const char* role_name(Role role) {
  switch (role) {
    case Role::floor:
      return "floor";
    case Role::alternative:
      return "alternative";
    default:
      return "libshmring";
  }
}

bool same(const Job& a, const Job& b) { return a.measure == b.measure && a.bytes == b.bytes && a.producers == b.producers; }

std::vector<Job> jobs_of(const Report& report, bool rates) {
  std::vector<Job> jobs;
  for (const Figure& figure : report.figures) {
    const bool known = std::any_of(jobs.begin(), jobs.end(), [&](const Job& job) { return same(job, figure.job); });
    if (!known && rates == (figure.job.measure == Measure::rate)) jobs.push_back(figure.job);
  }
  return jobs;
}

double median_of(const std::vector<double>& sorted) {
  if (sorted.empty()) return 0;
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

std::string cell(const Figure* figure) {
  if (figure == nullptr) return "–";
  if (figure->median() == 0) return "none in time";
  const double unit = figure->job.measure == Measure::rate ? 1e6 : 1;
  return fmt::format("{:.1f} / {:.1f} ±{:.0f}%", figure->best() / unit, figure->median() / unit, figure->spread() * 50);
}

// Against the single-writer floor of the same run.
std::string ratio(Report& report, const std::string& transport, const Job& job) {
  const Figure* mine = report.find(transport, job);
  const Figure* floor = report.find("floor", job);
  const double times = mine != nullptr && floor != nullptr ? mine->times(*floor) : 0;
  return times != 0 ? fmt::format("{:.2f}", times) : "–";
}

std::string dropped_text(const Figure* figure) {
  if (figure == nullptr) return "–";
  const u64 all = figure->delivered + figure->dropped;
  return fmt::format("{:.1f}%", all == 0 ? 0.0 : 100.0 * static_cast<double>(figure->dropped) / static_cast<double>(all));
}

void print_table(Report& report, bool rates) {
  const std::vector<Job> jobs = jobs_of(report, rates);
  if (jobs.empty()) return;
  std::vector<std::string> heads{"TRANSPORT"};
  for (const Job& job : jobs) {
    heads.push_back(rates ? fmt::format(">{} B, {} WRITER{}", job.bytes, job.producers, job.producers == 1 ? "" : "S")
                          : fmt::format(">{} B {}", job.bytes, job.measure == Measure::quiet ? "QUIET" : "LIVE"));
    if (job.measure == Measure::live) heads.push_back(">× FLOOR");
    if (job.measure != Measure::quiet) heads.push_back(rates ? ">DROPPED" : ">REFUSED");
  }
  tool::Table table(heads);
  for (const std::string& transport : report.transports) {
    std::vector<std::string> row{transport};
    for (const Job& job : jobs) {
      const Figure* figure = report.find(transport, job);
      row.push_back(cell(figure));
      if (job.measure == Measure::live) row.push_back(ratio(report, transport, job));
      if (job.measure != Measure::quiet) row.push_back(dropped_text(figure));
    }
    table.row(row);
  }
  table.print();
}

Json figure_json(const Figure& figure) {
  std::vector<std::string> rounds;
  for (double round : figure.rounds) rounds.push_back(fmt::format("{:.3f}", round));
  Json json;
  json.string("transport", figure.transport)
      .string("role", role_name(figure.role))
      .string("measure", measure_name(figure.job.measure))
      .string("unit", figure.job.measure == Measure::rate ? "records/s" : "ns")
      .number("bytes", figure.job.bytes)
      .number("writers", figure.job.producers)
      .real("best", figure.best())
      .real("median", figure.median())
      .real("spread", figure.spread())
      .raw("rounds", tool::json_array(rounds))
      .number("delivered", figure.delivered)
      .number("dropped", figure.dropped);
  return json;
}

}  // namespace

std::vector<double> Figure::sorted() const {
  std::vector<double> known;
  std::copy_if(rounds.begin(), rounds.end(), std::back_inserter(known), [](double round) { return round != 0; });
  std::sort(known.begin(), known.end());
  return known;
}

double Figure::best() const {
  const std::vector<double> known = sorted();
  if (known.empty()) return 0;
  return job.measure == Measure::rate ? known.back() : known.front();
}

double Figure::median() const { return median_of(sorted()); }

double Figure::spread() const {
  const std::vector<double> known = sorted();
  return known.empty() ? 0 : (known.back() - known.front()) / median();
}

double Figure::times(const Figure& other) const {
  Figure ratios{transport, role, job, {}, 0, 0};
  for (std::size_t round = 0; round < std::min(rounds.size(), other.rounds.size()); ++round)
    if (other.rounds[round] != 0) ratios.rounds.push_back(rounds[round] / other.rounds[round]);
  return ratios.median();
}

Figure* Report::find(const std::string& transport, const Job& job) {
  for (Figure& figure : figures)
    if (figure.transport == transport && same(figure.job, job)) return &figure;
  return nullptr;
}

void print_text(Report& report) {
  const Machine& machine = report.machine;
  fmt::print("processor  {}, {} usable\n", tool::safe(machine.processor), machine.processors);
  fmt::print("kernel     {}\ncompiler   {}\ncommit     {}\n", tool::safe(machine.kernel), machine.compiler, machine.commit);
  fmt::print("time       {}, {} rounds in {}\nplaces     {}\n", machine.time_source, report.rounds,
             tool::duration_text(report.took_ns), machine.placement);
  fmt::print("ring       {} slots; separate processes; the reader checks every byte of every record\n", bench_slots);
  fmt::print("\n{}: best / median of the rounds, ± half their range\n", tool::bold("Nanoseconds a write"));
  print_table(report, false);
  fmt::print(
      "quiet: nobody drains while it is written. live: drained at once. Timed are batches of {} after the first lap, but\n"
      "for those that met a full ring, of which none is in the figure (REFUSED: their refused writes among all writes),\n"
      "and those in which the kernel gave the processor to others.\n",
      Batch::records);
  fmt::print("\n{}: delivered and checked; what was refused is dropped\n", tool::bold("Million records a second"));
  print_table(report, true);
}

void print_json(const Report& report) {
  const Machine& machine = report.machine;
  Json about, document;
  about.string("processor", machine.processor)
      .number("processors", machine.processors)
      .string("kernel", machine.kernel)
      .string("compiler", machine.compiler)
      .string("commit", machine.commit)
      .string("time_source", machine.time_source)
      .string("placement", machine.placement);
  std::vector<std::string> figures;
  for (const Figure& figure : report.figures) figures.push_back(figure_json(figure).text());
  document.raw("machine", about.text())
      .number("rounds", report.rounds)
      .number("took_ns", report.took_ns)
      .number("slots", bench_slots)
      .number("batch", Batch::records)
      .raw("figures", tool::json_array(figures))
      .print();
}

}  // namespace shmring::bench
