// A producer's journal, and the roles of a producer: see journal.hpp.
#include "tests/support/journal.hpp"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace shmring::test {

Journal::Journal(u32 number, u64 capacity, std::size_t max_record)
    : producer(number), max_record(max_record), capacity_(capacity),
      counts_(::new (shared_memory(sizeof(Counts) + capacity * (sizeof(u32) + 1))) Counts{}) {
  keys_ = reinterpret_cast<u32*>(counts_ + 1);
  results_ = reinterpret_cast<std::uint8_t*>(keys_ + capacity);
}

Journal::~Journal() { ::munmap(counts_, sizeof(Counts) + capacity_ * (sizeof(u32) + 1)); }

std::string Journal::name() const { return "p" + std::to_string(producer); }

shmring_producer* attach(const char* ring, Journal& journal, u32 lane, const shmring_create_options* create) {
  const std::string name = journal.name();
  const shmring_attach_options options{sizeof options, lane, name.c_str(), nullptr, create, 0, 0};
  shmring_producer* producer = nullptr;
  int result = 0;
  eventually([&] { return (result = shmring_attach(ring, &options, &producer)) != -EBUSY && result != -EUSERS; });
  if (result != 0) std::fprintf(stderr, "attach: %s\n", shmring_last_error());
  if (producer != nullptr) journal->incarnation = shmring_incarnation(producer);
  return producer;
}

int write_noted(shmring_producer* producer, Journal& journal) {
  Record record;
  const u64 sequence = journal->begun + 1;
  make_record(journal.producer, journal.key(sequence), journal.max_record, record);
  journal.begin(sequence);
  const int result = shmring_write(producer, &record.meta, record.payload, record.bytes);
  if (result >= 0 && result != SHMRING_NESTED && result != SHMRING_FORKED && result != SHMRING_RETIRED) {
    journal.end(sequence, result);
    if (shmring_sequence(producer) != sequence) ++journal->wrong;
  } else {
    journal->begun = sequence - 1;
    if (result < 0) ++journal->wrong;
    if (result == SHMRING_NESTED) ++journal->nested;
    if (result == SHMRING_FORKED) ++journal->forked;
    if (result == SHMRING_RETIRED) ++journal->retired;
  }
  return result;
}

void detach(shmring_producer* producer, Journal& journal) {
  journal->detaching = 1;
  shmring_detach(producer);
  journal->detached = 1;
}

int produce(const char* ring, Journal& journal, const Load& load) {
  shmring_producer* producer = attach(ring, journal, load.lane);
  if (producer == nullptr) return 1;
  for (u64 n = 1; n <= load.attempts && !journal.full() && (load.stop == nullptr || !*load.stop); ++n) {
    const Steady::time_point begin = load.timed ? Steady::now() : Steady::time_point{};
    write_noted(producer, journal);
    if (load.timed) journal->longest_ns = std::max<u64>(journal->longest_ns, nanoseconds_since(begin));
    if (n % load.burst != 0) continue;
    if (load.pause_us == 0) {
      ::sched_yield();
    } else {
      ::usleep(load.pause_us);
    }
  }
  detach(producer, journal);
  return 0;
}

}  // namespace shmring::test
