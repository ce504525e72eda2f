// The round trip: how long a cache line takes from the reader's processor to the writer's and back. Every figure in which both
// processors take part depends on it.
#pragma once

#include <string>
#include <vector>

namespace shmring::bench {

// Cores are called far if the median round trip is longer than this. What is drained at once then costs as much as the way
// between the cores.
inline constexpr double far_ns = 250;

struct RoundTrip {
  double best_ns = 0, median_ns = 0;  // of some hundred bursts; 0: there is only one processor, or no burst ended in time
};
// Measures with two processes on the first two processors, which pass one word to and fro.
RoundTrip measure_round_trip(const std::vector<int>& processors);

// Returns what the system says about the distance of the two processors. In a virtual machine this may be wrong.
std::string distance_text(const std::vector<int>& processors);

}  // namespace shmring::bench
