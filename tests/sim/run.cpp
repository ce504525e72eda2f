// The shipped writer, syncer, restart and verify over a disk that keeps as few promises as it may: at each call that changes
// anything, the process is killed or the power fails, and the log must keep what it told.
#include <doctest/doctest.h>

#include "tests/sim/history.hpp"
#include "tests/sim/reader.hpp"
#include "tests/support/mode.hpp"

using namespace sim;
using shmring::test::by_mode, shmring::test::part_of;

namespace {

u64 seed_of_run(u64 test_case) { return shmring::test::seeded(test_case)(); }

// What led there, from a second run of the same history.
std::string story_of(const Scenario& scenario, u64 cut_at, Death death) {
  Figures figures;
  History again(scenario, figures);
  again.keep_story();
  try {
    again.run(cut_at, death);
  } catch (const Wrong&) {
    return again.story();
  }
  return "the same history again: nothing is wrong, so the seed does not decide all";
}

// Runs the scenarios' histories, each cut at every `stride`-th call by a kill and by a power cut.
void run_all(u64 seed, bool has_trouble, Figures& figures) {
  const u64 scenarios = by_mode<u64>(12, 12, part_of(2'400)), stride = by_mode<u64>(3, 1, 1);
  for (u64 number = 0; number < scenarios; ++number) {
    const Scenario scenario = scenario_of(seed, number, has_trouble);
    u64 cut_at = 0, calls = 0;
    Death death = Death::kill;
    try {
      calls = History(scenario, figures).run(0, Death::power_cut);
      for (cut_at = 1 + number % stride; cut_at <= calls; cut_at += stride) {
        for (const Death how : {Death::kill, Death::power_cut}) {
          death = how;
          History(scenario, figures).run(cut_at, how);
          ++figures.cuts;
        }
      }
    } catch (const Wrong& wrong) {
      const std::string where = "seed " + std::to_string(seed) + ", scenario " + std::to_string(number) + ", cut at call " +
                                std::to_string(cut_at) + (death == Death::kill ? ", kill: " : ", power cut: ");
      FAIL_CHECK(where << wrong.what << "\n" << story_of(scenario, cut_at, death));
    }
  }
}

void say(const char* disk, const Figures& f) {
  shmring::test::tried(f.cuts, "cut points");
  shmring::test::report(
      "%s: %llu cut points, %llu kills, %llu power cuts, %llu files replaced, %llu logs cut, %llu pages that went back, %llu "
      "changes of keys, %llu signed roots compared",
      disk, static_cast<unsigned long long>(f.cuts), static_cast<unsigned long long>(f.kills),
      static_cast<unsigned long long>(f.power_cuts), static_cast<unsigned long long>(f.replaced),
      static_cast<unsigned long long>(f.cut_logs), static_cast<unsigned long long>(f.dropped),
      static_cast<unsigned long long>(f.keys), static_cast<unsigned long long>(f.checkpoints));
}

}  // namespace

TEST_CASE("a disk that takes all it is asked to: killed or without power at any call, the log keeps what it told") {
  Figures figures;
  run_all(seed_of_run(1), false, figures);
  say("a disk without errors", figures);
}

TEST_CASE("a disk that fails now and then: killed or without power at any call, the log keeps what it told") {
  Figures figures;
  run_all(seed_of_run(2), true, figures);
  say("a disk that fails", figures);
}
