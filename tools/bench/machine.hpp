// The machine and the build that the figures are of.
#pragma once

#include <string>

namespace shmring::bench {

struct Machine {
  std::string processor, kernel, compiler, commit, time_source, placement, distance;
  double timer_ns;         // what it costs to read the time
  std::size_t processors;  // the number of processors that this process may use
};

// A text that cannot be determined is "unknown".
Machine this_machine();

}  // namespace shmring::bench
