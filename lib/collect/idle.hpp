// How long the collector may sleep. Pure: times in, time out.
//
// Invariants: while records come, the collector does not sleep. A record waits at most 2 ms if another came within the last
// second, and at most 25 ms after that. An idle collector wakes at most 50 times a second. With the option busy it never
// sleeps.
#pragma once

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
      empty_passes_ = 0;
      return 0;
    }
    if (now_ns - last_found_ns_ > second_ns) return long_sleep_ns;
    if (++empty_passes_ <= spins) return 0;
    const u64 doubled = shortest_ns << (empty_passes_ - spins < 8 ? empty_passes_ - spins : 8);
    return doubled < short_sleep_ns ? doubled : short_sleep_ns;
  }

 private:
  static constexpr u64 second_ns = 1'000'000'000;
  static constexpr u64 spins = 32;
  static constexpr u64 shortest_ns = 25'000;
  static constexpr u64 short_sleep_ns = 1'500'000;
  static constexpr u64 long_sleep_ns = 22'000'000;

  bool busy_;
  u64 last_found_ns_ = 0;
  u64 empty_passes_ = 0;
};

}  // namespace shmring::collect
