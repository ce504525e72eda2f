// One trial: a scenario, a point of its call, and what happens there; then the judge.
//
// The judge: the oracle over the whole log, the ring whole again, and what only the stepper knows: of a killed call the account
// word and the slots at the moment of death say exactly what the log must have; a handler's write is refused wherever the call
// has begun to store and has not ended.
#pragma once

#include <string>
#include <vector>

#include "tests/step/scenario.hpp"
#include "tests/step/tracee.hpp"

namespace shmring::test {

enum class Action { kill, stop, signal, fork };
const char* name_of(Action action);

struct Trial {
  const Scenario& scenario;
  Action action;
  Point point;
  bool inside;  // between the call's first store into the segment and its last
};

struct Outcome {
  bool reached = false;
  std::string problem;  // empty: all is as it must be
};
Outcome run(const Trial& trial);

// The call's instructions, undisturbed; `problem` as above.
std::vector<Step> walk(const Scenario& scenario, std::string& problem);

// The places among them that are tried: every `every`-th (0: none of these), and, with `accesses`, those before and behind a
// store into the segment or a system call; of a loop the first `most_hits` rounds.
std::vector<std::size_t> choose(const std::vector<Step>& steps, unsigned every, bool accesses, unsigned most_hits);

// "instruction 12 of 240, 0x1234": what addr2line -e on this program understands.
std::string where(const std::vector<Step>& steps, std::size_t number);

}  // namespace shmring::test
