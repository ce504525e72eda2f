// A job is what is measured of a transport: the kind of measurement, the size of the records, and the number of writers. Each
// round of it gives a figure.
//
//   quiet      writer and reader take turns on one processor, so nobody drains during a write. Each turn fits into the ring
//   live       the reader drains on another processor, and keeps up
//   calls      like live, but each write() is timed for itself
//   rate       writers and reader are all as fast as they can. A refused record is dropped
//   full       the ring is full and nobody drains: what a refused write costs
//   overwrite  the same under the policy overwrite: what a write costs that replaces the oldest record
//   wait, hybrid  the same under these policies, with a deadline of 50 µs: how long a write takes that waits in vain
//   cold       the first write after an idle second
//
// The following are of a collector that works like shmringd:
//
//   handoff    the time from a record's timestamp until the collector has copied it. The collector was idle before
//   logged     one writer that waits for room: from its first write to the last line in the log
//   durable    from a write until the record is durable, one record at a time
//   syncing    like calls, but in bursts, and the collector syncs its log all the time
//   beside     what a write costs in a burst of 64, beside a collector that syncs its log each 20 ms
//   finished   like logged, but until the collector has ended, so that what waits for its hash or its sync counts, too
//   encode     the encoder of lines alone
//   hashed     the hashes of lines and of the tree over them alone
//   written    the same lines, encoded before, written to a file: write(2) alone
//   stages     the time that the collector takes for one record, stage by stage, alone on a processor
//   idle       what the collector does when there are no records
//   resting    the processor's time that it takes then
//   attended   the processor's time that it takes while so many producers are attached and write nothing
//   flood      its time for a record of one of so many producers, while the others write nothing
//   restart    from its start until it collects, with a big log that another one has ended
//   reboot     the same, as if the machine had been booted in between
//
// And of a sealed log:
//
//   verified   how long it takes to verify it, or to do what that is compared with, on one processor or two
//   crash      from a collector's start until it collects, with a big log whose collector was killed, as if the machine had
//              been booted in between. It has to hash almost a whole file
//   proved     how long it takes to prove one line of a big log
//   checked    to check that proof
//   proof      the bytes of that proof
#pragma once

#include <vector>

#include "tools/bench/histogram.hpp"
#include "tools/bench/transport.hpp"

namespace shmring::bench {

enum class Measure : std::uint8_t {
  quiet,
  live,
  calls,
  rate,
  full,
  overwrite,
  wait,
  hybrid,
  cold,
  handoff,
  logged,
  durable,
  syncing,
  beside,
  finished,
  encode,
  hashed,
  written,
  stages,
  idle,
  resting,
  verified,
  attended,
  flood,
  restart,
  reboot,
  crash,
  proved,
  checked,
  proof
};
inline constexpr Measure collector_measures[] = {Measure::handoff, Measure::logged, Measure::encode,
                                                 Measure::written, Measure::stages, Measure::idle};
inline constexpr Measure seal_measures[] = {Measure::beside, Measure::finished, Measure::hashed,  Measure::verified,
                                            Measure::crash,  Measure::proved,   Measure::checked, Measure::proof};
// Returns true if one run of the measurement makes the rounds, since it takes seconds to attach so many producers, or to make
// so big a log.
inline constexpr bool makes_rounds(Measure measure) { return measure >= Measure::attended; }
inline constexpr bool is_collectors(Measure measure) { return measure >= Measure::handoff; }
// Returns true if a log has to be made first, which takes seconds, and disk.
inline constexpr bool needs_big_log(Measure measure) { return measure == Measure::verified || measure >= Measure::restart; }

// The unit of a figure. All but `ns`, `bytes` and `percent`, which is of a processor, are per second.
enum class Unit : std::uint8_t { ns, records, lines, wakeups, percent, bytes };
inline constexpr Unit unit_of(Measure measure) {
  if (measure == Measure::rate || measure == Measure::logged || measure == Measure::finished) return Unit::records;
  if (measure == Measure::proof) return Unit::bytes;
  if (measure == Measure::idle) return Unit::wakeups;
  if (measure == Measure::attended || measure == Measure::resting) return Unit::percent;
  const bool lines = measure == Measure::encode || measure == Measure::hashed || measure == Measure::written;
  return lines ? Unit::lines : Unit::ns;
}
inline constexpr bool is_rate(Unit unit) { return unit == Unit::records || unit == Unit::lines; }

inline constexpr bool meets_full_ring(Measure measure) { return measure >= Measure::full && measure <= Measure::hybrid; }
inline constexpr bool waits_in_vain(Measure measure) { return measure == Measure::wait || measure == Measure::hybrid; }
inline constexpr WhenFull when_full(Measure measure) {
  if (measure == Measure::overwrite) return WhenFull::overwrite;
  return measure == Measure::wait ? WhenFull::wait : measure == Measure::hybrid ? WhenFull::hybrid : WhenFull::refuse;
}
// Returns true if writer and reader share one processor and never run at the same time.
inline constexpr bool takes_turns(Measure measure) {
  const bool one_process = measure >= Measure::encode;
  return measure == Measure::quiet || meets_full_ring(measure) || one_process;
}
inline constexpr bool times_calls(Measure measure) { return measure == Measure::calls || measure == Measure::cold; }
// Returns true if the reader runs beside the writer and keeps up with it.
inline constexpr bool is_drained(Measure measure) { return measure == Measure::live || times_calls(measure); }

struct Job {
  Measure measure;
  u32 bytes;
  u32 producers = 1;
  u64 budget_ns = 0;
  bool polite = false;  // a reader that found nothing pauses before it looks again
};

// Returns true if both jobs measure the same figure. The budget does not matter.
inline bool same(const Job& a, const Job& b) {
  return a.measure == b.measure && a.bytes == b.bytes && a.producers == b.producers && a.polite == b.polite;
}

// A ring of 8 KiB records has fewer slots, so that it fits into a container's shared memory.
inline constexpr u32 bench_slots = 16384, bench_large_slots = 512, bench_small_bytes = 1024, bench_wait_us = 50;
inline constexpr u32 slots_of(u32 bytes) { return bytes <= bench_small_bytes ? bench_slots : bench_large_slots; }
// Returns how many records are timed together. A turn, which is a quarter of a ring, consists of several such batches.
inline constexpr u32 batch_of(const Job& job) {
  return job.measure == Measure::cold ? 1 : waits_in_vain(job.measure) ? 16 : job.bytes <= bench_small_bytes ? 256 : 16;
}

// Returns true if the writer has outrun a reader that should keep up. Its writes are then too cheap, because they go to cache
// lines that the reader does not touch. Several writers may outrun it, and so may any writer if the job is crowded.
inline constexpr bool is_outrun(const Job& job, bool crowded, u64 records_behind) {
  return is_drained(job.measure) && job.producers == 1 && !crowded && records_behind > slots_of(job.bytes) / 16;
}

// How many producers a crowd has, and what it is compared with.
inline constexpr u32 most_producers = 8190, few_producers = 8;

struct Part {
  const char* name;
  double value;
};

struct Round {
  // In unit_of(measure), 0 if there is none. For nanoseconds it is the mean of the timed writes, but for `calls` the time that
  // 99.9 % of them do not exceed, as for `syncing`, and for `cold`, `handoff` and `durable` the median.
  double figure = 0;
  u64 attempted = 0, delivered = 0, dropped = 0;
  u64 left_out = 0;              // writes that were not timed, because their batch met a full ring or outran the reader
  Histogram calls;               // of calls, cold and handoff: in ticks, including the timer's own cost
  std::vector<double> rounds{};  // of makes_rounds(): its own rounds, in place of the figure
  std::vector<Part> parts{};     // of stages: the parts of the figure; of idle: another figure
};

// Where reader and writers run. −1 means anywhere.
struct Placement {
  Placement(const std::vector<int>& processors, const Job& job);
  int reader = -1;
  int writer(u32 producer) const { return writers.empty() ? -1 : writers[producer]; }
  std::vector<int> writers;
  bool crowded = false;  // there are more processes than processors, so a process that waits yields
};

}  // namespace shmring::bench
