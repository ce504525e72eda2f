// What a cache line takes from the reader's processor to the writer's and back: the price of distance in every figure.
#pragma once

#include <string>
#include <vector>

namespace shmring::bench {

// Above this, what is handed over at once is as dear as the way.
inline constexpr double far_ns = 250;

struct RoundTrip {
  double best_ns = 0, median_ns = 0;  // of some hundred bursts; 0: there is one processor only, or no burst ended in time
};
// Two processes, each on its processor, pass one word to and fro.
RoundTrip measure_round_trip(const std::vector<int>& processors);

// What the system says of the two processors: it may be a virtual machine's fiction.
std::string distance_text(const std::vector<int>& processors);

}  // namespace shmring::bench
