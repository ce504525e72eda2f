// The collector, instruction by instruction: it opens ring and log, recovers, and makes the passes that take events, losses, a
// detach, a death and a record of several chunks, over a lane in which one claim stays open. It is killed there, and a new one
// recovers from its log and finishes; or it is stopped there, while a producer fills the ring, and goes on.
//
// In check: around each of its stores into the segment and each system call. In long: at every 40th instruction besides. In
// quick: a ninth of it, in one pass, with the policy drop.
#include <doctest/doctest.h>

#include "tests/step/trial.hpp"

using namespace shmring::test;

namespace {

constexpr std::size_t two_chunks = 2 * room - 1;

int collect(const std::string& log_dir) {
  const int passes = by_mode(1, 2, 2);  // the second one finds nothing new
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
  }
  // Two laps of it: they are refused, or overwrite what the collector is about to take.
  void fill_the_ring() {
    for (u32 n = 0; n < 2 * slots; ++n) write(writer_, writers_, 150);
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

  Scene& scene_;
  Journal &writers_ = scene_.place.journal(1024), &claimers_ = scene_.place.journal(64), &leavers_ = scene_.place.journal(64),
          &victims_ = scene_.place.journal(64);
  shmring_producer *writer_ = nullptr, *claimer_ = nullptr;
  Record record_;
};

// Whoever is left ends, and a new collector closes all accounts.
void finish(Scene& scene, Writers& writers, Shape shape, std::string& problem) {
  scene.collect();
  scene.pass();
  expect(problem, writers.leave(), "the open claim cannot be committed");
  close_and_consult(scene, shape.on_full == SHMRING_OVERWRITE, problem);
}

Outcome try_at(Shape shape, Action action, Point point) {
  Outcome outcome;
  Scene scene(shape);
  Writers writers(scene);
  Tracee tracee([&] { return collect(scene.place.log); });
  outcome.reached = tracee.run_to(point);
  if (outcome.reached && action == Action::kill) tracee.kill();
  if (outcome.reached && action == Action::stop) writers.fill_the_ring();
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
  Tracee tracee([&] { return collect(scene.place.log); });
  const auto* segment = reinterpret_cast<const std::byte*>(scene.view->ring().header);
  const std::vector<Step> steps = tracee.walk(segment, scene.view->ring().geometry.size);
  CHECK(tracee.stands());
  tracee.resume();
  CHECK(eventually([&] { return tracee.ended(); }));
  CHECK(tracee.status() == 0);
  finish(scene, writers, shape, problem);
  REQUIRE_MESSAGE(problem.empty(), problem);
  std::vector<std::size_t> places;
  for (const std::size_t n : choose(steps, by_mode<Density>({0, true, 1000}, {0, true, 1000}, {40, true, 1000})))
    if (n % by_mode<std::size_t>(9, 1, 1) == 0) places.push_back(n);
  try_places(name, steps, places, {Action::kill, Action::stop}, 8,
             [&](Action action, std::size_t n) { return try_at(shape, action, steps[n].at); });
}

}  // namespace

TEST_CASE("a collector killed or stopped anywhere in its passes leaves no loss and no duplicate") {
  SUBCASE("drop") { try_passes("collector, drop", {}); }
  if (by_mode(false, true, true)) SUBCASE("overwrite") { try_passes("collector, overwrite", {SHMRING_OVERWRITE}); }
}
