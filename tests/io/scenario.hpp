// A piece of work of which every system call fails in turn.
//
// It is run unfailing to count its calls; then once for each of them and each error. After each: no crash, nothing held that
// was not held before, an error with a text that names ring or log; and what the scenario itself looks at.
#pragma once

#include <doctest/doctest.h>

#include "lib/os/error.hpp"
#include "tests/support/every_fault.hpp"

namespace shmring::test {

// `prepare` makes the world, `run` is what fails, `after` looks at what is left; `run` returns 0 or −errno.
struct Scenario {
  std::string name, place;  // place: what each text names
  std::function<void()> prepare;
  std::function<int()> run;
  std::function<void(int)> after;
};

// A result that this error may become: itself, or one that the caller can act on.
inline bool fits(int result, int error) {
  if (error == nothing) return result == -EIO;
  if (error == EWOULDBLOCK && result == -EBUSY) return true;
  return result == -error || (result == -ENOSPC && (error == ENOMEM || error == EDQUOT));
}

inline void fail_each_call(const Scenario& scenario) {
  std::array<int, Failing::kinds> counts{};
  for (int round = 0; round < 2; ++round) {  // the first one warms caches
    scenario.prepare();
    Failing counting;
    REQUIRE(scenario.run() == 0);
    counts = counting.counts();
  }
  const std::vector<Fault> faults = every_fault(counts);
  REQUIRE(faults.size() > 5);
  int refused = 0;
  for (const Fault& fault : faults) {
    CAPTURE(scenario.name);
    CAPTURE(fault.text());
    scenario.prepare();
    os::fail(0, "%s", "");
    const Holdings before;
    int result;
    bool fired;
    {
      Failing failing(fault);
      result = scenario.run();
      fired = failing.fired();
    }
    const Holdings after;
    CHECK_MESSAGE(before == after, before.text(), "; then ", after.text());
    CHECK(fired);
    if (result != 0) {
      const std::string said = os::last_error();
      CHECK_MESSAGE(fits(result, fault.error), result, ": ", said);
      CHECK_MESSAGE(said.find(scenario.place) != said.npos, said);
      ++refused;
    }
    scenario.after(result);
  }
  std::printf("REPORT io %s: %zu failing calls, %d refused, the others did not matter\n", scenario.name.c_str(), faults.size(),
              refused);
}

}  // namespace shmring::test
