// Sleeping on a 32-bit word of shared memory, and bounded sleep.
//
// Invariant: the futex calls are raw and without PRIVATE, for the sleeper and the waker are different processes. What
// orders the word against the rest stands in ring/lane.hpp.
#pragma once

#include <atomic>

#include "lib/ring/layout.hpp"

namespace shmring::os {

// Sleep while `word` is `expected`, at most until the deadline (CLOCK_MONOTONIC, nanoseconds). 0 woken (perhaps for
// nothing), −EAGAIN the word differs, −ETIMEDOUT, −EINTR.
int futex_wait(std::atomic<ring::u32>& word, ring::u32 expected, ring::u64 deadline_ns);

// Wake everyone who sleeps on `word`. How many, or −errno.
int futex_wake_all(std::atomic<ring::u32>& word);

// Sleep for `ns`, less if a signal comes: 0 or −EINTR.
int sleep_for(ring::u64 ns);

}  // namespace shmring::os
