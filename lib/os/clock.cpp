// Clocks and their arithmetic, see clock.hpp. Invariant: products have 128 bits, and a result that does not fit is set to the
// end of the range, so no value of a header or a record can overflow.
#include "lib/os/clock.hpp"

#include <algorithm>

#include "lib/os/calls.hpp"
#include "lib/os/wakeup.hpp"
#include "lib/ring/memory.hpp"

namespace shmring::os {
namespace {

constexpr u64 shortest_baseline = 20'000'000;
constexpr u64 jump = 10'000'000;

__extension__ using u128 = unsigned __int128;

u64 read_clock(clockid_t clock) {
  timespec now{};
  calls.clock_gettime(clock, &now);
  return static_cast<u64>(now.tv_sec) * second_ns + static_cast<u64>(now.tv_nsec);
}

u64 distance(u64 a, u64 b) { return a > b ? a - b : b - a; }

// Converts `ticks` to nanoseconds, limited to values below 2^63.
u64 scale(u64 ticks, u64 ns_per_tick_q32) {
  const u128 ns = (static_cast<u128>(ticks) * ns_per_tick_q32) >> 32;
  return static_cast<u64>(std::min<u128>(ns, u64{1} << 63));
}

// Returns 0 if the two samples say nothing.
u64 rate(const Sample& from, const Sample& to) {
  if (to.ticks <= from.ticks || to.monotonic_ns <= from.monotonic_ns) return 0;
  const u128 q32 = (static_cast<u128>(to.monotonic_ns - from.monotonic_ns) << 32) / (to.ticks - from.ticks);
  return static_cast<u64>(std::min<u128>(q32, ~u64{0}));
}

// Accepts clocks between 1 MHz and 100 GHz. Anything else in a header is garbage.
bool plausible(u64 q32) { return q32 >= (u64{1} << 32) / 100 && q32 <= u64{1000} << 32; }

}  // namespace

u64 utc_now_ns() { return read_clock(CLOCK_REALTIME); }
u64 monotonic_now_ns() { return read_clock(CLOCK_MONOTONIC); }
u64 thread_cpu_ns() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }
u64 process_cpu_ns() { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

Sample take_sample(ring::Clock clock) {
  constexpr u64 narrow_enough = 2000;
  Sample best{};
  u64 narrowest = ~u64{0};
  // A preemption between two of the reads would set the clocks apart, so the narrowest of a few tries counts.
  for (int tries = 0; tries < 8 && narrowest > narrow_enough; ++tries) {
    const u64 before = monotonic_now_ns();
    const u64 ticks = ring::HardwareMemory::ticks(clock);
    const u64 utc = utc_now_ns();
    const u64 after = monotonic_now_ns();
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    best = {ticks, before + narrowest / 2, utc};
  }
  return best;
}

u64 Anchor::utc(u64 t) const {
  const u64 ns = scale(distance(t, ticks), ns_per_tick_q32);
  if (t >= ticks) return ns < ~u64{0} - utc_ns ? utc_ns + ns : ~u64{0};
  return ns < utc_ns ? utc_ns - ns : 0;
}

Calibration::Calibration(const Sample& base, const Sample& now)
    : base_(base), last_(now), anchor_{now.ticks, now.utc_ns, rate(base, now)} {}

Calibration Calibration::of(const ring::Header& header, ring::Clock clock) {
  Sample now = take_sample(clock);
  const Sample created{header.created_ticks, header.created_monotonic_ns, header.created_utc_ns};
  if (now.monotonic_ns > created.monotonic_ns && now.monotonic_ns - created.monotonic_ns >= shortest_baseline &&
      plausible(rate(created, now)))
    return Calibration(created, now);
  const Sample base = now;
  while (now.monotonic_ns - base.monotonic_ns < shortest_baseline) {
    sleep_for(shortest_baseline - (now.monotonic_ns - base.monotonic_ns));
    now = take_sample(clock);
  }
  return Calibration(base, now);
}

std::int64_t Calibration::refresh(const Sample& now) {
  const u64 predicted = anchor_.utc(now.ticks);
  // If a step disagrees with the long rate by a thousandth, the TSC stopped or went on through a suspend. The rate known so far
  // stays good, but its baseline does not.
  const u64 step = rate(last_, now);
  steady_ = now.monotonic_ns - last_.monotonic_ns < second_ns / 10 ||
            distance(step, anchor_.ns_per_tick_q32) <= anchor_.ns_per_tick_q32 / 1000;
  if (!steady_) base_ = now;
  const u64 whole = rate(base_, now);
  if (plausible(whole) && now.monotonic_ns - base_.monotonic_ns >= shortest_baseline) anchor_.ns_per_tick_q32 = whole;
  anchor_.ticks = now.ticks;
  anchor_.utc_ns = now.utc_ns;
  last_ = now;
  if (distance(now.utc_ns, predicted) <= jump) return 0;
  return static_cast<std::int64_t>(now.utc_ns - predicted);
}

std::optional<Sample> Calibration::soon_after(const Sample& from, u64 ticks) const {
  constexpr u64 soon = 1'000'000;
  if (!steady_ || !plausible(anchor_.ns_per_tick_q32)) return std::nullopt;
  const u64 passed_ns = scale(distance(ticks, from.ticks), anchor_.ns_per_tick_q32);
  if (ticks < from.ticks || passed_ns > soon) return std::nullopt;
  return Sample{ticks, from.monotonic_ns + passed_ns, from.utc_ns + passed_ns};
}

u64 Calibration::to_utc(u64 ticks, u64 now_ticks) const {
  const u64 now = anchor_.utc(now_ticks);
  if (ticks == 0) return now;
  const u64 utc = anchor_.utc(ticks);
  return utc > now && utc - now > second_ns ? now : utc;
}

}  // namespace shmring::os
