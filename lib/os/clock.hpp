// Clocks, and the way from a segment's ticks to UTC.
//
// Invariants:
//   - all times are nanoseconds, and a duration computed here is never negative;
//   - a Calibration is plain arithmetic over samples. It reads no clock itself, so that a test can say what time it is;
//   - a change of the wall clock, or a TSC that stopped (suspend), changes only the times of later records, and is reported.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/ring/layout.hpp"

namespace shmring::os {

using ring::u64;

inline constexpr u64 second_ns = 1'000'000'000;

u64 utc_now_ns();
u64 monotonic_now_ns();
u64 thread_cpu_ns();
u64 process_cpu_ns();

// The same moment on three clocks.
struct Sample {
  u64 ticks;  // of the segment's clock
  u64 monotonic_ns;
  u64 utc_ns;
};
Sample take_sample(ring::Clock clock);

// utc = utc_ns + (t − ticks) · ns_per_tick_q32 / 2^32, as the status page shows it. It is exact to 2^-32 ns per tick.
struct Anchor {
  u64 ticks = 0;
  u64 utc_ns = 0;
  u64 ns_per_tick_q32 = 0;
  u64 utc(u64 t) const;
};

class Calibration {
 public:
  // `base` is a moment in the past, ideally the segment's creation. `now` is at least 20 ms later.
  Calibration(const Sample& base, const Sample& now);

  // Calibrates from the two times in the header. If they are younger than 20 ms, or not plausible, it waits for 20 ms.
  static Calibration of(const ring::Header& header, ring::Clock clock);

  // Called once a second. Returns how far the wall clock has jumped since the last call (actual − predicted) if that is more
  // than 10 ms, and 0 otherwise.
  std::int64_t refresh(const Sample& now);

  // Returns the moment of `ticks`, if that is at most a millisecond after the moment `from`, by the rate that is known. Returns
  // nothing if it is not, or if the rate is not to be relied on; then the clocks must be read.
  std::optional<Sample> soon_after(const Sample& from, u64 ticks) const;

  // Returns the UTC of a record's ticks. For ticks 0, or ticks more than a second after `now_ticks`, it returns the present
  // time.
  u64 to_utc(u64 ticks, u64 now_ticks) const;

  const Anchor& anchor() const { return anchor_; }

 private:
  Sample base_;  // of the rate
  Sample last_;
  bool steady_ = true;  // the last step agreed with the rate
  Anchor anchor_;
};

}  // namespace shmring::os
