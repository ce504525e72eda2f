// shmring stat NAME: shows rates, fill, losses, lag, producers and warnings.
//
// Invariant: the ring is only looked at, and its slots only once per document.
#include "tools/shmring/stat.hpp"

#include <algorithm>
#include <charconv>
#include <memory>

#include "lib/inspect/leftover.hpp"
#include "lib/inspect/metrics.hpp"
#include "lib/log/format/line.hpp"
#include "lib/os/wakeup.hpp"
#include "tools/common/say.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"

namespace shmring::tool {
namespace {

using inspect::LaneFacts;
using inspect::ProducerFacts;

struct Options {
  std::string name, output = "text";
  double interval = 1;
  bool watch = false;
};

std::string check_interval(const std::string& text) {
  double seconds = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool good = error == std::errc{} && end == text.data() + text.size() && seconds >= 0 && seconds <= 3600;
  return good ? "" : "'" + text + "' is not a number of seconds from 0 to 3600";
}

u64 percent(u64 part, u64 whole) { return whole == 0 ? 0 : std::min(part, whole) * 100 / whole; }

u64 unlogged(const ProducerFacts& producer) {
  return producer.account.attempted > producer.logged.through ? producer.account.attempted - producer.logged.through : 0;
}

void print_summary(const Look& now, const Rates& rates) {
  const inspect::HeaderFacts& header = now.facts.header;
  const inspect::CollectorFacts& collector = now.facts.collector;
  const auto fact = [](const char* name, std::string_view text) {
    fmt::print("{} {}\n", bold(fmt::format("{:<9}", name)), text);
  };
  fact("ring", fmt::format("{}: {}, {} when full, {} lanes x {} slots x {} bytes ({})", safe(header.name),
                           segment_state_name(header.state), policy_name(header.geometry.on_full), header.geometry.lanes,
                           header.geometry.slots, header.geometry.slot_bytes, bytes_text(header.file_bytes)));
  std::string text = collector_text(collector);
  if (collector.epoch != 0) text += fmt::format(", epoch {}", collector.epoch);
  if (collector.holds_lease && collector.heartbeat_ns != 0)
    text += fmt::format(", heartbeat {} ago", duration_text(heartbeat_age(now)));
  if (collector.log_is_failing()) text += ", cannot write its log";
  if (rates.of_collector) text += fmt::format("; {:.0f} wake-ups/s, {:.1f}% of a processor", rates.wakeups, rates.cpu * 100);
  fact("collector", text);
  const std::string causes = losses_text(collector, "{} {}", ", ");
  fact("log", fmt::format("{} logged, {} lost{}{}, since this collector began", collector.logged, collector.lost,
                          causes.empty() ? "" : ": ", causes));
  if (collector.has_more) fact("durable", durability_text(collector));
  if (collector.log.signed_ns != 0) fact("sealed", fmt::format("last checkpoint {} ago", duration_text(checkpoint_age(now))));
  text = rates.of_producers ? fmt::format("{:.0f}/s attempted", rates.attempted) : "not measured";
  if (rates.of_collector) text += fmt::format(", {:.0f}/s logged, {:.0f}/s lost", rates.logged, rates.lost);
  fact("rate", text);
  u64 behind = 0;
  for (const ProducerFacts& producer : now.facts.producers) behind += unlogged(producer);
  fact("places", fmt::format("{} of {} producers, {} of {} exclusive lanes", now.facts.producers.size(),
                             header.geometry.producers, now.facts.exclusive_lanes_in_use(), now.facts.exclusive_lanes()));
  fact("lag", fmt::format("{} positions not drained, {} attempts not in the log", now.facts.undrained(), behind));
}

void print_tables(const Look& before, const Look& now, const Rates& rates) {
  const double seconds = static_cast<double>(now.at_ns - before.at_ns) / 1e9;
  const u64 slots = now.facts.header.geometry.slots;
  Table lanes({">LANE", "OWNER", ">FILL", ">%", ">HIGH", ">%", ">STALLED"});
  u64 unused = 0;
  for (const LaneFacts& lane : now.facts.lanes) {
    if (is_unused(lane) && ++unused) continue;
    lanes.row({std::to_string(lane.lane),
               lane.lane == 0    ? "shared"
               : lane.owner == 0 ? "free"
                                 : fmt::format("entry {}", lane.owner - 1),
               std::to_string(lane.fill()), std::to_string(percent(lane.fill(), slots)), std::to_string(lane.high_water),
               std::to_string(percent(lane.high_water, slots)), std::to_string(lane.stalled)});
  }
  fmt::print("\n");
  lanes.print();
  if (unused != 0) fmt::print("{} more, never used\n", unused);
  if (now.facts.producers.empty()) return fmt::print("\nno producers\n");
  Table table({">ENTRY", "NAME", ">INC", ">PID", "PROCESS", "STATE", ">LANE", ">ATTEMPTED", ">/S", ">LOGGED", ">UNLOGGED",
               ">REFUSED", "BY CAUSE"});
  for (const ProducerFacts& producer : now.facts.producers) {
    table.row({std::to_string(producer.entry), safe(producer.identity.name), std::to_string(producer.incarnation),
               std::to_string(producer.owner.pid), standing_name(producer.standing), owner_state_name(producer.owner.state),
               std::to_string(producer.lane), std::to_string(producer.account.attempted),
               rates.of_producers ? fmt::format("{:.0f}", attempt_rate(producer, before, seconds)) : "-",
               std::to_string(producer.logged.through), std::to_string(unlogged(producer)), std::to_string(producer.refused()),
               counters_text(producer, "{} {}", ", ")});
  }
  fmt::print("\n");
  table.print();
}

void print_text(const Look& before, const Look& now) {
  const Rates measured = rates(before, now);
  print_summary(now, measured);
  print_tables(before, now, measured);
  const std::vector<Warning> list = warnings(now);
  if (!list.empty()) fmt::print("\n");
  for (const Warning& warning : list) fmt::print("{} {}\n         {}\n", bold("warning:"), warning.what, warning.remedy);
}

std::string producer_json(const ProducerFacts& producer, const Look& before, const Look& now, bool measured) {
  const double seconds = static_cast<double>(now.at_ns - before.at_ns) / 1e9;
  Json json;
  json.number("entry", producer.entry)
      .string("producer", producer.identity.name)
      .number("inc", producer.incarnation)
      .number("pid", producer.owner.pid)
      .string("process", standing_name(producer.standing))
      .string("state", owner_state_name(producer.owner.state))
      .number("lane", producer.lane)
      .number("attempted", producer.account.attempted)
      .number("logged", producer.logged.through)
      .number("unlogged", unlogged(producer))
      .number("refused", producer.refused())
      .raw("causes", "{" + counters_text(producer, "\"{}\":{}", ",") + "}")
      .number("nested", producer.nested);
  if (measured) json.real("attempted_per_s", attempt_rate(producer, before, seconds));
  return json.text();
}

std::string lane_json(const LaneFacts& lane) {
  Json json;
  json.number("lane", lane.lane);
  if (lane.owner != 0) json.number("owner", lane.owner - 1);
  json.number("fill", lane.fill()).number("high_water", lane.high_water).number("stalled", lane.stalled);
  return json.text();
}

std::string collector_json(const Look& now, const Rates& rates) {
  const inspect::CollectorFacts& collector = now.facts.collector;
  Json json;
  json.boolean("running", collector.holds_lease).string("state", status_state_name(collector.state));
  if (collector.holds_lease) json.number("pid", collector.identity.pid).number("heartbeat_age_ns", heartbeat_age(now));
  if (collector.log.signed_ns != 0) json.number("checkpoint_age_ns", checkpoint_age(now));
  json.number("epoch", collector.epoch).number("logged", collector.logged).number("lost", collector.lost);
  json.raw("causes", "{" + losses_text(collector, "\"{}\":{}", ",", true) + "}").number("stalled", collector.stalled);
  add_durability(json, collector);
  if (rates.of_collector)
    json.real("logged_per_s", rates.logged)
        .real("lost_per_s", rates.lost)
        .real("wakeups_per_s", rates.wakeups)
        .real("cpu", rates.cpu);
  return json.text();
}

void print_json(const Look& before, const Look& now) {
  const Rates measured = rates(before, now);
  std::vector<std::string> lanes, producers, warned;
  for (const LaneFacts& lane : now.facts.lanes) lanes.push_back(lane_json(lane));
  for (const ProducerFacts& producer : now.facts.producers)
    producers.push_back(producer_json(producer, before, now, measured.of_producers));
  for (const Warning& warning : warnings(now))
    warned.push_back(Json().string("what", warning.what).string("remedy", warning.remedy).text());
  const ring::Geometry& geometry = now.facts.header.geometry;
  Json json;
  json.string("ring", now.facts.header.name)
      .string("state", segment_state_name(now.facts.header.state))
      .string("on_full", policy_name(geometry.on_full))
      .number("slots", geometry.slots)
      .number("undrained", now.facts.undrained());
  if (measured.of_producers) json.real("attempted_per_s", measured.attempted);
  json.raw("collector", collector_json(now, measured))
      .raw("lanes", json_array(lanes))
      .raw("producers", json_array(producers))
      .raw("warnings", json_array(warned))
      .number("places", geometry.producers)
      .number("places_taken", now.facts.producers.size())
      .number("exclusive_lanes", now.facts.exclusive_lanes())
      .number("exclusive_lanes_in_use", now.facts.exclusive_lanes_in_use())
      .print();
}

// Prints one document. On a terminal it replaces the document before it; elsewhere documents follow each other.
void print(const Options& options, const Look& before, const Look& now, bool first) {
  const bool terminal = os::calls.isatty(1) == 1;
  if (options.output == "json") return print_json(before, now);
  if (options.output == "prometheus") return fmt::print("{}", inspect::metrics_text(now.facts, now.at_ns, os::utc_now_ns()));
  if (options.watch && terminal) fmt::print("\033[H\033[2J");
  if (!first && !terminal) fmt::print("\n");
  print_text(before, now);
}

int run(Options options) {
  os::Segment segment;
  std::vector<std::string> findings;
  if (options.watch && options.interval <= 0) {
    complain("stat: --watch needs an --interval above 0");
    return usage;
  }
  if (options.output == "prometheus" && !options.watch) options.interval = 0;  // nothing is measured
  if (const int status = look(options.name, segment, findings)) return status;
  Look before, now;
  if (options.interval > 0) before = {inspect::read_segment(segment, {}, false), os::monotonic_now_ns()};
  for (bool first = true;; first = false) {
    if (options.interval > 0) os::sleep_for(static_cast<u64>(options.interval * 1e9));
    now = {inspect::read_segment(segment, findings, true), os::monotonic_now_ns()};
    if (options.interval <= 0) before.at_ns = now.at_ns;
    print(options, before, now, first);
    for (const std::string& text : now.facts.findings.texts) warn(fmt::format("{}: {}", options.name, safe(text)));
    if (!options.watch) return now.facts.findings.count == 0 ? ok : damaged;
    write_out();
    if (os::unlinked(segment)) {
      complain(fmt::format("ring {}: it was removed", options.name));
      return absent;
    }
    before = std::move(now);
  }
}

}  // namespace

void register_stat(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("stat", "Show a ring's rates, fill, losses, lag and producers");
  command.value("NAME", options->name, "The ring").required().check(check_ring_name);
  command
      .value("--interval", options->interval,
             "Seconds between the two readings that rates are computed from (default 1); 0: no rates")
      .form("S")
      .check(check_interval);
  command.flag("--watch", options->watch, "Print again after each interval, until the ring is removed");
  command
      .value("-o,--output", options->output,
             "text, json: one document, or prometheus: metrics in its text format, without rates")
      .choose({"text", "json", "prometheus"});
  command.footer(
      "Places are those of the producer table: one for each producer that is attached, or whose account is not closed yet. "
      "UNLOGGED are attempts that no line of the log covers yet. REFUSED are a producer's own refusals; they are in the log as "
      "losses. Exit status: 0 ok, also with warnings; 2 usage, 3 no such ring, 4 permission, 5 damaged.");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
