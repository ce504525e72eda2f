// Samples become models: see model.hpp. Invariant: a difference is never negative, whatever the two samples hold.
#include "tools/shmring/top/model.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <tuple>
#include <utility>

#include "tools/common/text.hpp"
#include "tools/shmring/advice.hpp"

namespace shmring::tool::top {
namespace {

constexpr u64 late_pass_ns = 2'000'000'000;

double growth(u64 before, u64 now, double seconds) { return now > before ? static_cast<double>(now - before) / seconds : 0; }

Rate stale(const Rate& before) {
  return before.kind == Rate::Kind::unknown ? before : Rate{Rate::Kind::stale, before.per_second};
}

Rate known(double per_second) { return {Rate::Kind::known, per_second}; }

u64 age(u64 then_ns, u64 now_ns) { return then_ns != 0 && now_ns > then_ns ? now_ns - then_ns : 0; }

// Two looks at the same ring. `seconds` is 0 if they cannot be compared.
struct Pair {
  const Ring* before;  // nullptr: the ring was not read before, or was another one
  const Look& now;
  double seconds;
};

Pair pair_of(const Ring* before, const Look& now) {
  const bool same = before != nullptr && before->was_read && before->look.facts.header.identity == now.facts.header.identity;
  if (!same) return {nullptr, now, 0};
  return {before, now, static_cast<double>(age(before->look.at_ns, now.at_ns)) / 1e9};
}

// --------------------------------------------------------------------------------------------------------- producers

Life life_of(const inspect::ProducerFacts& facts) {
  if (facts.owner.state == ring::OwnerState::left) return Life::left;
  if (facts.standing == inspect::Standing::dead) return Life::died;
  if (facts.owner.state == ring::OwnerState::attaching) return Life::attaching;
  if (facts.standing == inspect::Standing::replaced) return Life::other_program;
  return facts.standing == inspect::Standing::alive ? Life::alive : Life::unknown;
}

// A damaged table may have an incarnation twice, but never an entry.
using Key = std::pair<u64, u32>;
using Known = std::map<Key, const Producer*>;
Key key_of(const Producer& one) { return {one.incarnation, one.entry}; }

Producer producer_of(const inspect::ProducerFacts& facts, const Pair& pair, const Known& known_before) {
  Producer out;
  out.incarnation = facts.incarnation, out.entry = facts.entry, out.pid = facts.owner.pid;
  out.name = safe(facts.identity.name);
  out.life = life_of(facts);
  out.lane = facts.lane, out.attempted = facts.account.attempted, out.lost = facts.refused();
  out.unlogged = out.attempted - std::min(facts.logged.through, out.attempted);
  out.causes = counters_text(facts, "{} {}", ", ");
  if (pair.before == nullptr || facts.incarnation == 0) return out;
  // One that was not there before has attached since, and all that it has attempted is new.
  const auto found = known_before.find({facts.incarnation, facts.entry});
  const Producer* const before = found == known_before.end() ? nullptr : found->second;
  if (pair.seconds > 0) {
    out.attempts = known(growth(before != nullptr ? before->attempted : 0, out.attempted, pair.seconds));
    out.losses = known(growth(before != nullptr ? before->lost : 0, out.lost, pair.seconds));
  } else if (before != nullptr) {
    out.attempts = stale(before->attempts), out.losses = stale(before->losses);
  }
  return out;
}

Producer gone(Producer was, u64 now_ns) {
  if (was.life != Life::left && was.life != Life::died) was.life = Life::ended;
  was.attempts = stale(was.attempts), was.losses = stale(was.losses);
  if (was.gone_ns == 0) was.gone_ns = now_ns;
  return was;
}

std::vector<Producer> producers_of(const Pair& pair) {
  std::vector<Producer> out;
  Known left_over;
  if (pair.before != nullptr)
    for (const Producer& was : pair.before->producers)
      if (was.incarnation != 0) left_over.emplace(key_of(was), &was);
  for (const inspect::ProducerFacts& facts : pair.now.facts.producers) {
    out.push_back(producer_of(facts, pair, left_over));
    left_over.erase(key_of(out.back()));
  }
  const std::size_t most = out.size() + most_lingering;
  for (const auto& [_, was] : left_over) {
    Producer lingering = gone(*was, pair.now.at_ns);
    if (out.size() < most && pair.now.at_ns - lingering.gone_ns < linger_ns) out.push_back(std::move(lingering));
  }
  std::ranges::stable_sort(out, [](const Producer& a, const Producer& b) {
    return std::tie(b.lost, b.attempts.per_second, a.name, a.incarnation) <
           std::tie(a.lost, a.attempts.per_second, b.name, b.incarnation);
  });
  return out;
}

// --------------------------------------------------------------------------------------------------------- collector

Collecting state_of(const inspect::CollectorFacts& facts, u64 pass_age_ns) {
  if (!facts.holds_lease) {
    if (facts.epoch == 0) return Collecting::none;
    return facts.identity.pid != 0 ? Collecting::died : Collecting::stopped;
  }
  if (pass_age_ns > late_pass_ns && facts.identity.pid != 0) return Collecting::late;
  if (facts.log_is_failing()) return Collecting::log_failing;
  return facts.is_starting() || facts.identity.pid == 0 ? Collecting::starting : Collecting::collecting;
}

Collector collector_of(const Pair& pair) {
  const inspect::CollectorFacts& facts = pair.now.facts.collector;
  Collector out;
  out.pass_age_ns = heartbeat_age(pair.now);
  out.state = state_of(facts, out.pass_age_ns);
  out.pid = facts.identity.pid, out.epoch = facts.epoch, out.logged = facts.logged, out.lost = facts.lost;
  out.stalled = facts.stalled;
  out.causes = losses_text(facts, "{} {}", ", ");
  if (pair.before == nullptr) return out;
  const Collector& before = pair.before->collector;
  const bool same = before.epoch == out.epoch;
  const Rates now = rates(pair.before->look, pair.now);
  if (now.of_collector && out.state != Collecting::late) {
    out.logging = known(now.logged), out.losing = known(now.lost);
    out.wakeups = known(now.wakeups), out.processors = known(now.cpu);
  } else if (same || !facts.holds_lease) {
    out.logging = stale(before.logging), out.losing = stale(before.losing);
    out.wakeups = stale(before.wakeups), out.processors = stale(before.processors);
  }
  return out;
}

LogState log_of(const Look& now) {
  const inspect::CollectorFacts& facts = now.facts.collector;
  LogState out;
  if (!facts.has_more) return out;
  out.level = facts.level;
  out.durable = facts.log.durable_index, out.next = facts.log.next_index;
  out.bytes = facts.log.bytes, out.free_bytes = facts.log.free_bytes;
  const bool times = now.facts.header.this_boot.value_or(false);
  out.lag_ns = times ? age(facts.log.undurable_ns, now.at_ns) : 0;
  if (facts.archived()) out.unarchived = facts.unarchived();
  out.unarchived_ns = times ? age(facts.log.unarchived_ns, now.at_ns) : 0;
  out.checkpoint_ns = checkpoint_age(now);
  return out;
}

// A collector that is gone has left its last alarm on the page; that it is gone is said elsewhere.
std::optional<Alarm> alarm_of(const inspect::CollectorFacts& facts) {
  const u64 code = facts.alarm.code;
  if (!facts.holds_lease || (code == 0 && !facts.log_is_failing())) return std::nullopt;
  const auto name = code == 0 ? ring::AlarmCode::log_failing : ring::AlarmCode{code};
  Alarm out{code < ring::alarm_codes ? ring::name_of(name) : fmt::format("code {}", code), "", facts.alarm.since_utc_ns};
  if (facts.alarm.error != 0) out.error = std::strerror(static_cast<int>(facts.alarm.error));
  return out;
}

// ------------------------------------------------------------------------------------------------------------- rings

Standing standing_of(const inspect::Inspection& facts) {
  if (is_of_another_boot(facts.header)) return Standing::other_boot;
  if (!facts.header.made_by.empty()) return Standing::older;
  if (is_retired(facts.header)) return Standing::retired;
  return facts.findings.count != 0 ? Standing::damaged : Standing::open;
}

std::vector<LaneFill> lanes_of(const inspect::Inspection& facts) {
  std::map<u64, const char*> names;  // by the lane's word for its owner
  for (const inspect::ProducerFacts& producer : facts.producers) names[u64{producer.entry} + 1] = producer.identity.name;
  std::vector<LaneFill> out;
  for (const inspect::LaneFacts& lane : facts.lanes) {
    const auto named = names.find(lane.owner);
    const std::string owner = lane.lane == 0         ? "shared"
                              : lane.owner == 0      ? "free"
                              : named != names.end() ? safe(named->second)
                                                     : fmt::format("entry {}", lane.owner - 1);
    out.push_back({lane.lane, owner, lane.fill(), lane.high_water, lane.slots, is_unused(lane)});
  }
  return out;
}

Ring ring_of(const std::string& name, const Pair& pair) {
  const inspect::Inspection& facts = pair.now.facts;
  const ring::Geometry& geometry = facts.header.geometry;
  Ring out;
  out.name = safe(name), out.standing = standing_of(facts), out.was_read = true;
  if (out.standing == Standing::damaged) out.problem = safe(facts.findings.texts.front());
  out.on_full = policy_name(geometry.on_full), out.slots = geometry.slots, out.slot_bytes = geometry.slot_bytes;
  out.file_bytes = facts.header.file_bytes, out.places = geometry.producers;
  out.fill = facts.undrained();
  out.lanes = lanes_of(facts);
  for (const LaneFill& lane : out.lanes) out.fullest = std::max(out.fullest, lane.fill);
  const Rates now = pair.before != nullptr ? rates(pair.before->look, pair.now) : Rates{};
  if (now.of_producers)
    out.attempts = known(now.attempted);
  else if (pair.before != nullptr)
    out.attempts = stale(pair.before->attempts);
  out.collector = collector_of(pair);
  out.log = log_of(pair.now);
  out.alarm = alarm_of(facts.collector);
  for (const Warning& warning : warnings(pair.now)) out.warnings.push_back({safe(warning.what), safe(warning.remedy)});
  out.producers = producers_of(pair);
  out.look = pair.now;
  return out;
}

// What was seen of it before stays, and its rates are old.
Ring unread(const Ring* before, const std::string& name) {
  Ring out = before != nullptr ? *before : Ring{};
  out.name = safe(name);
  out.warnings.clear();
  out.alarm.reset();
  Collector& collector = out.collector;
  collector.state = Collecting::unknown;
  for (Rate* rate : {&out.attempts, &collector.logging, &collector.losing, &collector.wakeups, &collector.processors})
    *rate = stale(*rate);
  for (Producer& producer : out.producers)
    producer.attempts = stale(producer.attempts), producer.losses = stale(producer.losses);
  return out;
}

Ring removed(const Ring& before, const std::string& name, u64 now_ns) {
  Ring out = unread(&before, name);
  out.standing = Standing::removed;
  out.problem = "it was removed";
  if (out.gone_ns == 0) out.gone_ns = now_ns;
  return out;
}

Ring refused(const Ring* before, const RingSample& sample, u64 now_ns) {
  if (before != nullptr && before->was_read && sample.error == -ENOENT) return removed(*before, sample.name, now_ns);
  Ring out = unread(before, sample.name);
  out.standing = sample.error == -ENOENT ? Standing::absent : Standing::unreadable;
  out.problem = safe(sample.problem);
  out.gone_ns = 0;
  return out;
}

}  // namespace

Model next(const Model& before, const Sample& sample) {
  Model out{sample.at_ns, sample.utc_ns, safe(sample.host), safe(sample.problem), {}};
  const auto find = [](const auto& rings, const std::string& name) {
    const auto found = std::ranges::find_if(rings, [&](const auto& one) { return one.name == name; });
    return found == rings.end() ? nullptr : &*found;
  };
  for (const RingSample& ring : sample.rings) {
    const Ring* const was = find(before.rings, safe(ring.name));
    out.rings.push_back(ring.error != 0 ? refused(was, ring, sample.at_ns) : ring_of(ring.name, pair_of(was, ring.look)));
  }
  for (const Ring& was : before.rings) {
    if (find(out.rings, was.name) != nullptr) continue;
    Ring lingering = sample.error != 0 ? unread(&was, was.name) : removed(was, was.name, sample.at_ns);
    if (lingering.gone_ns == 0 || sample.at_ns - lingering.gone_ns < linger_ns) out.rings.push_back(std::move(lingering));
  }
  std::ranges::stable_sort(out.rings, {}, &Ring::name);
  return out;
}

}  // namespace shmring::tool::top
