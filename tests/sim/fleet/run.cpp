// The shipped forwarder, receiver and archive, over an engine and a disk that keep as few promises as they may: killed at any
// step, the archive ends with each line of each host, once.
#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/sim/fleet/history.hpp"
#include "tests/sim/history.hpp"
#include "tests/support/mode.hpp"

using namespace sim;
using shmring::test::by_mode, shmring::test::part_of;

namespace {

std::string story_of(u64 seed) {
  FleetFigures figures;
  FleetHistory again(seed, figures);
  again.keep_story();
  try {
    again.run();
  } catch (const Wrong&) {
    return again.story();
  }
  return "the same history again: nothing is wrong, so the seed does not decide all";
}

}  // namespace

TEST_CASE("a fleet over an engine that forgets, doubles, reorders and lies: the archive gets each line once") {
  FleetFigures figures;
  const u64 histories = by_mode<u64>(400, 10'000, part_of(1'000'000));
  auto seeds = shmring::test::seeded(3);
  const char* const one = std::getenv("FLEET_SEED");  // of one history, to look at it
  for (u64 i = 0; i < histories; ++i) {
    const u64 seed = one != nullptr ? std::strtoull(one, nullptr, 10) : seeds();
    try {
      FleetHistory(seed, figures).run();
    } catch (const Wrong& wrong) {
      FAIL("history " << i << ", seed " << seed << ": " << wrong.what << "\n" << story_of(seed));
    }
    if (one != nullptr) break;
  }
  shmring::test::tried(figures.histories, "histories");
  shmring::test::report(
      "%llu histories: %llu kills, %llu power cuts of the archive, %llu messages sent, %llu forgotten, %llu "
      "rewinds, %llu commits; %llu lines compared",
      static_cast<unsigned long long>(figures.histories), static_cast<unsigned long long>(figures.kills),
      static_cast<unsigned long long>(figures.power_cuts), static_cast<unsigned long long>(figures.messages),
      static_cast<unsigned long long>(figures.forgotten), static_cast<unsigned long long>(figures.rewinds),
      static_cast<unsigned long long>(figures.commits), static_cast<unsigned long long>(figures.lines));
}
