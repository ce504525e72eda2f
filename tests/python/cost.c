/* What a write costs in C, drained live: prints nanoseconds a write, a line a round. usage: cost RING ROUNDS WRITES */
#include <shmring/shmring.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int count, char** words) {
  shmring_producer* producer;
  char payload[64] = "order 17 authorised";
  const shmring_meta meta = {.type = 1, .severity = 6};
  if (count != 4 || shmring_attach(words[1], NULL, &producer) != 0) return fprintf(stderr, "%s\n", shmring_last_error()), 1;
  while (getchar() != EOF) { /* a round for each byte */
    struct timespec from, to;
    const long writes = atol(words[3]);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long i = 0; i < writes; ++i) shmring_write(producer, &meta, payload, sizeof payload);
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%.2f\n", ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / (double)writes);
    fflush(stdout);
  }
  shmring_detach(producer);
  return 0;
}
