// Writes for no_syscalls.py: a marker call, COUNT writes, a marker call; then prints how many of them were written.
// usage: write_loop RING LANE COUNT [CALLS]      LANE: 1 shared, 2 exclusive; CALLS: system calls made between the markers, to
//                                                show that they would be seen
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "lib/include/shmring/shmring.h"

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  shmring_attach_options options{};
  options.struct_size = sizeof options;
  options.lane = static_cast<uint32_t>(std::atoi(argv[2]));
  shmring_producer* producer = nullptr;
  if (shmring_attach(argv[1], &options, &producer) != 0) return std::fprintf(stderr, "%s\n", shmring_last_error()), 1;
  const long count = std::atol(argv[3]), calls = argc > 4 ? std::atol(argv[4]) : 0;
  char payload[64];
  std::memset(payload, 'x', sizeof payload);
  long results[8] = {};
  (void)!::write(-1, "begin", 5);
  for (long n = 0; n < calls; ++n) ::getppid();
  for (long n = 0; n < count; ++n) ++results[shmring_write(producer, nullptr, payload, sizeof payload) & 7];
  (void)!::write(-1, "end", 3);
  shmring_detach(producer);
  std::printf("%ld written %ld full %ld other\n", results[0], results[SHMRING_FULL],
              count - results[0] - results[SHMRING_FULL]);
}
