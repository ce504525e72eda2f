// Producers and collector as threads over one mapping: what a race detector can look at. Each record's bytes are
// checked, and each sequence is in the log once.
#include <atomic>
#include <map>
#include <thread>

#include "tests/support/collector_bench.hpp"

using namespace plain;

namespace {

constexpr u64 attempts = 30'000;  // of each producer

// The bytes of a record: its producer and sequence, over and over.
struct Pattern {
  u64 words[8];
  Pattern(u64 incarnation, u64 sequence) {
    for (u64& word : words)
      word = (incarnation << 32) + sequence * 0x9e3779b97f4a7c15 + static_cast<u64>(&word - words);
  }
};

struct CheckingLog {
  struct Life {
    u64 through = 0, events = 0, lost = 0, full = 0;
    bool attached = false, closed = false;
  };
  std::map<u64, Life> lives;
  std::string broken;
  std::size_t closed = 0;

  void must(bool holds, const char* rule) {
    if (!holds && broken.empty()) broken = rule;
  }
  void add(const audit::Event& event) {
    Life& life = lives[event.incarnation];
    must(life.attached && !life.closed && event.sequence == life.through + 1, "an event out of order");
    life.through = event.sequence, ++life.events;
    const Pattern expected(event.incarnation, event.sequence);
    const std::size_t bytes = 8 + event.sequence % 57;
    must(event.payload.size() == bytes && std::memcmp(event.payload.data(), expected.words, bytes) == 0,
         "another record's bytes");
  }
  void add(const audit::Loss& loss) {
    Life& life = lives[loss.incarnation];
    must(life.attached && !life.closed && loss.first == life.through + 1 && loss.last >= loss.first,
         "a loss out of order");
    must(loss.causes[Cause::full] + loss.causes[Cause::contended] + loss.causes[Cause::refused] ==
             loss.last - loss.first + 1,
         "a loss that is no refusal");
    life.through = loss.last, life.lost += loss.last - loss.first + 1;
  }
  void add(const audit::LifeLine& line) {
    Life& life = lives[line.incarnation];
    if (line.life == audit::Life::attach) {
      must(!life.attached, "a second attach line");
      life.attached = true;
      return;
    }
    must(life.attached && !life.closed && line.last == life.through && line.causes.total() == life.lost,
         "a wrong closing line");
    life.closed = true, life.full = line.causes[Cause::full] + line.causes[Cause::contended], ++closed;
  }
  template <class Other>
  void add(const Other&) {
    must(false, "a line that should not be");
  }
  bool store(const std::vector<audit::Line>& lines) {
    for (const audit::Line& line : lines) std::visit([this](const auto& it) { add(it); }, line);
    return true;
  }
};

struct Done {
  u64 incarnation = 0, accepted = 0, refused = 0, other = 0;
  u32 lane = 0;
};

void produce(const Ring& ring, u32 pid, u32 lane, Done& done) {
  Producer<Memory> producer;
  if (producer.attach(ring, owner(pid), identity("p" + std::to_string(pid)), lane) != 0) return;
  done.incarnation = producer.incarnation(), done.lane = producer.lane();
  for (u64 i = 0; i < attempts; ++i) {
    const u64 sequence = producer.sequence() + 1;
    const Pattern pattern(done.incarnation, sequence);
    const int result = producer.write(nullptr, pattern.words, 8 + sequence % 57);
    (result == 0 ? done.accepted : result == SHMRING_FULL ? done.refused : done.other) += 1;
    if (result == SHMRING_FULL) std::this_thread::yield();
  }
  producer.detach();
}

}  // namespace

TEST_CASE(
    "two producers of the shared lane, one of an exclusive lane and the collector, all at once: nothing torn, all "
    "accounted for") {
  PlainRing plain({.slots = 256, .lanes = 2, .flags = with_tripwire});
  FakeHost host;
  CheckingLog log;
  audit::Collector<Memory, FakeHost, CheckingLog> collector(plain.ring, {}, host, log);
  std::array<Done, 3> done;
  std::atomic<int> running = 3;
  std::vector<std::thread> producers;
  for (u32 i = 0; i < 3; ++i)
    producers.emplace_back([&, i] {
      produce(plain.ring, i + 1, i == 2 ? SHMRING_LANE_EXCLUSIVE : SHMRING_LANE_SHARED, done[i]);
      --running;
    });
  std::thread reader([&] {
    if (!collector.start({})) return;
    for (u64 pass = 0, after_the_end = 0; after_the_end < 64; ++pass) {
      if (running == 0) ++after_the_end;
      if (!collector.pass(pass % 16 == 0 || running == 0)) return;
      if (collector.is_idle()) std::this_thread::yield();
    }
  });
  for (std::thread& producer : producers) producer.join();
  reader.join();
  CHECK_MESSAGE(log.broken == "", log.broken);
  CHECK(log.closed == 3);
  for (const Done& it : done) {
    const CheckingLog::Life& life = log.lives[it.incarnation];
    CHECK(it.accepted > 0);
    CHECK(it.other == 0);
    CHECK(it.accepted + it.refused == attempts);
    CHECK(life.through == attempts);
    CHECK(life.events == it.accepted);
    CHECK(life.full == it.refused);
  }
  CHECK(done[2].lane == 1);
  for (u32 lane = 0; lane < 2; ++lane)
    for (u32 index = 0; index < 256; ++index) CHECK(plain.word(index, lane).state == SlotState::empty);
  for (u32 entry = 0; entry < 3; ++entry) CHECK(plain.entry(entry).owner == 0);
}
