/* A C program that writes its records in place: into a slot of the ring, without a copy.
 *
 *   inplace RING [READINGS]      default: 1000 readings of a sensor
 *
 * A reading is JSON, printed straight into the slot; a sensor that fails half-way aborts its record, and the log
 * counts it. */
#include <shmring/shmring.h>
#include <stdio.h>
#include <stdlib.h>

enum { MEASURED = 30, ROOM = 96 };

/* What a sensor does: some characters, or -1. */
static int measure(char* text, size_t room, unsigned long reading) {
  if (reading % 100 == 99) return -1;
  return snprintf(text, room, "{\"sensor\":%lu,\"millikelvin\":%lu}", reading % 8, 293000 + reading * 7919 % 5000);
}

/* 0, or what the ring answered. */
static int record(shmring_producer* audit, unsigned long reading) {
  shmring_meta meta = {0};
  void* slot = NULL;
  int bytes, result = shmring_claim(audit, ROOM, &slot);
  if (result != 0) return result; /* nothing to give back: the ring was full, and has counted it */
  bytes = measure(slot, ROOM, reading);
  if (bytes < 0 || bytes >= ROOM) return shmring_abort(audit);
  meta.type = MEASURED;
  meta.kind = SHMRING_KIND_JSON;
  return shmring_commit(audit, &meta, (size_t)bytes);
}

int main(int argc, char** argv) {
  if (argc < 2) return fprintf(stderr, "usage: inplace RING [READINGS]\n"), 2;
  const unsigned long readings = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
  shmring_producer* audit = NULL;
  shmring_attach_options options = {0};
  options.struct_size = sizeof options;
  options.name = "inplace";
  if (shmring_attach(argv[1], &options, &audit) != 0) return fprintf(stderr, "inplace: %s\n", shmring_last_error()), 1;
  if (shmring_slot_payload(audit) < ROOM) return fprintf(stderr, "inplace: the ring's slots are too small\n"), 1;
  if (shmring_name_type(audit, MEASURED, "sensor.measured") < 0) fprintf(stderr, "inplace: %s\n", shmring_last_error());
  long refused = 0;
  for (unsigned long reading = 1; reading <= readings; ++reading) refused += record(audit, reading) != 0;
  printf("inplace: %llu records, %ld refused\n", (unsigned long long)shmring_sequence(audit), refused);
  shmring_detach(audit);
  return 0;
}
