// A write never loads from a slot that it has stored to. The slot's lines may still be on their way from the collector's
// processor: a store waits for them in the store buffer, but for a load the whole program waits. And it stores each word of a
// header once.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "lib/ring/validate.hpp"
#include "tests/step/trial.hpp"

using namespace shmring::test;

namespace {

// What the steps of a write do to the slots, and what of it they should not.
struct Slots {
  std::uint64_t at, slot_bytes;                               // the first one's place in the segment
  std::map<std::uint64_t, std::set<std::uint64_t>> stored{};  // by slot: bytes behind its state word
  std::set<std::uint64_t> begun{};                            // slots that were stored to
  std::size_t loads = 0;                                      // from these
  std::size_t twice_in_header = 0, twice_in_payload = 0;      // bytes that were stored again

  void take(const Access& access) {
    if (access.offset < at) return;
    const std::uint64_t slot = (access.offset - at) / slot_bytes, first = (access.offset - at) % slot_bytes;
    const bool is_word = first < sizeof(std::uint64_t);
    if (access.loads && begun.count(slot) != 0) ++loads;
    if (!access.stores) return;
    begun.insert(slot);
    for (std::uint64_t byte = first; byte < first + access.bytes && !is_word; ++byte)
      if (!stored[slot].insert(byte).second) ++(byte < sizeof(shmring::ring::Slot) ? twice_in_header : twice_in_payload);
  }
};

Slots look(const Scenario& scenario) {
  std::string problem;
  shmring::ring::Geometry geometry{};
  const std::vector<Step> steps = walk(scenario, problem, &geometry);
  REQUIRE_MESSAGE(problem.empty(), std::string(scenario.name) << ": " << problem);
  Slots slots{shmring::ring::plan(geometry).slots, geometry.slot_bytes};
  for (const Step& step : steps)
    for (const Access& access : step.accesses) slots.take(access);
  return slots;
}

}  // namespace

TEST_CASE("a write loads nothing from a slot that it has stored to, and stores each word of a header once") {
  for (const std::uint32_t lane : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE})
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{5}, std::size_t{64}, std::size_t{100}, 3 * room - 1}) {
      CAPTURE(lane);
      CAPTURE(bytes);
      const Slots slots = look({"write", Call::write, bytes, lane});
      const std::size_t expected = bytes > room ? 3 : 1;
      CHECK(slots.begun.size() == expected);
      CHECK(slots.loads == 0);
      for (const auto& [slot, stored] : slots.stored)
        for (std::uint64_t byte = sizeof(std::uint64_t); byte < sizeof(shmring::ring::Slot); ++byte)
          CHECK(stored.count(byte) == 1);
      CHECK(slots.twice_in_header == 0);
      CHECK(slots.twice_in_payload < expected * 2 * sizeof(std::uint64_t));  // its last words may overlap those before
    }
}
