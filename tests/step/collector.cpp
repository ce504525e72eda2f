// The collector, instruction by instruction: it opens ring and log, recovers, and makes the passes that take events, losses, a
// detach, a death and a record of several chunks, over a lane in which one claim stays open. It is killed there, and a new one
// recovers from its log and finishes; or it is stopped there, while a producer writes ten laps of the ring, and goes on. Where
// writers wait, the ring is full and one sleeps: it must get its place, from whichever collector.
//
// In check: around a 24th part, which the seed decides, of what it changes in the segment, its system calls, and, of a loop in
// its first two rounds, its accesses to the segment; hybrid, which wakes as wait does, only in long. In long: at each
// instruction, of a loop in its first three rounds, and around those changes and calls in all. In quick: a ninth of the changes
// and calls, in one pass, with the policy drop.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/step/trial.hpp"

using namespace shmring::test;

namespace {

constexpr std::size_t two_chunks = 2 * room - 1;
constexpr u32 deadline_us = 60'000'000;  // longer than anybody is left asleep here

int collect(const std::string& log_dir, Shape shape) {
  // The second one finds nothing new, but for a woken sleeper's record, and when that comes is a matter of time.
  const int passes = shape.waiting() ? 1 : by_mode(1, 2, 2);
  call_begins();
  Drain drain(log_dir);
  for (int i = 0; i < passes; ++i) drain.pass();
  call_ends();
  return drain.trouble().empty() ? 0 : 1;
}

// Those who wrote before the collector came. All but the dead one live in this process.
class Writers {
 public:
  explicit Writers(Scene& scene) : scene_(scene) {
    writer_ = attach(Workplace::ring, writers_, SHMRING_LANE_SHARED);
    claimer_ = attach(Workplace::ring, claimers_, SHMRING_LANE_SHARED);
    shmring_producer* leaver = attach(Workplace::ring, leavers_, SHMRING_LANE_EXCLUSIVE);
    write(writer_, writers_, 64);
    die();
    claim();
    write(writer_, writers_, two_chunks);
    write(writer_, writers_, max_record + 1);
    write(writer_, writers_, 1);
    write(leaver, leavers_, 100);
    write(leaver, leavers_, max_record + 1);
    detach(leaver, leavers_);
    if (!scene.shape.waiting()) return;
    for (const u64 small = key_of(writers_, 64, 0); scene_.view->tail(0) < slots; write_noted(writer_, writers_))
      writers_.set_key(writers_->begun + 1, small);
    sleep(false);
  }
  // Ten laps of the ring: they are refused, or overwrite what the collector is about to take. Where that waits, one more does.
  void go_on_writing() {
    if (scene_.shape.waiting()) return sleep(true);
    for (u32 n = 0; n < 10 * slots; ++n) write_noted(writer_, writers_);
  }
  // Whoever slept has written, while this collector makes its passes, and has left.
  bool sleepers_are_done() {
    return std::ranges::all_of(sleepers_, [&](Child& sleeper) {
      return eventually([&] { return scene_.pass() && !sleeper.running(); }, std::chrono::seconds(20)) && sleeper.wait() == 0;
    });
  }
  // The open claim is committed, with a collector that has stepped over it long ago.
  bool leave() {
    const bool committed = shmring_commit(claimer_, &record_.meta, record_.bytes) == 0;
    claimers_.end(claimers_->begun, 0);
    detach(claimer_, claimers_);
    detach(writer_, writers_);
    return committed;
  }

 private:
  static int write(shmring_producer* producer, Journal& journal, std::size_t bytes) {
    journal.set_key(journal->begun + 1, key_of(journal, bytes, journal->begun));
    return write_noted(producer, journal);
  }
  void begin_claim(shmring_producer* producer, Journal& journal) {
    void* payload = nullptr;
    const u64 key = key_of(journal, 64, 0);
    make_record(journal.producer, key, journal.max_record, record_);
    journal.set_key(journal->begun + 1, key);
    journal.begin(journal->begun + 1);
    if (shmring_claim(producer, record_.bytes, &payload) != 0) ++journal->wrong;
    if (payload != nullptr) std::memcpy(payload, record_.payload, record_.bytes);
  }
  void claim() { begin_claim(claimer_, claimers_); }
  // One writes, claims, and ends.
  void die() {
    Child([&] {
      shmring_producer* producer = attach(Workplace::ring, victims_, SHMRING_LANE_SHARED);
      write(producer, victims_, 64);
      begin_claim(producer, victims_);
      return 0;
    }).wait();
  }

  // One more attaches, and sleeps for a place, but where a collector may have made room.
  void sleep(bool is_there_room) {
    Journal& journal = scene_.place.journal(64);
    sleepers_.emplace_back([&journal] {
      shmring_producer* producer = attach(Workplace::ring, journal, SHMRING_LANE_SHARED);
      const bool written = write_noted(producer, journal) == 0;
      detach(producer, journal);
      return written ? 0 : 1;
    });
    const auto stands = [&] { return scene_.view->waiters(0) != 0 && sleepers_.back().sleeps(); };
    if (!eventually([&] { return stands() || (is_there_room && !sleepers_.back().running()); }))
      scene_.trouble = "who waits for a place does not sleep";
  }

  Scene& scene_;
  std::vector<Child> sleepers_;
  Journal &writers_ = scene_.place.journal(2048), &claimers_ = scene_.place.journal(64), &leavers_ = scene_.place.journal(64),
          &victims_ = scene_.place.journal(64);
  shmring_producer *writer_ = nullptr, *claimer_ = nullptr;
  Record record_;
};

// Whoever is left ends, and a new collector closes all accounts.
void finish(Scene& scene, Writers& writers, Shape shape, std::string& problem) {
  scene.collect();
  scene.pass();
  expect(problem, writers.sleepers_are_done(), "who slept for a place has not got it");
  expect(problem, writers.leave(), "the open claim cannot be committed");
  close_and_consult(scene, shape.on_full == SHMRING_POLICY_OVERWRITE, problem);
}

Outcome try_at(Shape shape, Action action, Point point) {
  Outcome outcome;
  Scene scene(shape);
  Writers writers(scene);
  Tracee tracee([&] { return collect(scene.place.log, shape); });
  outcome.reached = tracee.run_to(point);
  if (outcome.reached && action == Action::kill) tracee.kill();
  if (outcome.reached && action == Action::stop) writers.go_on_writing();
  if (!tracee.ended()) tracee.resume();
  const bool ended = eventually([&] { return tracee.ended(); }, std::chrono::seconds(30));
  expect(outcome.problem, ended, "the collector does not come to its end");
  if (action == Action::stop && ended) expect(outcome.problem, tracee.status() == 0, "the collector did not end well");
  if (ended) finish(scene, writers, shape, outcome.problem);
  return outcome;
}

void try_passes(const char* name, Shape shape) {
  std::string problem;
  {  // once in this process: what happens the first time only (malloc learns sizes) shall happen in no tracee
    Scene scene(shape);
    Writers writers(scene);
    finish(scene, writers, shape, problem);
  }
  Scene scene(shape);
  Writers writers(scene);
  Tracee tracee([&] { return collect(scene.place.log, shape); });
  const auto* segment = reinterpret_cast<const std::byte*>(scene.view->ring().header);
  const std::vector<Step> steps = tracee.walk(segment, scene.view->ring().geometry.size, scene.place.file());
  CHECK(tracee.stands());
  tracee.resume();
  CHECK(eventually([&] { return tracee.ended(); }));
  CHECK(tracee.status() == 0);
  finish(scene, writers, shape, problem);
  REQUIRE_MESSAGE(problem.empty(), problem);
  std::vector<std::size_t> places;
  const Density changes{0, Near::changes, by_mode(1000u, shape.waiting() ? 3u : 1000u, 1000u)};
  const std::vector<Density> densities{changes, by_mode<Density>(changes, {0, Near::accesses, 2}, {1, Near::accesses, 3})};
  for (const std::size_t n : choose(steps, densities))
    if (n % by_mode<std::size_t>(23, 1, 1) == 0 && is_of_share(n, 80)) places.push_back(n);
  try_places(name, steps, places, {Action::kill, Action::stop}, 8,
             [&](Action action, std::size_t n) { return try_at(shape, action, steps[n].at); });
}

}  // namespace

TEST_CASE("a collector killed or stopped anywhere in its passes leaves no loss and no duplicate") {
  SUBCASE("drop") { try_passes("collector, drop", {}); }
  if (by_mode(true, false, false)) return;
  SUBCASE("overwrite") { try_passes("collector, overwrite", {SHMRING_POLICY_OVERWRITE}); }
  SUBCASE("wait") { try_passes("collector, wait", {SHMRING_POLICY_WAIT, 256, deadline_us}); }
  if (by_mode(true, true, false)) return;
  SUBCASE("hybrid") { try_passes("collector, hybrid", {SHMRING_POLICY_HYBRID, 256, deadline_us}); }
}
