// Each call of a producer, instruction by instruction: killed there, stopped there while others run ten laps of the ring,
// interrupted there by a handler that writes through the same handle, and by one that forks: in attach and detach the child
// goes on.
//
// In check: at a sixth, which the seed decides, of the instructions of a write of 64 bytes, and, for commit and abort, of those
// around each of their accesses to the segment and their system calls, and of every eleventh; for every other call, at
// a 32nd part of such places. In long: everywhere. In quick: a sample.
#include <doctest/doctest.h>

#include "tests/step/trial.hpp"

using namespace shmring::test;

namespace {

constexpr u32 shared = SHMRING_LANE_SHARED, exclusive = SHMRING_LANE_EXCLUSIVE;
constexpr std::size_t one_slot = 384;  // with slots of 512
constexpr std::size_t three_chunks = 3 * room - 1;
constexpr Shape big_slots{SHMRING_POLICY_DROP, 512}, overwrite{SHMRING_POLICY_OVERWRITE},
    waiting{SHMRING_POLICY_WAIT, 256, 20'000}, hybrid{SHMRING_POLICY_HYBRID, 256, 1};

// Steps through the call, then tries each action at each place.
void try_all(const Scenario& scenario, const std::vector<Action>& actions, Density density, std::uint64_t share) {
  std::string problem;
  const std::vector<Step> steps = walk(scenario, problem);
  REQUIRE_MESSAGE(problem.empty(), std::string(scenario.name) << ": " << problem);
  std::size_t first = steps.size(), last = 0;
  for (std::size_t n = 0; n < steps.size(); ++n)
    if (steps[n].stores) first = std::min(first, n), last = n;
  // Who waits does the same again and again, the oftener the slower it goes.
  if (scenario.shape.waiting()) density.most_hits = 1;
  std::vector<std::size_t> places;
  std::uint64_t seen = 0;
  for (const std::size_t n : choose(steps, {density}))
    if (is_of_share(seen++, share)) places.push_back(n);
  try_places(scenario.name, steps, places, actions, 2, [&](Action action, std::size_t n) {
    return run({scenario, action, steps[n].at, n > first && (n <= last || scenario.call == Call::detach)});
  });
}

const std::vector<Action> all_actions{Action::kill, Action::stop, Action::signal, Action::fork};
const std::vector<Action> quick_actions{Action::kill, Action::stop};

void try_all(const std::vector<Scenario>& scenarios) {
  const Density density = by_mode<Density>({193, Near::nothing, 1}, {25, Near::accesses, 2}, {1, Near::accesses, 3});
  for (const Scenario& scenario : scenarios) SUBCASE(scenario.name) {
      try_all(scenario, by_mode(quick_actions, all_actions, all_actions), density, 32);
    }
}

}  // namespace

TEST_CASE("a write of 64 bytes, a commit, an abort survive a kill, a stop, a nested write and a fork at every instruction") {
  const auto density = [](Call call) {
    const unsigned every = call == Call::write ? 1 : 11;
    return by_mode<Density>({15, Near::nothing, 9}, {every, Near::accesses, 9}, {1, Near::accesses, 9});
  };
  for (const Scenario& scenario :
       {Scenario{"write 64 B, shared", Call::write, 64, shared}, Scenario{"write 64 B, exclusive", Call::write, 64, exclusive},
        Scenario{"commit, shared", Call::commit, 64, shared}, Scenario{"abort, shared", Call::abort, 64, shared}})
    SUBCASE(scenario.name) { try_all(scenario, by_mode(quick_actions, all_actions, all_actions), density(scenario.call), 20); }
}

TEST_CASE("so does a write of a large slot, of several slots, and of too much") {
  try_all({{"write 384 B, shared", Call::write, one_slot, shared, 3, big_slots},
           {"write 384 B, exclusive", Call::write, one_slot, exclusive, 3, big_slots},
           {"write 3 chunks, shared", Call::write, three_chunks, shared},
           {"write 3 chunks, exclusive", Call::write, three_chunks, exclusive},
           {"write, too big, shared", Call::write, max_record + 1, shared},
           {"write, too big, exclusive", Call::write, max_record + 1, exclusive}});
}

TEST_CASE("so does a write to a full ring, under each policy") {
  try_all({{"write, full, drop, shared", Call::write, 64, shared, slots},
           {"write, full, drop, exclusive", Call::write, 64, exclusive, slots},
           {"write 3 chunks, one slot free, shared", Call::write, three_chunks, shared, slots - 1},
           {"write 3 chunks, one slot free, exclusive", Call::write, three_chunks, exclusive, slots - 1},
           {"write, full, overwrite, shared", Call::write, 64, shared, slots, overwrite},
           {"write, full, overwrite, exclusive", Call::write, 64, exclusive, slots, overwrite},
           {"write 3 chunks, full, overwrite, shared", Call::write, three_chunks, shared, slots, overwrite},
           {"write 3 chunks, full, overwrite, exclusive", Call::write, three_chunks, exclusive, slots, overwrite},
           {"write, full, wait, shared", Call::write, 64, shared, slots, waiting},
           {"write, full, wait, exclusive", Call::write, 64, exclusive, slots, waiting},
           {"write, full, hybrid, shared", Call::write, 64, shared, slots, hybrid},
           {"write, full, hybrid, exclusive", Call::write, 64, exclusive, slots, hybrid}});
}

TEST_CASE("so do claim, commit and abort") {
  try_all({{"claim, shared", Call::claim, 64, shared},
           {"claim, exclusive", Call::claim, 64, exclusive},
           {"commit, exclusive", Call::commit, 64, exclusive},
           {"abort, exclusive", Call::abort, 64, exclusive}});
}

TEST_CASE("attach and detach survive a kill and a stop, a write in a handler, and a fork whose child goes on") {
  try_all({{"attach, shared", Call::attach, 64, shared},
           {"attach, exclusive", Call::attach, 64, exclusive},
           {"detach, shared", Call::detach, 0, shared},
           {"detach, exclusive", Call::detach, 0, exclusive},
           {"detach with an open claim, shared", Call::detach, 64, shared},
           {"detach with an open claim, exclusive", Call::detach, 64, exclusive}});
}

// It left that call for one instruction, between the claim's end and its own.
TEST_CASE("a detach that ends a claim refuses a handler's write at every instruction") {
  const auto density = by_mode<Density>({51, Near::nothing, 1}, {5, Near::accesses, 3}, {1, Near::accesses, 3});
  try_all({"detach that ends a claim, shared", Call::detach, 64, shared}, {Action::signal}, density, 1);
}

int main(int argc, char** argv) {
  if (!Tracee::permitted()) {
    std::puts("skipped: a process here may not trace its own child (PTRACE_TRACEME is refused)");
    return 77;
  }
  ::setenv("TMPDIR", "/dev/shm", 0);  // thousands of logs, none of them for long
  return doctest::Context(argc, argv).run();
}
