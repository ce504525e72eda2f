// What several threads of one process do at once, beside the roles of the ring: sleep on one word, and fail.
#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "lib/os/wakeup.hpp"

using namespace shmring;

TEST_CASE("a waker wakes all who sleep on the word") {
  std::atomic<ring::u32> word{0};
  int results[2] = {1, 1};
  const ring::u64 deadline = os::monotonic_now_ns() + 60'000'000'000;
  auto sleep_on = [&](int i) { results[i] = os::futex_wait(word, 0, deadline); };
  std::thread first(sleep_on, 0), second_(sleep_on, 1);
  for (int woken = 0; woken < 2 && os::monotonic_now_ns() < deadline;) woken += os::futex_wake_all(word);
  first.join();
  second_.join();
  CHECK((results[0] == 0 && results[1] == 0));
}

TEST_CASE("the last error is one thread's own, is cut where it is too long, and never NULL") {
  CHECK(os::fail(EIO, "%s", std::string(2000, 'x').c_str()) == -EIO);
  CHECK(std::strlen(os::last_error()) == 511);
  const char* elsewhere = "x";
  std::thread([&] { elsewhere = *os::last_error() == '\0' ? "" : "x"; }).join();
  CHECK(*elsewhere == '\0');
}
