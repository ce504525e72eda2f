// Sleeping on a 32-bit word of shared memory, and bounded sleep.
//
// Invariant: the futex calls are raw and without PRIVATE, since the sleeper and the waker are different processes.
// ring/lane.hpp says what orders the word against the rest.
#pragma once

#include <atomic>

#include "lib/ring/layout.hpp"

namespace shmring::os {

// Sleeps while `word` is `expected`, at most until the deadline (CLOCK_MONOTONIC, nanoseconds). Returns 0 if woken (perhaps for
// nothing), −EAGAIN if the word differs, −ETIMEDOUT, or −EINTR.
int futex_wait(std::atomic<ring::u32>& word, ring::u32 expected, ring::u64 deadline_ns);

// Wakes everyone who sleeps on `word`. Returns how many, or −errno.
int futex_wake_all(std::atomic<ring::u32>& word);

// Sleeps for `ns`, or less if a signal comes. Returns 0 or −EINTR.
int sleep_for(ring::u64 ns);

}  // namespace shmring::os
