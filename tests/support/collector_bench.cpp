// The collector over a plain ring: see collector_bench.hpp. Collector, reader and producers are compiled once here, too.
#include "tests/support/collector_bench.hpp"

#include <cstring>

namespace plain {

FakeHost::FakeHost() = default;
FakeHost::~FakeHost() = default;

bool FakeHost::dead(u32 entry, u64 owner_word) {
  if (asked) asked(entry);
  return died.count(Owner::of(owner_word).pid) != 0;
}

void FakeHost::forget(u32 entry) { forgotten.push_back(entry); }

std::string FakeHost::exe(shmring::ring::Owner) { return "/bin/app"; }

// ------------------------------------------------------------------------------------------------------- the collector

Bench::Bench(Shape shape) : plain(shape) {}
Bench::~Bench() = default;

void Bench::start(Pace pace) {
  log.forget_pending();
  collector.emplace(plain.ring, pace, host, log);
  const bool stored = collector->start(log.recovered());
  REQUIRE(stored);
}

void Bench::pass(bool entries_due) {
  const bool stored = collector->pass(entries_due);
  REQUIRE(stored);
}

void Bench::drain() {
  for (int i = 0; i < 4; ++i) pass();
}

void Bench::crash() { collector.reset(); }

void Bench::crashes_in_a_pass(bool entries_due) {
  CHECK_THROWS_AS(collector->pass(entries_due), Crash);
  log.lives_for = -1;
  crash();
}

std::string Bench::joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

void Bench::accounts_line() { log.append(shmring::log::accounts_line(1, collector->accounts())); }

void Bench::kill(u32 pid) { host.died.insert(pid); }

void Bench::expect(const std::vector<std::string>& lines) {
  CHECK_MESSAGE(log.broken == "", log.broken);
  CHECK(joined(log.lines) == joined(lines));
}

// --------------------------------------------------------------------------------------------------------- a producer

Hand::Hand(PlainRing& plain, u32 index, u32 lane) : ring(plain.ring), index(index), lane(lane), me(owner(index + 1)) {}

void Hand::claim_entry() const { REQUIRE(shmring::ring::claim_entry<Memory>(entry(), me)); }

void Hand::take_incarnation() {
  incarnation = next_incarnation<Memory>(*ring.header, ring.incarnation_base);
  set_incarnation<Memory>(entry(), incarnation);
}

void Hand::become_attached() const {
  set_lane<Memory>(entry(), lane);
  set_identity<Memory>(entry(), identity("p" + std::to_string(index)));
  set_state<Memory>(entry(), me, OwnerState::attached);
}

Hand& Hand::attach() {
  claim_entry();
  take_incarnation();
  if (lane != 0) REQUIRE(lane_take<Memory>(ring.lanes[lane], index + 1));
  become_attached();
  return *this;
}

void Hand::begin() { begin_attempt<Memory>(entry(), ++sequence); }

void Hand::look_at_tail() { position = tail_seen<Memory>(ring.lanes[lane]); }

void Hand::claim() const {
  if (lane != 0) return claim_alone<Memory>(slot(), ring.lap(position), index + 1);
  const Word seen = look<Memory>(slot());
  REQUIRE(seen.state == SlotState::empty);
  REQUIRE(shmring::ring::claim<Memory>(slot(), seen, ring.lap(position), index + 1));
}

void Hand::move_tail() const { help_tail<Memory>(ring.lanes[lane], position); }

void Hand::fill(const std::string& payload) const {
  RecordHeader& header = slot().header;
  header = {};
  header.refused = refused, header.sequence = sequence, header.chunks = 1, header.why = mask;
  header.length = static_cast<u16>(payload.size());
  std::memcpy(Ring::payload(slot()), payload.data(), payload.size());
  header.hash = hash_of(ring, slot());
}

void Hand::publish() const {
  fill("record " + std::to_string(sequence));
  shmring::ring::publish<Memory>(slot(), ring.lap(position), index + 1);
}

void Hand::finish() const { finish_attempt<Memory>(entry(), sequence); }

void Hand::take_position() {
  begin();
  look_at_tail();
  claim();
  move_tail();
}

void Hand::write() {
  take_position();
  publish();
  finish();
}

void Hand::count(Cause cause) {
  set_counter<Memory>(entry(), cause, {++counts[static_cast<std::size_t>(cause)], static_cast<u32>(sequence)});
  mask |= bit_of(cause);
  set_refusals<Memory>(entry(), {++refused, mask, static_cast<u16>(sequence)});
}

void Hand::refuse(Cause cause) {
  begin();
  count(cause);
  finish();
}

void Hand::detach() const { set_state<Memory>(entry(), me, OwnerState::left); }

}  // namespace plain

template class shmring::ring::Reader<plain::CollectorMemory>;
template class shmring::collect::Collector<plain::CollectorMemory>;
template class shmring::ring::Producer<plain::Memory>;
template class shmring::ring::Producer<plain::ProducerMemory>;
