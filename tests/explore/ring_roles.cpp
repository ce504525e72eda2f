// The roles of the ring's exploration.
#include "tests/explore/ring_roles.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "lib/collect/collector.hpp"
#include "lib/ring/observe.hpp"
#include "lib/ring/producer.hpp"
#include "lib/ring/remover.hpp"
#include "tests/explore/collector_digest.hpp"
#include "tests/support/plain_log.hpp"

namespace explore {

using namespace shmring;

namespace {

void lock(RingWorld& world) {
  while (!world.take_lock()) Scheduler::active().idle();
}

// A number that a collector publishes, and its life.
u64 publication(int life, int number) { return static_cast<u64>(life) << 8 | static_cast<u64>(number); }
u64 life_of(u64 publication) { return publication >> 8; }

// Of a ring that is retired, as lib/os does it. False: it has lost its name.
bool settle_removal(RingWorld& world) {
  lock(world);
  const bool named = world.has_name();
  if (named && ring::reopen<ExploreMemory>(*world.ring().header)) Rows::take(Row::opened_again);
  world.leave_lock();
  return named;
}

// What stands before each attachment. False: there is no ring any more.
bool find_ring(RingWorld& world) {
  if (world.plan().removers == 0) return true;
  return world.has_name() && (!ring::is_retired<ExploreMemory>(*world.ring().header) || settle_removal(world));
}

// It waits for as long as it takes.
void wait(RingWorld& world, ring::Producer<ExploreMemory>& producer) {
  Scheduler& scheduler = Scheduler::active();
  scheduler.knows_only(0);
  world.begins_to_wait(producer.sequence());
  const int result = producer.wait_durable(producer.sequence(), ~u64{0});
  if (result == 0) Rows::take(Row::durable_enough);
  if (result != 0 && (result != SHMRING_RETIRED || world.plan().removers == 0)) scheduler.fail("a wait fails");
  world.has_waited(result);
}

void produce(RingWorld& world, int role, int writes) {
  Scheduler& scheduler = Scheduler::active();
  ring::Producer<ExploreMemory> producer;
  ring::Identity identity{};
  std::snprintf(identity.name, sizeof identity.name, "%s", scheduler.roles()[static_cast<std::size_t>(role)].name.c_str());
  const u32 lane = world.plan().lanes > 1 ? SHMRING_LANE_AUTO : SHMRING_LANE_SHARED;
  // A full table is "try again", for places return; so is a ring that was retired meanwhile.
  if (!find_ring(world)) return;
  while (const int error = producer.attach(world.ring(), RingWorld::owner(role), identity, lane)) {
    if (error == -ESTALE) {
      Rows::take(Row::retired_by_now);
      if (!settle_removal(world)) return;
      continue;
    }
    if (error != -EUSERS) scheduler.fail("attach fails");
    scheduler.knows_only(0);
    scheduler.idle();
  }
  shmring_meta meta{};
  if (world.plan().types > 0) meta.type = RingWorld::type_of(role);
  if (meta.type != 0 && producer.name_type(meta.type, identity.name) != 0) scheduler.fail("a type gets no name");
  for (int i = 0; i < writes; ++i) {
    // All that a handle keeps between two calls stands in its entry (and its lane's tail) too.
    scheduler.knows_only(static_cast<u64>(i) + 1);
    const std::vector<u64> payload = world.payload(role, producer.sequence() + 1);
    const bool too_big = i + 1 == world.plan().too_big;  // then no byte is looked at
    const std::size_t bytes = too_big ? world.ring().geometry.max_record + 1 : payload.size() * sizeof payload[0];
    const int result = producer.write(&meta, payload.data(), bytes);
    if (result == SHMRING_RETIRED && world.plan().removers > 0) break;
    if (too_big ? result != SHMRING_TOO_BIG : result != 0 && result != SHMRING_FULL && result != SHMRING_TIMEOUT)
      scheduler.fail("write fails");
  }
  if (world.plan().waits > 0) wait(world, producer);
  producer.detach();
}

// Somebody who only looks at the status page: a clock is of one publication, and no figure of a collector before the one that
// is named. Each publication is one number, which begins with its collector's life.
void look_at_status(RingWorld& world) {
  Scheduler& scheduler = Scheduler::active();
  const ring::StatusSeen seen = ring::observe_status<ExploreMemory>(world.ring());
  if (seen.identity.pid != 0 && seen.heartbeat_ns != 0 && life_of(seen.heartbeat_ns) < seen.identity.start_time)
    scheduler.fail("an observer sees a figure of the collector before the one that is named");
  const std::optional<ring::ClockWords> clock = ring::clock_seen<ExploreMemory>(world.ring().header->status);
  if (clock && (clock->ticks != clock->utc_ns || clock->ticks != clock->ns_per_tick_q32))
    scheduler.fail("an observer sees a clock of two publications");
}

// Somebody who only looks, while others write, with the eyes of `stat`: what it takes for impossible is not seen.
void look_on(RingWorld& world) {
  Scheduler& scheduler = Scheduler::active();
  const ring::Ring& ring = world.ring();
  if (world.plan().publications > 0) return look_at_status(world);
  for (u32 lane = 0; lane < ring.geometry.lanes; ++lane) {
    const ring::LaneSeen seen = ring::observe_lane<ExploreMemory>(ring.lanes[lane]);
    if (!seen.head_can_be()) scheduler.fail("an observer sees a head far beyond its tail");
    if (!seen.tail_can_be(ring.geometry)) scheduler.fail("an observer sees a tail far beyond its head");
  }
  for (u32 index = 0; index < ring.geometry.producers; ++index) {
    const ring::EntrySeen seen = ring::observe_entry<ExploreMemory>(ring.entries[index]);
    const bool attached = seen.owner.state == ring::OwnerState::attached;
    if (!seen.whole || (!attached && seen.owner.state != ring::OwnerState::left)) continue;
    const Role& role = scheduler.roles()[static_cast<std::size_t>(RingWorld::role_of(seen.owner))];
    if (seen.incarnation == 0) {  // its life is over, and it is being zeroed
      if (attached && role.state != RoleState::killed) scheduler.fail("an observer sees one attached without an incarnation");
      continue;
    }
    u64 counted = 0;
    for (const ring::Counter& counter : seen.counters) counted += counter.count;
    const u64 attempted = seen.account.attempted;
    if (seen.logged.through > attempted) scheduler.fail("an observer sees more in the log than was attempted");
    if (seen.refusals.count > attempted) scheduler.fail("an observer sees more refusals than attempts");
    if (counted > attempted) scheduler.fail("an observer sees more refusals counted than attempts");
    if (!world.is_life(RingWorld::role_of(seen.owner), seen.incarnation, seen.lane))
      scheduler.fail("an observer sees words of two lives as one's");
    // Nothing orders the plain bytes of a name before the second look: where memory is weak, it may be the next life's.
    if (!scheduler.is_weak() && role.name != seen.identity.name) scheduler.fail("an observer sees another's name");
  }
}

// Who judges that nobody needs the ring, and removes it: as lib/os does it.
void remove(RingWorld& world) {
  const auto dead = [](u32, u64 owner) { return Scheduler::active().proven_dead(RingWorld::role_of(ring::Owner::of(owner))); };
  if (ring::look_for_need<ExploreMemory>(world.ring(), true, dead)) return;
  lock(world);
  if (!ring::retire_unless_needed<ExploreMemory>(world.ring(), true, dead))
    world.remove_name();
  else
    Rows::take(Row::needed_after_all);
  world.leave_lock();
}

// What a collector asks of the world outside. Its clock moves as far as it is asked.
struct Host : collect::Host {
  void look() override {}
  bool dead(u32, u64 owner) override { return Scheduler::active().proven_dead(RingWorld::role_of(ring::Owner::of(owner))); }
  void forget(u32) override {}
  std::string exe(ring::Owner) override { return ""; }
  u64 now_utc_ns() override { return 1; }
  u64 now_ns() override { return time += collect::tail_patience_ns; }
  void to_utc(std::span<u64> times) override { std::ranges::fill(times, 1); }
  void wake(std::atomic<u32>& freed) override { Scheduler::active().wake(freed); }
  void wake_waiter(std::atomic<u64>& durable) override { Scheduler::active().wake(ring::low_half(durable)); }
  u64 time = 0;
};

class Log : public plain::PlainLog {
 public:
  explicit Log(RingWorld& world) : world_(world) {}
  std::function<log::Accounts()> accounts;
  int since_accounts = 0;

 private:
  void store(std::span<const log::Line> lines) override {
    for (const log::Line& line : lines) world_.append(line), ++since_accounts;
    const int every = world_.plan().accounts_every;
    if ((every > 0 && since_accounts >= every) || Scheduler::active().choose(2) == 1) {
      world_.append(accounts());
      since_accounts = 0;
    }
  }
  RingWorld& world_;
};

using Collector = collect::Collector<ExploreMemory>;

}  // namespace

struct AssemblyTag {
  friend auto member(AssemblyTag);
};
struct NamesTag {
  friend auto member(NamesTag);
};
template struct Reveal<AssemblyTag, &Collector::reassembly_>;
template struct Reveal<NamesTag, &Collector::names_>;

namespace {

// A collector that has just begun tells all: its predecessor may have been killed before it told anybody.
void tell_waiters(RingWorld& world, Collector& collector) {
  for (const RingWorld::Durable& it : world.durable()) {
    if (world.log().truth(it.incarnation)->closed) Rows::take(Row::durable_of_the_past);
    collector.note_durable(static_cast<u32>(it.entry), it.incarnation, it.through);
  }
}

void collect(RingWorld& world) {
  Scheduler& scheduler = Scheduler::active();
  world.begin_again();
  if (!find_ring(world)) return;
  // With the lease, as lib/os has it: a remover that looked before it was taken has retired the ring.
  const bool may_be_removed = world.plan().removers > 0;
  if (may_be_removed && ring::is_retired_by_now<ExploreMemory>(*world.ring().header) && !settle_removal(world)) return;
  Host host;
  Log log(world);
  const bool short_walk = scheduler.choose(2) == 1;
  const ring::Pace pace{short_walk ? 1 : world.plan().walk, 128, 1, 1};
  Collector collector(world.ring(), pace, host, log);
  log.accounts = [&] { return log::accounts_line(1, collector.accounts()); };
  world.rows().sight = [&collector](u32 lane) {
    const auto& view = (collector.reader().*member(LanesTag{}))[lane];
    return LaneSight{view.head, view.at_end, view.at_limit, view.left_ready};
  };
  collector.start({{}, world.log().accounts(), {}});
  if (world.plan().waits > 0) tell_waiters(world, collector);
  bool synced =
      false;  // behind the last pass; who waits is told before the next one, when entries may have had their next life
  for (;;) {
    const u64 before = world.effects();
    const bool entries_due = scheduler.choose(2) == 0;
    if (synced) tell_waiters(world, collector);
    collector.pass(entries_due);
    synced = world.plan().waits > 0 && world.sync();
    world.rows().pass_is_over();
    if (collector.reader().repairs() != 0) scheduler.fail("the collector repairs a head or a tail, although nobody scribbled");
    if (collector.reader().refused_entries() != 0) scheduler.fail("the collector refuses an entry, although nobody scribbled");
    const u64 names = digest_of_names(collector.*member(NamesTag{}));
    scheduler.knows_only(mix(mix(digest_of(collector, collector.*member(AssemblyTag{})), names),
                             static_cast<u64>(log.since_accounts) << 2 | u64{synced} << 1 | u64{short_walk}));
    if (world.effects() != before || !entries_due || synced) continue;
    if (scheduler.undisturbed()) world.check_quiet();
    scheduler.idle();
  }
}

// A collector that only shows itself, as often as the plan says.
void publish(RingWorld& world) {
  Scheduler& scheduler = Scheduler::active();
  ring::Header& header = *world.ring().header;
  const int life = scheduler.roles()[static_cast<std::size_t>(scheduler.current())].lives;
  scheduler.knows_only(static_cast<u64>(life));
  ring::announce<ExploreMemory>(header, {1, static_cast<u64>(life), ring::OwnerState::attached}, ring::Level::every,
                                publication(life, 0));
  for (int i = 1; i <= world.plan().publications; ++i) {
    const u64 it = publication(life, i);
    ring::show_clock<ExploreMemory>(header.status, {it, it, it});
    ring::show_progress<ExploreMemory>(header, {.heartbeat_ns = it});
  }
  ring::withdraw<ExploreMemory>(header);
  const std::optional<ring::ClockWords> clock = ring::clock_seen<ExploreMemory>(header.status);
  if (!clock || clock->ticks != publication(life, world.plan().publications))
    scheduler.fail("the clock that was published last cannot be read");
}

}  // namespace

void add_roles(Scheduler& scheduler, RingWorld& world) {
  const Plan& plan = world.plan();
  int role = 0;
  for (int i = 0; i < plan.producers; ++i, ++role)
    scheduler.add_role("P" + std::to_string(i), [&world, role, &plan] { produce(world, role, plan.writes); });
  for (int i = 0; i < plan.heirs; ++i, ++role)
    scheduler.add_role(
        "H" + std::to_string(i), [&world, role, &plan] { produce(world, role, plan.writes > 0 ? 1 : 0); }, false,
        "P" + std::to_string(i));
  for (int i = 0; i < plan.observers; ++i) scheduler.add_role("S" + std::to_string(i), [&world] { look_on(world); });
  if (plan.removers > 0) scheduler.add_role("R", [&world] { remove(world); });
  scheduler.add_role(
      "C", [&world, &plan] { plan.publications > 0 ? publish(world) : collect(world); }, true, plan.removers > 0 ? "R" : "");
}

}  // namespace explore
