// The collector, instruction by instruction: it opens ring and log, recovers, and makes the passes that take events, losses, a
// detach, a death and a record of several chunks, over a lane in which one claim stays open. It is killed there, and a new one
// recovers from its log and finishes; or it is stopped there, while a producer fills the ring, and goes on.
//
// In check: around each of its stores into the segment and each system call. In long: at every 40th instruction besides. In quick:
// a ninth of it, in one pass.
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
  // Until the ring refuses records.
  void fill_the_ring() {
    for (int refused = 0; refused < 2 && !writers_.full();) refused += write(writer_, writers_, 150) == SHMRING_FULL;
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
void finish(Scene& scene, Writers& writers, std::string& problem) {
  scene.collect();
  scene.pass();
  expect(problem, writers.leave(), "the open claim cannot be committed");
  close_and_consult(scene, false, problem);
}

Outcome try_at(Action action, Point point) {
  Outcome outcome;
  Scene scene({});
  Writers writers(scene);
  Tracee tracee([&] { return collect(scene.place.log); });
  outcome.reached = tracee.run_to(point);
  if (outcome.reached && action == Action::kill) tracee.kill();
  if (outcome.reached && action == Action::stop) writers.fill_the_ring();
  if (!tracee.ended()) tracee.resume();
  const bool ended = eventually([&] { return tracee.ended(); }, std::chrono::seconds(30));
  expect(outcome.problem, ended, "the collector does not come to its end");
  if (action == Action::stop && ended) expect(outcome.problem, tracee.status() == 0, "the collector did not end well");
  if (ended) finish(scene, writers, outcome.problem);
  return outcome;
}

}  // namespace

TEST_CASE("a collector killed or stopped anywhere in its passes leaves no loss and no duplicate") {
  std::string problem;
  {  // once in this process: what happens the first time only (malloc learns sizes) shall happen in no tracee
    Scene scene({});
    Writers writers(scene);
    finish(scene, writers, problem);
  }
  Scene scene({});
  Writers writers(scene);
  Tracee tracee([&] { return collect(scene.place.log); });
  const auto* segment = reinterpret_cast<const std::byte*>(scene.view->ring().header);
  const std::vector<Step> steps = tracee.walk(segment, scene.view->ring().geometry.size);
  CHECK(tracee.stands());
  tracee.resume();
  CHECK(eventually([&] { return tracee.ended(); }));
  CHECK(tracee.status() == 0);
  finish(scene, writers, problem);
  REQUIRE_MESSAGE(problem.empty(), problem);
  const Density density = by_mode<Density>({0, true, 1000}, {0, true, 1000}, {40, true, 1000});
  std::vector<std::size_t> places;
  for (const std::size_t n : choose(steps, density))
    if (n % by_mode<std::size_t>(9, 1, 1) == 0) places.push_back(n);
  try_places("collector", steps, places, {Action::kill, Action::stop},
             [&](Action action, std::size_t n) { return try_at(action, steps[n].at); });
}
