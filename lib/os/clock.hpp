// Clocks, and the way from a segment's ticks to UTC.
//
// Invariants:
//   - all times are nanoseconds; a duration computed here is never negative;
//   - a Calibration is plain arithmetic over samples: it reads no clock itself, so that a test can say what time it
//     is;
//   - a change of the wall clock, or a TSC that stopped (suspend), changes the times of later records only, and is
//     reported.
#pragma once

#include <cstdint>

#include "lib/ring/layout.hpp"

namespace shmring::os {

using ring::u64;

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

// utc = utc_ns + (t − ticks) · ns_per_tick_q32 / 2^32, what the status page shows. Exact to 2^-32 ns a tick.
struct Anchor {
  u64 ticks = 0;
  u64 utc_ns = 0;
  u64 ns_per_tick_q32 = 0;
  u64 utc(u64 t) const;
};

class Calibration {
 public:
  // `base` is a moment of the past, best the segment's creation; `now` at least 20 ms later.
  Calibration(const Sample& base, const Sample& now);

  // From the header's two times; where they are younger than 20 ms, or not plausible, it waits for 20 ms.
  static Calibration of(const ring::Header& header, ring::Clock clock);

  // Once a second. Returns how far the wall clock has jumped since the last call (actual − predicted) if that is more
  // than 10 ms, else 0.
  std::int64_t refresh(const Sample& now);

  // UTC of a record's ticks. Ticks 0, or more than one second beyond now's: now's time.
  u64 to_utc(u64 ticks, u64 now_ticks) const;

  const Anchor& anchor() const { return anchor_; }

 private:
  Sample base_;  // of the rate
  Sample last_;
  Anchor anchor_;
};

}  // namespace shmring::os
