// How long the collector may sleep. Pure: times in, time out.
//
// Invariants: while records come, and for 10 µs after the last one, the collector does not sleep. A record waits at most 2 ms
// if another came within the last second, and at most 25 ms after that. An idle collector wakes at most 50 times a second.
// With the option busy it never sleeps.
#pragma once

#include <algorithm>

#include "lib/ring/layout.hpp"

namespace shmring::collect {

using ring::u64;

class Idle {
 public:
  explicit Idle(bool busy = false) : busy_(busy) {}

  // Called after each pass with what it found. Returns how long to sleep now, in nanoseconds; 0 means to go on at once.
  u64 after_pass(bool found, u64 now_ns) {
    if (busy_) return 0;
    if (found) {
      last_found_ns_ = now_ns;
      sleeps_ = 0;
      return 0;
    }
    if (now_ns - last_found_ns_ > second_ns) return long_sleep_ns;
    if (now_ns - last_found_ns_ < spin_ns) return 0;
    const u64 doubled = shortest_ns << std::min<u64>(++sleeps_, 8);
    return doubled < short_sleep_ns ? doubled : short_sleep_ns;
  }

 private:
  static constexpr u64 second_ns = 1'000'000'000;
  static constexpr u64 spin_ns = 10'000;
  static constexpr u64 shortest_ns = 25'000;
  static constexpr u64 short_sleep_ns = 1'500'000;
  static constexpr u64 long_sleep_ns = 22'000'000;

  bool busy_;
  u64 last_found_ns_ = 0;
  u64 sleeps_ = 0;  // since the last record
};

}  // namespace shmring::collect
