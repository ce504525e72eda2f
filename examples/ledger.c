/* A C program that audits the bookings of a ledger.
 *
 *   ledger RING [BOOKINGS] [PAUSE_US]      default: 1000 bookings, 0 µs between two of them
 *
 * It never waits for the audit: what a full ring refuses is counted, and the collector's log says how many and why. */
#define _POSIX_C_SOURCE 200809L
#include <shmring/shmring.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BOOKED = 10 };

static long book(shmring_producer* audit, unsigned long booking) {
  char text[128];
  const int bytes = snprintf(text, sizeof text, "book %lu: debit account %lu, credit account %lu, %lu.%02lu EUR", booking,
                             1000 + booking % 17, 2000 + booking % 23, booking % 500, booking % 100);
  shmring_meta meta = {0};
  meta.type = BOOKED;
  meta.severity = 6;
  return shmring_write(audit, &meta, text, (size_t)bytes) != 0;
}

int main(int argc, char** argv) {
  if (argc < 2) return fprintf(stderr, "usage: ledger RING [BOOKINGS] [PAUSE_US]\n"), 2;
  const unsigned long bookings = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
  const long pause_us = argc > 3 ? atol(argv[3]) : 0;
  shmring_attach_options options = {0};
  shmring_producer* audit = NULL;
  options.struct_size = sizeof options;
  options.name = "ledger";
  if (shmring_attach(argv[1], &options, &audit) != 0) return fprintf(stderr, "ledger: %s\n", shmring_last_error()), 1;
  if (shmring_name_type(audit, BOOKED, "ledger.booked") < 0) fprintf(stderr, "ledger: %s\n", shmring_last_error());
  long refused = 0;
  for (unsigned long booking = 1; booking <= bookings; ++booking) {
    const struct timespec pause = {0, pause_us * 1000};
    refused += book(audit, booking);
    if (pause_us > 0) nanosleep(&pause, NULL);
  }
  printf("ledger: %llu records, %ld refused\n", (unsigned long long)shmring_sequence(audit), refused);
  shmring_detach(audit);
  return 0;
}
