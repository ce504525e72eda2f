// The futex and sleep calls behind wakeup.hpp. No state.
#include "lib/os/wakeup.hpp"

#include <linux/futex.h>

#include <cerrno>
#include <climits>

#include "lib/os/calls.hpp"

namespace shmring::os {
namespace {

timespec timespec_of(ring::u64 ns) { return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)}; }

}  // namespace

int futex_wait(std::atomic<ring::u32>& word, ring::u32 expected, ring::u64 deadline_ns) {
  const timespec deadline = timespec_of(deadline_ns);
  // The BITSET form takes an absolute time. Plain FUTEX_WAIT would start the wait anew after each early return.
  const long woken =
      calls.futex(reinterpret_cast<ring::u32*>(&word), FUTEX_WAIT_BITSET, expected, &deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
  return woken < 0 ? -errno : 0;
}

int futex_wake_all(std::atomic<ring::u32>& word) {
  const long woken = calls.futex(reinterpret_cast<ring::u32*>(&word), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  return woken < 0 ? -errno : static_cast<int>(woken);
}

int sleep_for(ring::u64 ns) {
  const timespec request = timespec_of(ns);
  return -calls.clock_nanosleep(CLOCK_MONOTONIC, 0, &request, nullptr);
}

}  // namespace shmring::os
