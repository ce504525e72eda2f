// See contenders.hpp. Only this file instantiates the measurement of each transport.
#include "tools/bench/contenders.hpp"

#include "tools/bench/collecting.hpp"
#include "tools/bench/floors.hpp"
#include "tools/bench/kernel_channels.hpp"
#include "tools/bench/locked_ring.hpp"
#include "tools/bench/lockfree_queue.hpp"
#include "tools/bench/measure.hpp"
#include "tools/bench/message_queue.hpp"
#include "tools/bench/shmring_lanes.hpp"

namespace shmring::bench {
namespace {

constexpr u32 any_bytes = 65536;

template <Transport T>
Contender contender(bool usual = true) {
  u32 bytes = any_bytes;
  if constexpr (requires { T::max_bytes; }) bytes = T::max_bytes;
  Contender made{T::name,
                 T::role,
                 usual,
                 T::overwrites,
                 T::max_producers,
                 bytes,
                 [](const Job& job) { return Measurement<T>(job).run(); }};
  if constexpr (requires { T::note(); }) made.note = [] { return T::note(); };
  return made;
}

template <class Variant>
Contender variant() {
  return contender<ShmringLane<Variant>>(false);
}

// The queue's record size is a template parameter, so the smallest one that is large enough is used.
Round run_lockfree(const Job& job) {
  if (job.bytes <= 64) return Measurement<LockfreeQueue<bench_slots, 64>>(job).run();
  if (job.bytes <= 256) return Measurement<LockfreeQueue<bench_slots, 256>>(job).run();
  return Measurement<LockfreeQueue<bench_slots, bench_small_bytes>>(job).run();
}

Contender collecting(const char* name, Round (*run)(const Job&), std::vector<Measure> measures, bool usual = true) {
  return {name, Role::collector, usual, false, 1, bench_small_bytes, run, nullptr, std::move(measures)};
}

Round run_collector(const Job& job) {
  if (job.measure == Measure::handoff) return run_handoff(job, false);
  if (job.measure == Measure::logged) return run_logged(job, log::Level::write);
  if (job.measure == Measure::resting) return run_resting(job);
  return job.measure == Measure::stages ? run_stages(job) : run_idle(job);
}
Round run_collector_interval(const Job& job) {
  return job.measure == Measure::beside ? run_beside(job, false) : run_logged(job, log::Level::interval);
}
Round run_collector_sealed(const Job& job) {
  return job.measure == Measure::beside ? run_beside(job, true) : run_logged(job, log::Level::interval, true);
}
template <Checking what>
Contender checking(const char* name) {
  const auto run = [](const Job& job) { return run_checking(job, what); };
  return collecting(name, run, {Measure::verified}, false);
}
std::vector<Contender> contenders_of_seals() {
  return {collecting("collector-sealed", run_collector_sealed, {Measure::beside, Measure::finished}, false),
          collecting("tree", run_hashes, {Measure::hashed}, false),
          checking<Checking::sha256>("sha256"),
          checking<Checking::verify>("verify"),
          checking<Checking::verify_key>("verify-key"),
          checking<Checking::verify_key_two>("verify-key-two"),
          checking<Checking::hashes_and_verify>("hashes-and-verify"),
          collecting("log-10m", run_big_seal, {Measure::crash, Measure::proved, Measure::checked, Measure::proof}, false)};
}
Round run_collector_every(const Job& job) {
  if (job.measure == Measure::durable) return run_durable(job);
  return job.measure == Measure::syncing ? run_beside_syncs(job, false) : run_logged(job, log::Level::every);
}
Round run_collector_slow_disk(const Job& job) { return run_beside_syncs(job, true); }
Round run_synced_file(const Job& job) { return job.measure == Measure::durable ? run_one_sync(job) : run_file_syncs(job); }
Round run_busy_handoff(const Job& job) { return run_handoff(job, true); }

}  // namespace

std::vector<Contender> contenders() {
  using Lockfree = LockfreeQueue<bench_slots, 64>;
  std::vector<Contender> all{
      contender<SingleFloor>(),
      contender<TimedFloor>(false),
      contender<SharedFloor>(),
      contender<ClaimFloor>(false),
      contender<TimedClaimFloor>(false),
      contender<ExclusiveLane>(),
      contender<SharedLane>(),
      variant<ExclusiveNoTime>(),
      variant<ExclusiveNoHash>(),
      variant<ExclusiveBare>(),
      variant<ExclusiveInPlace>(),
      variant<SharedBare>(),
      variant<SharedInPlace>(),
      {Lockfree::name, Lockfree::role, true, false, Lockfree::max_producers, bench_small_bytes, run_lockfree},
      contender<RobustMutexRing>(),
      contender<ReaderWriterLockRing>(),
      contender<MessageQueue>(),
      contender<Pipe>(),
      contender<SeqPacket>(),
      contender<PosixQueue>(),
      collecting("collector", run_collector,
                 {Measure::handoff, Measure::logged, Measure::stages, Measure::idle, Measure::resting}),
      collecting("collector-interval", run_collector_interval, {Measure::beside, Measure::finished, Measure::logged}, false),
      collecting("collector-every", run_collector_every, {Measure::logged, Measure::durable, Measure::syncing}, false),
      collecting("slow-disk", run_collector_slow_disk, {Measure::syncing}, false),
      collecting("collector-busy", run_busy_handoff, {Measure::handoff}),
      collecting("floor-polled", run_floor_handoff, {Measure::handoff}),
      collecting("encoder", run_encode, {Measure::encode}),
      collecting("file-writes", run_file_writes, {Measure::written}),
      collecting("encoded-writes", run_encoded_writes, {Measure::logged}),
      collecting("file-syncs", run_synced_file, {Measure::written, Measure::durable}, false),
      collecting(
          "log-1g", [](const Job& job) { return run_restart(job, 1); }, {Measure::restart, Measure::reboot}, false),
      collecting(
          "log-10g", [](const Job& job) { return run_restart(job, 10); }, {Measure::restart, Measure::reboot}, false),
      collecting("crowd", run_crowd, {Measure::attended, Measure::flood})};
  for (Contender& contender : contenders_of_seals()) all.push_back(std::move(contender));
  return all;
}

}  // namespace shmring::bench
