// A piece of work of which every system call fails in turn: see scenario.hpp.
#include "tests/io/scenario.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdio>

#include "lib/os/error.hpp"

namespace shmring::test {

namespace {

// A result that this error may become: itself, or one that the caller can act on.
bool fits(int result, int error) {
  if (error == nothing) return result == -EIO;
  if (error == EWOULDBLOCK && result == -EBUSY) return true;
  return result == -error || (result == -ENOSPC && (error == ENOMEM || error == EDQUOT));
}

}  // namespace

void fail_each_call(const Scenario& scenario) {
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
