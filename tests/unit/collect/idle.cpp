// How long the collector may sleep: by times that are made up.
#include "lib/collect/idle.hpp"

#include <doctest/doctest.h>

namespace {

using shmring::collect::Idle;
using shmring::ring::u64;

constexpr u64 millisecond = 1'000'000, second = 1'000'000'000;

// Passes that find nothing, each after the sleep before it: how often they slept, and how long at most.
struct Sleeps {
  u64 count = 0, longest_ns = 0;
};
Sleeps idle_from(Idle& idle, u64 from_ns, u64 to_ns) {
  Sleeps sleeps;
  for (u64 now = from_ns; now < to_ns;) {
    const u64 sleep_ns = idle.after_pass(false, now);
    sleeps.count += sleep_ns != 0;
    sleeps.longest_ns = sleep_ns > sleeps.longest_ns ? sleep_ns : sleeps.longest_ns;
    now += sleep_ns + 1000;  // a pass takes time
  }
  return sleeps;
}

}  // namespace

TEST_CASE("a collector that finds records does not sleep") {
  Idle idle;
  for (u64 now = 0; now < second; now += millisecond) CHECK(idle.after_pass(true, now) == 0);
}

TEST_CASE("a collector that found a record in the last second sleeps for less than 2 ms, after a moment of looking") {
  Idle idle;
  idle.after_pass(true, 10 * second);
  const Sleeps sleeps = idle_from(idle, 10 * second, 11 * second);
  CHECK(sleeps.longest_ns < 2 * millisecond);
  CHECK(sleeps.count > 0);
  CHECK(sleeps.count < 1000);
}

TEST_CASE("an idle collector wakes at most fifty times a second, and a record waits for less than 25 ms") {
  Idle idle;
  idle.after_pass(true, second);
  const Sleeps sleeps = idle_from(idle, 3 * second, 13 * second);
  CHECK(sleeps.count <= 500);
  CHECK(sleeps.longest_ns < 25 * millisecond);
}

TEST_CASE("a busy collector never sleeps") {
  Idle idle(true);
  idle.after_pass(true, second);
  CHECK(idle_from(idle, 3 * second, 3 * second + millisecond).count == 0);
}
