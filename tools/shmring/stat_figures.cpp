// Rates and warnings: see stat.hpp. Invariant: a difference is never negative, whatever the two looks hold.
#include <algorithm>

#include "tools/common/text.hpp"
#include "tools/shmring/advice.hpp"
#include "tools/shmring/stat.hpp"

namespace shmring::tool {
namespace {

using inspect::Inspection;
using inspect::LaneFacts;
using inspect::ProducerFacts;
using inspect::Standing;

constexpr u64 late_pass_ns = 2'000'000'000;

double growth(u64 before, u64 now, double seconds) {
  return now > before && seconds > 0 ? static_cast<double>(now - before) / seconds : 0;
}

bool has_alarm(const inspect::CollectorFacts& collector, ring::AlarmCode code) {
  return collector.holds_lease && collector.alarm.code == static_cast<u64>(code);
}

void warn_of_log(const inspect::CollectorFacts& collector, std::vector<Warning>& out) {
  if (collector.log_is_failing())
    out.push_back({"the collector cannot write its log: it keeps trying, and releases nothing until it succeeds",
                   "see why: its messages on standard error name the file; most often its disk is full"});
  else if (has_alarm(collector, ring::AlarmCode::disk_failing))
    out.push_back({"the disk of the log does not take what was written: the collector writes it again into another file",
                   "see why: its messages on standard error name the file; then repair that disk, or move the log to another"});
  else if (has_alarm(collector, ring::AlarmCode::disk_behind))
    out.push_back(
        {"the disk of the log is behind by as much as may be in memory: until it has caught up, nothing is taken from the ring",
         "see what else keeps that disk busy, or move the log to a faster one"});
}

// A full ring is too small only if a collector empties it. Otherwise an earlier warning names the cause.
std::string remedy_of_full(const inspect::CollectorFacts& collector, const char* if_too_small) {
  std::vector<Warning> of_log;
  warn_of_log(collector, of_log);
  if (collector.holds_lease && of_log.empty()) return if_too_small;
  return "mend what is said above first: until then a larger ring is soon full, too";
}

void warn_of_collector(const Look& now, std::vector<Warning>& out) {
  const Inspection& facts = now.facts;
  const std::string& ring = facts.header.name;
  const bool usable = can_be_attached_to(facts.header);
  if (!facts.collector.holds_lease && usable) {
    const bool overwrites = facts.header.geometry.on_full == static_cast<u32>(ring::OnFull::overwrite);
    out.push_back({overwrites ? "no collector: once the ring is full, a record takes the place of one that no log has"
                              : "no collector: records stay in the ring until it is full, and are then refused",
                   fmt::format("start one: shmringd --ring {} --log DIR", ring)});
  } else if (const u64 age = heartbeat_age(now);
             facts.collector.holds_lease && age > late_pass_ns && facts.collector.identity.pid != 0) {
    const u32 pid = facts.collector.identity.pid;
    out.push_back({fmt::format("the collector (pid {}) made no pass for {}", pid, duration_text(age)),
                   fmt::format("if it is stopped: kill -CONT {}; if not, see whether the disk of its log hangs", pid)});
  }
  warn_of_log(facts.collector, out);
  if (usable && !is_retired(facts.header)) return;
  const char* const what = is_of_another_boot(facts.header) ? "the ring is of another boot: nobody can attach to it"
                           : !facts.header.made_by.empty()  ? "the ring is of an older version: this one cannot attach to it"
                                                            : "the ring is retired: nobody can write into it";
  out.push_back({what, remedy(facts, judge(facts))});
}

void warn_of_lanes(const Inspection& facts, std::vector<Warning>& out) {
  const u64 slots = facts.header.geometry.slots;
  for (const LaneFacts& lane : facts.lanes) {
    if (lane.fill() > slots / 4 * 3)
      out.push_back({fmt::format("lane {}: {} of {} slots are not drained", lane.lane, lane.fill(), slots),
                     remedy_of_full(facts.collector,
                                    "if this persists, the ring is too small for its rate: create it with more --slots")});
    if (lane.stalled > slots / 4)
      out.push_back({fmt::format("lane {}: {} of {} slots are stalled: their writers have claimed them and do not go on",
                                 lane.lane, lane.stalled, slots),
                     fmt::format("see who: shmring dump {} --lane {} --state writing; continue or end these processes",
                                 facts.header.name, lane.lane)});
  }
}

void warn_of_producer(const inspect::CollectorFacts& collector, const ProducerFacts& producer, std::vector<Warning>& out) {
  const std::string who = fmt::format("producer {} (pid {})", safe(producer.identity.name), producer.owner.pid);
  const bool here = producer.owner.state != ring::OwnerState::left;
  if (producer.standing == Standing::replaced)
    out.push_back(
        {who + " runs another program since it attached: its place stays taken until that process ends", "detach before exec"});
  if (here && producer.owner.start_time == 0)
    out.push_back(
        {who + " is in other namespaces than the ring's: it is never judged dead, and its place stays taken when it dies",
         "let all who use the ring share one pid and time namespace"});
  if (const u64 full = producer.counters[static_cast<std::size_t>(ring::Cause::full)].count)
    out.push_back({fmt::format("{} lost {} records to a full lane", who, full),
                   remedy_of_full(collector, "make the collector faster, or create the ring with more --slots")});
}

// `then_ns` is by the clock of the ring's boot; 0: never.
u64 age_of(const Look& now, u64 then_ns) {
  return then_ns != 0 && now.facts.header.this_boot.value_or(false) && now.at_ns > then_ns ? now.at_ns - then_ns : 0;
}

}  // namespace

u64 heartbeat_age(const Look& now) { return age_of(now, now.facts.collector.heartbeat_ns); }
u64 checkpoint_age(const Look& now) { return age_of(now, now.facts.collector.log.signed_ns); }

double attempt_rate(const ProducerFacts& now, const Look& before, double seconds) {
  const auto same = std::ranges::find(before.facts.producers, now.incarnation, &ProducerFacts::incarnation);
  const u64 attempted = same == before.facts.producers.end() ? 0 : same->account.attempted;
  return growth(attempted, now.account.attempted, seconds);
}

Rates rates(const Look& before, const Look& now) {
  Rates out;
  const double seconds = now.at_ns > before.at_ns ? static_cast<double>(now.at_ns - before.at_ns) / 1e9 : 0;
  if (seconds == 0) return out;
  out.of_producers = true;
  for (const ProducerFacts& producer : now.facts.producers) out.attempted += attempt_rate(producer, before, seconds);
  const inspect::CollectorFacts &was = before.facts.collector, &is = now.facts.collector;
  if (!is.holds_lease || was.epoch != is.epoch) return out;
  out.of_collector = true;
  out.logged = growth(was.logged, is.logged, seconds);
  out.lost = growth(was.lost, is.lost, seconds);
  out.wakeups = growth(was.wakeups, is.wakeups, seconds);
  out.cpu = growth(was.cpu_ns, is.cpu_ns, seconds) / 1e9;
  return out;
}

std::vector<Warning> warnings_of_collector(const Look& now) {
  std::vector<Warning> out;
  warn_of_collector(now, out);
  return out;
}

std::vector<Warning> warnings(const Look& now) {
  std::vector<Warning> out = warnings_of_collector(now);
  warn_of_lanes(now.facts, out);
  for (const ProducerFacts& producer : now.facts.producers) warn_of_producer(now.facts.collector, producer, out);
  const auto dead = std::ranges::count(now.facts.producers, Standing::dead, &ProducerFacts::standing);
  if (dead != 0 && !now.facts.collector.holds_lease && can_be_attached_to(now.facts.header))
    out.push_back({fmt::format("{} of the producers are dead and keep their places: only a collector frees them", dead),
                   "start one, as above"});
  const u64 taken = now.facts.producers.size(), places = now.facts.header.geometry.producers;
  if (taken * 10 >= places * 9 && places != 0)
    out.push_back({fmt::format("the producer table is {}: {} of {} places are taken",
                               taken < places ? "nearly full" : "full, and nobody can attach", taken, places),
                   "detach producers that are not needed; a ring has more places if it is made with more --producers"});
  return out;
}

}  // namespace shmring::tool
