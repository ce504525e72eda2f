// Time that passes as fast as a daemon sleeps it: its sleeps take no time, and its clocks go on as if they had.
//
// Invariant: one PassingTime at a time, in a process of its own. What sleeps or asks for the time beside the daemon sees the
// same time.
#pragma once

#include <atomic>
#include <csignal>

#include "lib/ring/layout.hpp"
#include "tests/support/failing_calls.hpp"

namespace shmring::test {

class PassingTime {
 public:
  // At its n-th sleep the process is told to stop. A wait for the disk takes at most `moment_ns`, and passes as a whole then.
  explicit PassingTime(int sleeps, ring::u64 moment_ns = 5'000'000) : ppoll_(sleep), clock_(now), nanosleep_(pause) {
    sleeps_left = sleeps, slept_ns = 0, disk_ns = moment_ns;
  }

 private:
  static constexpr ring::u64 second_ns = 1'000'000'000;

  // Only where the daemon waits for the disk, which is longer than it ever rests, does it give the sync thread a moment.
  static int sleep(struct pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
    const ring::u64 wanted_ns = static_cast<ring::u64>(timeout->tv_sec) * second_ns + static_cast<ring::u64>(timeout->tv_nsec);
    const ring::u64 at_most_ns = wanted_ns > second_ns / 5 ? disk_ns : 0;
    const timespec at_most{static_cast<time_t>(at_most_ns / second_ns), static_cast<long>(at_most_ns % second_ns)};
    if (--sleeps_left == 0) ::raise(SIGTERM);  // blocked until the next one
    const int ready = Replaced<&os::Calls::ppoll>::real(fds, count, &at_most, mask);
    if (ready == 0) slept_ns += wanted_ns;
    return ready;
  }
  static int now(clockid_t clock, timespec* out) {
    const int result = Replaced<&os::Calls::clock_gettime>::real(clock, out);
    const ring::u64 ns = slept_ns + static_cast<ring::u64>(out->tv_nsec);
    out->tv_sec += static_cast<time_t>(ns / second_ns), out->tv_nsec = static_cast<long>(ns % second_ns);
    return result;
  }
  static int pause(clockid_t clock, int flags, const timespec* request, timespec* left) {
    const bool for_the_clocks = request->tv_nsec < 50'000'000;  // 20 ms between two looks at them
    return for_the_clocks ? Replaced<&os::Calls::clock_nanosleep>::real(clock, flags, request, left) : 0;
  }

  static inline int sleeps_left;
  static inline ring::u64 disk_ns;
  static inline std::atomic<ring::u64> slept_ns;

  Replaced<&os::Calls::ppoll> ppoll_;
  Replaced<&os::Calls::clock_gettime> clock_;
  Replaced<&os::Calls::clock_nanosleep> nanosleep_;
};

}  // namespace shmring::test
