// See check.hpp.
#include "tools/bench/check.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace shmring::bench {
namespace {

Subject live(const char* transport, u32 producers = 1, u32 bytes = 64) {
  return {transport, {Measure::live, bytes, producers}};
}
Subject polite(const char* transport, u32 bytes) { return {transport, {Measure::live, bytes, 1, 0, true}}; }
Subject quiet(const char* transport, u32 bytes = 64) { return {transport, {Measure::quiet, bytes}}; }
Subject hands(const char* transport) { return {transport, {Measure::handoff, 64}}; }
Subject rate(const char* transport, u32 producers = 1) { return {transport, {Measure::rate, 64, producers}}; }
Subject calls(const char* transport) { return {transport, {Measure::calls, 64}}; }
Subject full(const char* transport) { return {transport, {Measure::full, 64}}; }
Subject crowd(Measure measure, u32 producers) { return {"crowd", {measure, 64, producers}}; }
Subject ten_gigabytes(Measure measure) { return {"log-10g", {measure, 64}}; }
Subject one_gigabyte(Measure measure) { return {"log-1g", {measure, 64}}; }
Subject cheaper(const char* transport) { return {transport, {Measure::live, 64}, true}; }

// Returns the figure of each round, or 0 for a round that has none.
std::vector<double> series(const Report& report, const Subject& subject) {
  auto rounds = [&](bool polite) {
    Job job = subject.job;
    job.polite = polite;
    const Figure* figure = report.find(subject.transport, job);
    return figure != nullptr ? figure->rounds : std::vector<double>{};
  };
  std::vector<double> found = rounds(subject.job.polite);
  if (!subject.cheaper) return found;
  const std::vector<double> other = rounds(!subject.job.polite);
  for (std::size_t round = 0; round < std::min(found.size(), other.size()); ++round)
    if (found[round] == 0 || (other[round] != 0 && other[round] < found[round])) found[round] = other[round];
  return found;
}

// Returns the reference of each round: the lesser one if there are two, and 0 if one of them has no figure.
std::vector<double> references_of(const Row& row, const Report& report) {
  if (row.reference.transport == nullptr) return {};
  std::vector<double> references = series(report, row.reference);
  if (row.or_reference.transport == nullptr) return references;
  const std::vector<double> others = series(report, row.or_reference);
  references.resize(std::min(references.size(), others.size()));
  for (std::size_t round = 0; round < references.size(); ++round)
    references[round] = std::min(references[round], others[round]);
  return references;
}

struct Judged {
  double figure = 0, bound = 0, of_bound = 0;
  std::size_t rounds = 0, of = 0;  // that have a figure and a bound, of all that there are
};

// Returns whether the round counts for a line of these cores.
bool counts(Cores cores, const Report& report, std::size_t round) {
  if (cores == Cores::any) return true;
  if (round + 1 >= report.trips.size()) return false;
  const double before = report.trips[round].median_ns, after = report.trips[round + 1].median_ns;
  // Not known: on one processor all are near; else it was a moment in which the machine did something else.
  if (before == 0 || after == 0) return cores == Cores::near && report.round_trip_ns() == 0;
  if (cores == Cores::far) return before > far_ns && after > far_ns;
  return before <= far_ns && after <= far_ns;
}

Judged compare(const Row& row, Cores cores, const Report& report, const char* transport) {
  const std::vector<double> figures = series(report, {transport, row.figure.job, row.figure.cheaper});
  const bool alone = row.reference.transport == nullptr;
  const std::vector<double> references = references_of(row, report);
  const std::vector<double> others = row.or_bound.transport == nullptr ? std::vector<double>{} : series(report, row.or_bound);
  std::vector<double> known, bounds, ratios;
  for (std::size_t round = 0; round < figures.size(); ++round) {
    if (!counts(cores, report, round)) continue;
    if (figures[round] == 0 || (!alone && (round >= references.size() || references[round] == 0))) continue;
    const double reference = alone ? 0 : references[round];
    const double other = round < others.size() ? others[round] : 0;
    bounds.push_back(std::max({row.factor * reference + row.extra, row.or_factor * reference, other}));
    known.push_back(figures[round]);
    ratios.push_back(figures[round] / bounds.back());
  }
  const double figure = median_of(known), bound = median_of(bounds);
  // A crowd's own rounds are not those of what it is compared with.
  const bool paired = !makes_rounds(row.figure.job.measure) || bounds.empty();
  return {figure, bound, paired ? median_of(ratios) : figure / bound, known.size(), figures.size()};
}

// Returns true if our figure is at most a little worse than that of a ring without any guarantee.
bool is_like(const Row& row, const Judged& bare, const Judged& ours) {
  return row.at_least ? 1.3 * ours.figure >= bare.figure : ours.figure <= 1.3 * bare.figure + 20;
}

bool holds(const Row& row, const Judged& judged) { return row.at_least ? judged.of_bound >= 1 : judged.of_bound <= 1; }

}  // namespace

std::string value_text(Unit unit, double value) {
  if (value == 0) return "–";
  if (is_rate(unit)) return fmt::format("{:.1f} M/s", value / 1e6);
  if (unit == Unit::wakeups) return fmt::format("{:.0f} /s", value);
  if (unit == Unit::percent) return fmt::format("{:.2f} %", value);
  if (unit == Unit::bytes) return fmt::format("{:.0f} B", value);
  if (value < 1e4) return fmt::format("{:.1f} ns", value);
  return value < 1e6 ? fmt::format("{:.1f} µs", value / 1e3) : fmt::format("{:.1f} ms", value / 1e6);
}

namespace {

std::vector<Row> rows_of_writes() {
  return {
      {"exclusive lane, all on, drained live",
       live("exclusive"),
       false,
       live("floor"),
       1,
       5,
       0,
       true,
       false,
       "floor-timed",
       {},
       live("floor-claim")},
      {"exclusive lane without time and tripwire", live("exclusive-bare"), false, live("floor"), 1},
      {"exclusive lane, all on, nobody drains", quiet("exclusive"), false, quiet("floor"), 1, 20, 0, false, false,
       "floor-timed"},
      {"exclusive lane without time and tripwire, nobody drains", quiet("exclusive-bare"), false, quiet("floor"), 1, 8, 0,
       false},
      {"nobody drains: cheaper than a robust mutex", quiet("exclusive-bare"), false, quiet("robust-mutex"), 1, 0, 0, false},
      {"nobody drains: cheaper than Boost message_queue", quiet("exclusive-bare"), false, quiet("boost-mq"), 1, 0, 0, false},
      {"shared lane, one producer", live("shared"), false, live("exclusive"), 1, 8, 0, true, false, "floor-claim-timed"},
      {"shared lane, 2 producers", live("shared", 2), false, live("floor-claim", 2), 1.2, 0, 0, true, false,
       "floor-claim-timed"},
      {"shared lane, 4 producers against 2", rate("shared", 4), true, rate("shared", 2), 0.8, 0, 0, true, true},
      {"shared lane, 8 producers against 2", rate("shared", 8), true, rate("shared", 2), 0.8, 0, 0, true, true},
      {"exclusive lanes, 2 producers against 1", live("exclusive", 2), false, live("exclusive"), 1.15, 0, 0, true, true},
      {"exclusive lanes, 4 producers against 1", live("exclusive", 4), false, live("exclusive"), 1.15, 0, 0, true, true},
      {"8 times cheaper than Boost message_queue", live("exclusive"), false, cheaper("boost-mq"), 1.0 / 8, 0, 0, true, false,
       "floor"},
      {"8 times cheaper than a robust mutex", live("exclusive"), false, cheaper("robust-mutex"), 1.0 / 8, 0, 0, true, false,
       "floor"},
      {"8 times cheaper than a reader-writer lock", live("exclusive"), false, cheaper("rwlock"), 1.0 / 8, 0, 0, true, false,
       "floor"},
      {"5 times cheaper than Boost lockfree queue", live("exclusive"), false, cheaper("boost-lockfree"), 1.0 / 5, 0, 0, true,
       false, "floor"},
      {"99.9 % of all calls, drained live", calls("exclusive"), false, calls("floor"), 1.5, 0, 0, true, false, "floor-timed"},
      {"delivered, without time and tripwire", rate("exclusive-bare"), true, rate("floor"), 0.85},
      {"delivered, all on", rate("exclusive"), true, rate("floor"), 0.85, 0, 0, true, false, "floor-timed"},
      {"256 bytes, drained live", live("exclusive", 1, 256), false, live("floor", 1, 256), 1, 10, 0, true, false,
       "floor-timed"},
      {"256 bytes, polite reader", polite("exclusive", 256), false, polite("floor", 256), 1, 10, 0, true, false, "floor-timed"},
      {"256 bytes, nobody drains", quiet("exclusive", 256), false, quiet("floor", 256), 1, 10, 0, false, false, "floor-timed"},
      {"1 KiB, drained live", live("exclusive", 1, 1024), false, live("floor", 1, 1024), 1.3, 0, 0, true, false, "floor-timed"},
      {"1 KiB, polite reader", polite("exclusive", 1024), false, polite("floor", 1024), 1.3, 0, 0, true, false, "floor-timed"},
      {"1 KiB, nobody drains", quiet("exclusive", 1024), false, quiet("floor", 1024), 1.3, 0, 0, false, false, "floor-timed"},
  };
}

std::vector<Row> other_rows() {
  return {
      {"a refused write, exclusive lane full", full("exclusive"), false, {nullptr, {}}, 0, 30, 0, false},
      {"a refused write, shared lane full", full("shared"), false, {nullptr, {}}, 0, 30, 0, false},
      {"write() to a polling collector's hands", hands("collector-busy"), false, hands("floor-polled"), 1.5, 0, 0, true, true},
      {"write() to a sleeping collector's hands", hands("collector"), false, {nullptr, {}}, 0, 2e6, 0, false},
      {"lines in the log, one producer",
       {"collector", {Measure::logged, 64}},
       true,
       {"encoder", {Measure::encode, 64}},
       0.7,
       0,
       0,
       false,
       true,
       "encoded-writes",
       {"file-writes", {Measure::written, 64}}},
      {"lines encoded, the encoder alone", {"encoder", {Measure::encode, 64}}, true, {nullptr, {}}, 0, 8e6, 0, false},
      {"wake-ups of an idle collector", {"collector", {Measure::idle, 64}}, false, {nullptr, {}}, 0, 50, 0, false},
      {"an idle collector, of a processor", {"collector", {Measure::resting, 64}}, false, {nullptr, {}}, 0, 0.5, 0, false},
      {"8190 idle producers, of a processor", crowd(Measure::attended, most_producers), false, {nullptr, {}}, 0, 1, 0, false},
      {"a flood among 8190 producers, processor time a record", crowd(Measure::flood, most_producers), false,
       crowd(Measure::flood, few_producers), 1.3, 0, 0, false},
  };
}

// The bounds of a disk are those of the same disk.
std::vector<Row> rows_of_disks() {
  const Subject log{"collector", {Measure::logged, 64}}, file{"file-syncs", {Measure::written, 64}};
  const Subject durable{"collector-every", {Measure::durable, 64}}, sync{"file-syncs", {Measure::durable, 64}};
  const auto synced = [&](const char* what, const char* transport, double part) {
    Row row{what, {transport, {Measure::logged, 64}}, true, log, part, 0, 0, false, true};
    row.or_reference = file;
    return row;
  };
  return {
      synced("lines in the log, synced each 20 ms", "collector-interval", 0.9),
      synced("lines in the log, synced all the time", "collector-every", 0.8),
      {"from write() until the record is durable", durable, false, sync, 1.5, 2e6, 0, false, true},
      {"99.9 % of all calls beside a disk that is 100 ms slower",
       {"slow-disk", {Measure::syncing, 64}},
       false,
       {"collector-every", {Measure::syncing, 64}},
       1.5,
       0,
       0,
       false,
       true},
      {"a restart with a log of 10 GiB", ten_gigabytes(Measure::restart), false, {nullptr, {}}, 0, 50e6, 0, false},
      {"a restart with a log of 10 GiB against one of 1 GiB", ten_gigabytes(Measure::restart), false,
       one_gigabyte(Measure::restart), 1.2, 0, 0, false},
      {"a restart after a boot with a log of 10 GiB", ten_gigabytes(Measure::reboot), false, {nullptr, {}}, 0, 1e9, 0, false},
      {"a restart after a boot, 10 GiB against 1 GiB", ten_gigabytes(Measure::reboot), false, one_gigabyte(Measure::reboot),
       1.2, 0, 0, false},
  };
}

// What is signed is compared with the same log unsigned, and with what nobody can leave out.
std::vector<Row> rows_of_seals() {
  const auto sealed = [](const char* transport, Measure measure) { return Subject{transport, {measure, 64}}; };
  const auto of_many = [&](Measure measure) { return sealed("log-10m", measure); };
  const auto verified = [&](const char* what, const char* ours, const char* than, double factor) {
    return Row{what, sealed(ours, Measure::verified), false, sealed(than, Measure::verified), factor, 0, 0, false};
  };
  Row lines{"lines sealed, synced each 20 ms",
            sealed("collector-sealed", Measure::finished),
            true,
            sealed("collector-interval", Measure::finished),
            0.85,
            0,
            0,
            false,
            true};
  lines.or_reference = sealed("tree", Measure::hashed);
  Row two = verified("verify --key on two cores against one", "verify-key-two", "verify-key", 0.6);
  two.needs_cores = true;
  return {
      lines,
      {"a write beside a collector that seals", sealed("collector-sealed", Measure::beside), false,
       sealed("collector-interval", Measure::beside), 1.03, 0, 0, false, true},
      verified("verify without a key against SHA-256 of the files", "verify", "sha256", 1),
      verified("verify --key against hashes alone and verify without", "verify-key", "hashes-and-verify", 1.2),
      two,
      {"a proof of a line of 10 million, its size", of_many(Measure::proof), false, {nullptr, {}}, 0, 10'240, 0, false},
      {"a proof of a line of 10 million, made", of_many(Measure::proved), false, {nullptr, {}}, 0, 50e6, 0, false},
      {"a proof of a line of 10 million, checked", of_many(Measure::checked), false, {nullptr, {}}, 0, 5e6, 0, false},
      {"a start after a crash with 10 million lines", of_many(Measure::crash), false, {nullptr, {}}, 0, 1e9, 0, false},
  };
}

}  // namespace

const std::vector<Row>& rows_to_reach() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all = rows_of_writes();
    for (const Row& row : other_rows()) all.push_back(row);
    for (const Row& row : rows_of_disks()) all.push_back(row);
    for (const Row& row : rows_of_seals()) all.push_back(row);
    return all;
  }();
  return rows;
}

const char* verdict_name(Verdict verdict) {
  constexpr const char* names[] = {"ok", "FAIL", "not seen", "crowded", "floor", "not measured"};
  return names[static_cast<std::size_t>(verdict)];
}

const char* cores_name(Cores cores) {
  constexpr const char* names[] = {"any", "near", "far"};
  return names[static_cast<std::size_t>(cores)];
}

namespace {

Line judge(const Row& row, Cores cores, const Report& report) {
  const Judged judged = compare(row, cores, report, row.figure.transport);
  Line line{row.what, cores, unit_of(row.figure.job.measure), row.at_least, judged.figure, judged.bound, judged.of_bound};
  if (row.needs_cores && report.crowded(row.figure.job)) {
    line.verdict = Verdict::crowded;
    line.reason = fmt::format("{} processes, {} processors", row.figure.job.producers + 1, report.machine.processors);
    return line;
  }
  if (judged.rounds == 0 && compare(row, Cores::any, report, row.figure.transport).rounds == 0) return line;
  if (judged.rounds < enough_rounds) {
    line.verdict = Verdict::unseen;
    line.reason = fmt::format("{} of {} rounds", judged.rounds, judged.of);
    return line;
  }
  line.verdict = holds(row, judged) ? Verdict::ok : Verdict::failed;
  if (row.stand_in != nullptr) {
    const Judged bare = compare(row, cores, report, row.stand_in);
    const bool beyond = bare.rounds >= enough_rounds && !holds(row, bare);
    if (line.verdict == Verdict::failed && beyond && is_like(row, bare, judged)) line.verdict = Verdict::floor;
    if (bare.of_bound != 0)
      line.reason = fmt::format("{} itself: {}, {} it", row.stand_in, value_text(line.unit, bare.figure),
                                holds(row, bare) ? "within" : "beyond");
  }
  if (judged.rounds < judged.of)
    line.reason += fmt::format("{}{} of {} rounds", line.reason.empty() ? "" : "; ", judged.rounds, judged.of);
  return line;
}

}  // namespace

std::vector<Line> judge(const Row& row, const Report& report) {
  if (!row.by_distance || (row.needs_cores && report.crowded(row.figure.job))) return {judge(row, Cores::any, report)};
  return {judge(row, Cores::near, report), judge(row, Cores::far, report)};
}

bool falls_short(const std::vector<Line>& lines) {
  auto is_judged = [&](const std::string& what) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const Line& line) { return line.what == what && line.verdict != Verdict::unseen; });
  };
  return std::any_of(lines.begin(), lines.end(), [&](const Line& line) {
    return line.verdict == Verdict::failed || line.verdict == Verdict::missing || !is_judged(line.what);
  });
}

}  // namespace shmring::bench
