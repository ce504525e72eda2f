// See trial.hpp.
#include "tests/step/trial.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>

extern "C" const char __executable_start;

namespace shmring::test {

namespace {

using ring::OwnerState;
using ring::SlotState;

// What the segment said of the victim when it was killed.
struct Evidence {
  OwnerState state = OwnerState::free;  // no entry named it
  u64 attempted = 0;
  bool complete = false;  // every chunk of its last attempt was published, and none as aborted
};

Evidence look_at(const View& view, pid_t pid) {
  Evidence found;
  const int entry = view.entry_of(pid);
  if (entry < 0) return found;
  const u32 index = static_cast<u32>(entry);
  found.state = view.owner(index).state;
  found.attempted = ring::account_seen<View::Memory>(view.ring().entries[index]).attempted;
  u32 chunks = 0, published = 0;
  for (u32 lane = 0; lane < view.ring().geometry.lanes; ++lane)
    for (u32 slot = 0; slot < slots; ++slot) {
      const ring::Word word = view.word(lane, slot);
      if (word.state != SlotState::ready || word.owner != index + 1) continue;
      const ring::RecordHeader& header = view.ring().slot(lane, slot).header;
      if (header.sequence != found.attempted || (header.flags & ring::flag_aborted) != 0) continue;
      chunks = header.chunks, ++published;
    }
  found.complete = published != 0 && published == chunks;
  return found;
}

// Step by step, the spins before a wait's first sleep take longer than its deadline may be elsewhere.
constexpr u32 stepped_wait_us = 1'000'000;

void judge_killed(std::string& problem, const Evidence& evidence, const LoggedAccount* account) {
  if (evidence.state == OwnerState::free || evidence.state == OwnerState::attaching)
    return expect(problem, account == nullptr, "it had not attached, and the log knows it");
  if (account == nullptr) return expect(problem, false, "it had attached, and the log does not know it");
  expect(problem, account->closing == (evidence.state == OwnerState::left ? "detach" : "died"), "closed by the wrong line");
  expect(problem, account->through == evidence.attempted, "the log ends elsewhere than its account word");
  const bool lost = !account->losses.empty() && account->losses.back().last == evidence.attempted;
  expect(problem, evidence.attempted == 0 || evidence.complete != lost,
         "its last attempt was published and is a loss, or was not and is an event");
}

// Let it run to its end, with a collector beside it.
void finish(Scene& scene, Tracee& tracee) {
  const auto until = Steady::now() + std::chrono::seconds(30);
  while (!tracee.ended() && scene.pass() && Steady::now() < until) {
  }
  if (!tracee.ended()) scene.trouble = "it does not come to its end: " + scene.trouble;
}

void judge_handler(std::string& problem, const Trial& trial, const Told& told) {
  const bool refused = told.result == SHMRING_NESTED;
  const bool none = told.result == no_handle && !trial.scenario.has_handle();
  expect(problem, told.result >= 0 || none, "the handler did not run, or its write was wrong");
  expect(problem, !trial.inside || refused || none, "a write inside the call was not refused");
}

// A child that goes on in attach or detach has no segment: at its first access it is over.
void judge_child(std::string& problem, const Trial& trial, int status, const Journal& journal, const Findings& found) {
  const bool no_segment = !trial.scenario.has_handle() && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
  expect(problem, status == 0 || no_segment, "the forked child was not refused, but ended with " + std::to_string(status));
  if (journal->childs == 0) return;
  const auto own = found.accounts.find(journal->childs);
  expect(problem, own != found.accounts.end() && own->second.closing == "detach" && own->second.through == 0,
         "the child attached, and the log does not have that and no more");
}

// What addr2line -e understands, for the code of this program.
std::string where(const std::vector<Step>& steps, std::size_t number) {
  char text[96];
  std::snprintf(text, sizeof text, "instruction %zu of %zu, %#zx", number, steps.size(),
                steps[number].at.pc - reinterpret_cast<std::uintptr_t>(&__executable_start));
  return text;
}

}  // namespace

void expect(std::string& problem, bool holds, const std::string& rule) {
  if (!holds) problem += rule + "\n";
}

Findings close_and_consult(Scene& scene, bool overwriting, std::string& problem) {
  scene.close();
  expect(problem, scene.trouble.empty(), scene.trouble);
  expect(problem, scene.is_whole(), "the ring is not whole");
  Expectation expected;
  expected.overwriting = overwriting;
  Findings found = consult(scene.place.log, scene.place.journals, expected);
  problem += found.text();
  return found;
}

const char* name_of(Action action) {
  static constexpr const char* names[] = {"kill", "stop", "signal", "fork"};
  return names[static_cast<int>(action)];
}

Outcome run(const Trial& trial) {
  Outcome outcome;
  const Scenario& scenario = trial.scenario;
  Scene scene(scenario.shape);
  Shared<Told> told;
  Journal& journal = scene.place.journal(256);
  Tracee tracee([&] { return play(scenario, journal, *told); });
  expect(outcome.problem, tracee.stands() && scene.trouble.empty(), "it did not begin: " + scene.trouble);
  if (!outcome.problem.empty()) return outcome;
  outcome.reached = tracee.run_to(trial.point);
  const Evidence evidence = look_at(*scene.view, tracee.pid());
  scene.collect();
  if (outcome.reached && trial.action == Action::kill) {
    tracee.kill();
    scene.close();
    if (scene.trouble.empty()) scene.run_a_lap(scenario.lane);
  } else {
    if (trial.action == Action::stop) scene.run_laps(10, scenario.overwriting() ? 60 : 2);
    const int signal = trial.action == Action::signal ? SIGUSR1 : trial.action == Action::fork ? SIGUSR2 : 0;
    tracee.resume(outcome.reached ? signal : 0);
    finish(scene, tracee);
    expect(outcome.problem, tracee.status() == 0, "its exit status is " + std::to_string(tracee.status()));
  }
  const Findings found = close_and_consult(scene, scenario.overwriting(), outcome.problem);
  if (outcome.reached && trial.action == Action::kill) judge_killed(outcome.problem, evidence, found.of(journal));
  if (outcome.reached && trial.action == Action::signal) judge_handler(outcome.problem, trial, *told);
  if (outcome.reached && trial.action == Action::fork) judge_child(outcome.problem, trial, told->child, journal, found);
  return outcome;
}

std::vector<Step> walk(const Scenario& scenario, std::string& problem, shmring::ring::Geometry* geometry) {
  {  // once in this process: what happens the first time only (the loader binds names) shall happen in no tracee
    Scene scene(scenario.shape);
    scene.collect();
    scene.run_laps(1, scenario.overwriting() ? 60 : 2);
    scene.run_a_lap(scenario.lane);
  }
  Shape shape = scenario.shape;
  if (shape.on_full == SHMRING_POLICY_WAIT) shape.wait_us = stepped_wait_us;
  Scene scene(shape);
  Shared<Told> told;
  Journal& journal = scene.place.journal(256);
  if (geometry != nullptr) *geometry = scene.view->ring().geometry;
  Tracee tracee([&] { return play(scenario, journal, *told); });
  expect(problem, tracee.stands() && scene.trouble.empty(), "it did not begin");
  if (!problem.empty()) return {};
  const auto* segment = reinterpret_cast<const std::byte*>(scene.view->ring().header);
  std::vector<Step> steps = tracee.walk(segment, scene.view->ring().geometry.size, scene.place.file());
  expect(problem, tracee.stands(), "it did not come to the end of the call");
  const auto is_decoded = [](const Step& step) { return !step.stores || step.reaches || step.system_call; };
  expect(problem, std::ranges::all_of(steps, is_decoded), "an instruction changed the segment whose operands do not reach it");
  scene.collect();
  if (tracee.stands()) tracee.resume();
  finish(scene, tracee);
  expect(problem, tracee.status() == 0, "it did not end well");
  close_and_consult(scene, scenario.overwriting(), problem);
  return steps;
}

std::vector<std::size_t> choose(const std::vector<Step>& steps, const std::vector<Density>& densities) {
  auto is_taken = [&](std::size_t n, Density density) {
    auto touches = [&](std::size_t i) {
      return density.near != Near::nothing &&
             (steps[i].stores || steps[i].system_call || (density.near == Near::accesses && steps[i].reaches));
    };
    const bool is_next = density.every != 0 && n % density.every == 0;
    // The vDSO is the kernel's, and how often it looks again, time alone decides: in a long run, once.
    const unsigned most_hits = steps[n].in_vdso ? by_mode(0u, 0u, 1u) : density.most_hits;
    return steps[n].at.hit <= most_hits && (is_next || touches(n) || (n > 0 && touches(n - 1)));
  };
  std::vector<std::size_t> chosen;
  for (std::size_t n = 0; n < steps.size(); ++n)
    if (std::ranges::any_of(densities, [&](Density density) { return is_taken(n, density); })) chosen.push_back(n);
  return chosen;
}

void try_places(const std::string& name, const std::vector<Step>& steps, const std::vector<std::size_t>& places,
                const std::vector<Action>& actions, std::size_t may_miss,
                const std::function<Outcome(Action, std::size_t)>& one) {
  const auto begin = Steady::now();
  std::size_t done = 0, missed = 0, failed = 0;
  for (const Action action : actions)
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!is_of_part(i)) continue;
      const Outcome outcome = one(action, places[i]);
      ++done, missed += !outcome.reached && !steps[places[i]].in_vdso;
      CHECK_MESSAGE(outcome.problem.empty(), name << ": " << std::string(name_of(action)) << " before "
                                                  << where(steps, places[i]) << ":\n"
                                                  << outcome.problem);
      if (!outcome.problem.empty() && ++failed == 3) return;
    }
  // What reads a clock, or a pid's digits, may take another path elsewhere, and inside the vDSO often does; so may a collector,
  // most of whose rhythm is time. A stepper that loses its way must not pass.
  // A place that is not reached is missed by each action.
  CHECK_MESSAGE((missed < done || done == 0), name << ": no place was reached");
  CHECK_MESSAGE(missed <= actions.size() + done * may_miss / 100,
                name << ": " << missed << " of " << done << " places were not reached");
  report("step %s: %zu instructions; %zu places x %zu actions, of these %zu here, %zu not reached, %.1f s", name.c_str(),
         steps.size(), places.size(), actions.size(), done, missed, milliseconds_since(begin) / 1000);
  tried(done, "faults at an instruction");
}

}  // namespace shmring::test
