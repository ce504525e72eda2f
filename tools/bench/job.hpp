// What is measured: one transport, one kind of measurement, one size, so many writers; and what one round of it came to.
//
//   quiet      writer and reader take turns on one processor: nobody drains while it writes; each turn fits into the ring
//   live       the reader drains on another processor, and keeps up
//   calls      as live, each write() timed for itself
//   rate       writers and the reader, everybody as fast as he can; a refused record is dropped
//   full       nobody drains and there is no room: what a refused write costs
//   overwrite  the same under the policy that the oldest makes room: what such a write costs
//   wait, hybrid  the same under these policies, with a deadline of 50 µs: when a write comes back that waits in vain
//   cold       the first write after an idle second
//
// and of a collector, as shmringd is one:
//
//   handoff    from the time in a record to the collector that has it in hand, and found nothing right before
//   logged     one writer that waits for room: from the first write to the last line in the log
//   encode     the encoder of lines alone
//   stages     what the collector does for one record, stage by stage, alone on a processor
//   idle       nothing to do
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
  encode,
  stages,
  idle
};
inline constexpr Measure collector_measures[] = {Measure::handoff, Measure::logged, Measure::encode, Measure::stages,
                                                 Measure::idle};
inline constexpr bool is_collectors(Measure measure) { return measure >= Measure::handoff; }

// What a figure of it counts.
enum class Unit : std::uint8_t { ns, records, lines, wakeups };  // the others: a second
inline constexpr Unit unit_of(Measure measure) {
  if (measure == Measure::rate || measure == Measure::logged) return Unit::records;
  if (measure == Measure::idle) return Unit::wakeups;
  return measure == Measure::encode ? Unit::lines : Unit::ns;
}
inline constexpr bool is_rate(Unit unit) { return unit == Unit::records || unit == Unit::lines; }

inline constexpr bool meets_full_ring(Measure measure) { return measure >= Measure::full && measure <= Measure::hybrid; }
inline constexpr bool waits_in_vain(Measure measure) { return measure == Measure::wait || measure == Measure::hybrid; }
inline constexpr WhenFull when_full(Measure measure) {
  if (measure == Measure::overwrite) return WhenFull::overwrite;
  return measure == Measure::wait ? WhenFull::wait : measure == Measure::hybrid ? WhenFull::hybrid : WhenFull::refuse;
}
// Writer and reader have one processor, and are never at work at the same time.
inline constexpr bool takes_turns(Measure measure) {
  const bool one_process = measure == Measure::encode || measure == Measure::stages || measure == Measure::idle;
  return measure == Measure::quiet || meets_full_ring(measure) || one_process;
}
inline constexpr bool times_calls(Measure measure) { return measure == Measure::calls || measure == Measure::cold; }
// The reader is at work, and nearly as far as the writer.
inline constexpr bool is_drained(Measure measure) { return measure == Measure::live || times_calls(measure); }

struct Job {
  Measure measure;
  u32 bytes;
  u32 producers = 1;
  u64 budget_ns = 0;
  bool polite = false;  // the reader, where it found nothing, looks again after some pauses only
};

// The same figure, however long it is measured.
inline bool same(const Job& a, const Job& b) {
  return a.measure == b.measure && a.bytes == b.bytes && a.producers == b.producers && a.polite == b.polite;
}

// A ring of 8 KiB records has fewer of them: all rings of a run fit into a container's shared memory.
inline constexpr u32 bench_slots = 16384, bench_large_slots = 512, bench_small_bytes = 1024, bench_wait_us = 50;
inline constexpr u32 slots_of(u32 bytes) { return bytes <= bench_small_bytes ? bench_slots : bench_large_slots; }
// Records that are timed together; a turn, a quarter of a ring, is several of them.
inline constexpr u32 batch_of(const Job& job) {
  return job.measure == Measure::cold ? 1 : waits_in_vain(job.measure) ? 16 : job.bytes <= bench_small_bytes ? 256 : 16;
}

// Whether a writer has outrun the reader that is to drain at once: it writes to lines that nobody wants yet. Several may, and
// where he has no processor of his own.
inline constexpr bool is_outrun(const Job& job, bool crowded, u64 records_behind) {
  return is_drained(job.measure) && job.producers == 1 && !crowded && records_behind > slots_of(job.bytes) / 16;
}

struct Part {
  const char* name;
  double value;
};

struct Round {
  // Nanoseconds a write; calls: that 99.9 % do not exceed, cold, handoff: 50 %; others: so many a second. 0: none.
  double figure = 0;
  u64 attempted = 0, delivered = 0, dropped = 0;
  u64 left_out = 0;           // writes without a figure: their batch met a full ring, or outran the reader
  Histogram calls;            // calls, cold, handoff: ticks, the timer's included
  std::vector<Part> parts{};  // stages: what it is made of; idle: what was measured beside it
};

// Where reader and writers run; −1: where the kernel likes.
struct Placement {
  Placement(const std::vector<int>& processors, const Job& job);
  int reader = -1;
  int writer(u32 producer) const { return writers.empty() ? -1 : writers[producer]; }
  std::vector<int> writers;
  bool crowded = false;  // more processes than processors: who waits lets others run
};

}  // namespace shmring::bench
