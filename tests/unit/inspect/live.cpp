// What `shmring stat` and `shmring dump` say of a sound ring whose roles have died anywhere: it has the dead, and no damage.
#include <functional>

#include "lib/inspect/inspect.hpp"
#include "tests/support/thread_roles.hpp"

using namespace plain;

namespace {

constexpr u32 slots = 8, room = 64;

Geometry shape() {
  Geometry geometry{};
  geometry.slots = slots, geometry.slot_bytes = room + sizeof(Slot), geometry.lanes = 2, geometry.producers = 4;
  geometry.max_record = 2 * room, geometry.flags = with_tripwire;
  return geometry;
}

std::string findings_in(const MappedRing& mapped) {
  shmring::inspect::Inspection seen = shmring::inspect::read_segment(mapped.seen, {}, true);
  shmring::inspect::read_slots(
      mapped.seen, {}, [](const shmring::inspect::SlotFacts&) { return true; }, seen.findings);
  std::string out;
  for (const std::string& text : seen.findings.texts) out += text + "\n";
  return out;
}

// True: the role died before its n-th access.
bool dies_at(u64 n, const std::function<void()>& role) {
  RoleMemory::accesses_left = n;
  try {
    role();
  } catch (const Died&) {
    return true;
  }
  RoleMemory::accesses_left = 0;
  return false;
}

using Hands = Producer<RoleMemory>;

int write(Hands& producer, std::size_t bytes) {
  const Pattern pattern(producer.incarnation(), producer.sequence() + 1);
  return producer.write(nullptr, pattern.words, bytes);
}
// As much as there is room for.
void fill(Hands& producer) {
  while (write(producer, 10) == 0) continue;
}
void attach(const MappedRing& mapped, Hands& producer, u32 pid, u32 lane) {
  REQUIRE(producer.attach(mapped.ring, owner(pid), identity("p" + std::to_string(pid)), lane) == 0);
}

// Two who live, one in each kind of lane; one who has left; one who is dead, its slot open.
struct Story {
  MappedRing mapped{shape()};
  RoleHost host{10};
  ArrivalLog log;
  Hands shared, alone, left, dead;

  Story() {
    attach(mapped, shared, 1, SHMRING_LANE_SHARED), attach(mapped, alone, 2, SHMRING_LANE_EXCLUSIVE);
    attach(mapped, left, 3, SHMRING_LANE_SHARED), attach(mapped, dead, 4, SHMRING_LANE_SHARED);
    write(shared, 2 * room), write(left, 10), write(dead, 10);
    left.detach();
    void* place = nullptr;
    REQUIRE(dead.claim(10, &place) == 0);
    host.died[4] = true;
    fill(shared), fill(alone);
  }
  void collect() {
    collect::Collector<RoleMemory> collector(mapped.ring, {1024, 128, 0}, host, log);
    collector.start(log.recovered());
    for (int i = 0; i < 3; ++i) collector.pass(true);
  }
};

}  // namespace

TEST_CASE("a collector that dies before any of its accesses, while producers go on, leaves nothing that looks like damage") {
  u64 n = 0;
  for (bool died = true; died;) {
    Story story;
    died = dies_at(++n, [&] { story.collect(); });
    const std::string before = findings_in(story.mapped);
    CHECK_MESSAGE(before == "", before, "before access ", n);
    fill(story.shared), fill(story.alone);
    const std::string after = findings_in(story.mapped);
    CHECK_MESSAGE(after == "", after, "before access ", n, ", and written on");
  }
  CHECK(n > 100);
}

TEST_CASE("a producer that dies before any of its accesses leaves nothing that looks like damage") {
  for (const u32 lane : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE}) {
    u64 n = 0;
    for (bool died = true; died;) {
      MappedRing mapped(shape());
      Hands producer;
      died = dies_at(++n, [&] {
        producer.attach(mapped.ring, owner(1), identity("p"), lane);
        producer.name_type(1, "t1");
        write(producer, 10), write(producer, 2 * room), write(producer, 2 * room + 1);
        fill(producer);
        producer.detach();
      });
      const std::string found = findings_in(mapped);
      CHECK_MESSAGE(found == "", found, "before access ", n);
    }
    CHECK(n > 50);
  }
}
