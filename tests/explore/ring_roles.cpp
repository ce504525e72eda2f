// The roles of the ring's exploration.
#include "tests/explore/ring_roles.hpp"

#include <cerrno>
#include <cstdio>

#include "lib/audit/collector.hpp"
#include "lib/ring/producer.hpp"
#include "tests/explore/collector_digest.hpp"

namespace explore {

using namespace shmring;

namespace {

void produce(RingWorld& world, int role, int writes) {
  Scheduler& scheduler = Scheduler::active();
  ring::Producer<ExploreMemory> producer;
  ring::Identity identity{};
  std::snprintf(identity.name, sizeof identity.name, "%s", scheduler.roles()[static_cast<std::size_t>(role)].name.c_str());
  const u32 lane = world.plan().lanes > 1 ? SHMRING_LANE_AUTO : SHMRING_LANE_SHARED;
  // A full table is "try again", for places return.
  while (const int error = producer.attach(world.ring(), RingWorld::owner(role), identity, lane)) {
    if (error != -EUSERS) scheduler.fail("attach fails");
    scheduler.knows_only(0);
    scheduler.idle();
  }
  for (int i = 0; i < writes; ++i) {
    // All that a handle keeps between two calls stands in its entry (and its lane's tail) too.
    scheduler.knows_only(static_cast<u64>(i) + 1);
    const std::vector<u64> payload = world.payload(role, producer.sequence() + 1);
    const int result = producer.write(nullptr, payload.data(), payload.size() * sizeof payload[0]);
    if (result != 0 && result != SHMRING_FULL && result != SHMRING_TIMEOUT) scheduler.fail("write fails");
  }
  producer.detach();
}

// What a collector asks of the world outside. Its clock moves as far as it is asked.
struct Host {
  bool dead(u32, u64 owner) { return Scheduler::active().proven_dead(RingWorld::role_of(ring::Owner::of(owner))); }
  void forget(u32) {}
  std::string exe(u32) { return ""; }
  u64 utc(u64) { return 1; }
  u64 now_utc_ns() { return 1; }
  u64 now_ns() { return time += audit::tail_patience_ns; }
  void wake(std::atomic<u32>& freed) { Scheduler::active().wake(freed); }
  u64 time = 0;
};

struct Log {
  RingWorld& world;
  std::function<audit::Accounts()> accounts;
  int since_accounts = 0;

  bool store(const std::vector<audit::Line>& lines) {
    for (const audit::Line& line : lines) world.append(line), ++since_accounts;
    const int every = world.plan().accounts_every;
    if ((every > 0 && since_accounts >= every) || Scheduler::active().choose(2) == 1) {
      world.append(accounts());
      since_accounts = 0;
    }
    return true;
  }
};

using Collector = audit::Collector<ExploreMemory, Host, Log>;

}  // namespace

struct AssemblyTag {
  friend auto member(AssemblyTag);
};
template struct Reveal<AssemblyTag, &Collector::assembly_>;

namespace {

void collect(RingWorld& world) {
  Scheduler& scheduler = Scheduler::active();
  Host host;
  Log log{world, {}};
  const bool short_walk = scheduler.choose(2) == 1;
  const ring::Pace pace{short_walk ? 1 : world.plan().walk, 128, 1, 1};
  Collector collector(world.ring(), pace, host, log);
  log.accounts = [&] { return collector.ledger().accounts(1); };
  world.rows().sight = [&collector](u32 lane) {
    const auto& view = (collector.reader().*member(LanesTag{}))[lane];
    return LaneSight{view.head, view.at_end};
  };
  collector.start({1, world.log().accounts(), {}});
  for (;;) {
    const u64 before = world.effects();
    const bool entries_due = scheduler.choose(2) == 0;
    collector.pass(entries_due);
    world.rows().pass_is_over();
    if (collector.reader().repairs() != 0) scheduler.fail("the collector repairs a head or a tail, although nobody scribbled");
    if (collector.reader().refused_entries() != 0) scheduler.fail("the collector refuses an entry, although nobody scribbled");
    scheduler.knows_only(mix(digest_of(collector, collector.*member(AssemblyTag{})),
                             static_cast<u64>(log.since_accounts) << 1 | u64{short_walk}));
    if (world.effects() != before || !entries_due) continue;
    if (scheduler.undisturbed()) world.check_quiet();
    scheduler.idle();
  }
}

}  // namespace

void add_roles(Scheduler& scheduler, RingWorld& world) {
  const Plan& plan = world.plan();
  int role = 0;
  for (int i = 0; i < plan.producers; ++i, ++role)
    scheduler.add_role("P" + std::to_string(i), [&world, role, &plan] { produce(world, role, plan.writes); });
  for (int i = 0; i < plan.heirs; ++i, ++role)
    scheduler.add_role(
        "H" + std::to_string(i), [&world, role] { produce(world, role, 1); }, false, "P" + std::to_string(i));
  scheduler.add_role(
      "C", [&world] { collect(world); }, true);
}

}  // namespace explore
