// A piece of work of which every system call fails in turn.
//
// It is run unfailing to count its calls; then once for each of them and each error. After each: no crash, nothing held that
// was not held before, an error with a text that names ring or log; and what the scenario itself looks at.
#pragma once

#include <functional>
#include <string>

#include "tests/support/every_fault.hpp"

namespace shmring::test {

// `prepare` makes the world, `run` is what fails, `after` looks at what is left; `run` returns 0 or −errno.
struct Scenario {
  std::string name, place;  // place: what each text names
  std::function<void()> prepare;
  std::function<int()> run;
  std::function<void(int)> after;
};

void fail_each_call(const Scenario& scenario);

}  // namespace shmring::test
