// One trial: a scenario, a point of its call, and what happens there; then the judge.
//
// The judge: the oracle over the whole log, the ring whole again, and what only the stepper knows: of a killed call the account
// word and the slots at the moment of death say exactly what the log must have; a handler's write is refused, or finds no
// handle, wherever the call has begun to store and has not ended; a forked child that goes on in attach or detach is refused,
// is over at its first access to the segment, or attaches as a producer of its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/step/scenario.hpp"
#include "tests/step/tracee.hpp"
#include "tests/support/oracle.hpp"

namespace shmring::test {

// A problem is one line; none: the text stays empty.
void expect(std::string& problem, bool holds, const std::string& rule);

// All accounts closed, the ring whole, the log exact.
Findings close_and_consult(Scene& scene, bool overwriting, std::string& problem);

enum class Action { kill, stop, signal, fork };
const char* name_of(Action action);

struct Trial {
  const Scenario& scenario;
  Action action;
  Point point;
  bool inside;  // behind the call's first store into the segment, and before its last, or before the end of detach
};

struct Outcome {
  bool reached = false;
  std::string problem;  // empty: all is as it must be
};
Outcome run(const Trial& trial);

// The call's instructions, undisturbed; `problem` as above.
std::vector<Step> walk(const Scenario& scenario, std::string& problem, shmring::ring::Geometry* geometry = nullptr);

// Which of the instructions are tried: every `every`-th (0: none of these), and those before and behind a system call and what
// changes the segment, or whatever reads or writes there; of a loop the first `most_hits` rounds.
enum class Near { nothing, changes, accesses };
struct Density {
  unsigned every;
  Near near;
  unsigned most_hits;
};
// Those that one of them takes.
std::vector<std::size_t> choose(const std::vector<Step>& steps, const std::vector<Density>& densities);

// Each action at each place of this part, as doctest's checks, and a line of report. Enough is said after three failures. One
// place, and `may_miss` of a hundred, need not be reached.
void try_places(const std::string& name, const std::vector<Step>& steps, const std::vector<std::size_t>& places,
                const std::vector<Action>& actions, std::size_t may_miss,
                const std::function<Outcome(Action, std::size_t)>& one);

}  // namespace shmring::test
