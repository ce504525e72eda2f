// For each line of standard input, writes batches of records into a ring, with a pause behind each in which the collector takes
// them, and prints the median of what a write took, in nanoseconds. For fleet_figures.py.
// usage: write_batches RING
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "lib/include/shmring/shmring.h"

namespace {

constexpr int batches = 400, records = 64;

double median_ns(shmring_producer* producer, const char (&payload)[64], bool& written) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> took;
  for (int batch = 0; batch < batches; ++batch) {
    const auto begun = Clock::now();
    for (int i = 0; i < records; ++i) written = shmring_write(producer, nullptr, payload, sizeof payload) == 0 && written;
    took.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begun).count() / records);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  std::nth_element(took.begin(), took.begin() + batches / 2, took.end());
  return took[batches / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  shmring_producer* producer = nullptr;
  if (shmring_attach(argv[1], nullptr, &producer) != 0) return std::fprintf(stderr, "%s\n", shmring_last_error()), 1;
  char payload[64];
  std::memset(payload, 'x', sizeof payload);
  bool written = true;
  for (char line[16]; std::fgets(line, sizeof line, stdin) != nullptr;) {
    std::printf("%.2f\n", median_ns(producer, payload, written));
    std::fflush(stdout);
  }
  shmring_detach(producer);
  return written ? 0 : 1;
}
