// On what the figures were taken.
#pragma once

#include <string>

namespace shmring::bench {

struct Machine {
  std::string processor, kernel, compiler, commit, time_source, placement, distance;
  double timer_ns;         // what reading the time costs
  std::size_t processors;  // that this process may use
};

// A part that cannot be found out is "unknown".
Machine this_machine();

}  // namespace shmring::bench
