// A producer stopped inside write(): its slot is its own however long it stands, and the others go past it.
#include <doctest/doctest.h>
#include <sched.h>
#include <time.h>

#include <algorithm>

#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/oracle.hpp"

using namespace shmring::test;

namespace {

constexpr u32 slots = 256;
constexpr u64 capacity = u64{1} << 26;

// Stop it again and again, until it stands with a slot in WRITING.
bool stop_inside(Child& process, const Journal& journal, const View& view, std::mt19937_64& random, Held& out) {
  for (int tries = 0; tries < 200'000; ++tries) {
    process.stop();
    if (!process.running()) return false;
    if (!journal.reported() && view.held_slot(process.pid(), out)) return true;
    process.go_on();
    random_pause(random, 50);
  }
  return false;
}

void stop_for_ten_laps(u32 lane, u64 seed) {
  Workplace place;
  std::mt19937_64 random = seeded(seed);
  Daemon daemon(place, {"--slots", std::to_string(slots)});
  REQUIRE(daemon.collects());
  View view;
  Shared<std::atomic<bool>> stop, stop_victim;
  Journal& journal = place.journal(capacity);
  Child victim([&] { return produce(Workplace::ring, journal, {lane, capacity, 64, 20, &*stop_victim}); });
  std::vector<Child> others;
  for (int i = 0; i < 3; ++i) {
    Journal& other = place.journal(capacity);
    others.emplace_back([&] { return produce(Workplace::ring, other, {SHMRING_LANE_SHARED, capacity, 16, 100, &*stop}); });
  }
  CHECK(eventually([&] { return journal->begun > 1000; }));
  const u64 rounds = by_mode<u64>(2, 4, part_of(200));
  std::vector<u64> stopped_at;
  for (u64 round = 0; round < rounds; ++round) {
    Held held;
    REQUIRE(stop_inside(victim, journal, view, random, held));
    stopped_at.push_back(journal->begun);
    std::vector<u64> before;
    for (std::size_t i = 1; i < place.journals.size(); ++i) before.push_back((*place.journals[i])->begun);
    const u64 tail = view.tail(0);
    CHECK(eventually([&] { return view.tail(0) >= tail + 10 * slots; }));  // nobody is held up
    for (std::size_t i = 1; i < place.journals.size(); ++i)
      CHECK(eventually([&] { return (*place.journals[i])->begun > before[i - 1] + slots; }));
    CHECK(view.word(held.lane, held.index) == held.word);
    CHECK(journal->begun == stopped_at.back());
    victim.go_on();
    CHECK(eventually([&] { return journal->begun > stopped_at.back() + 10; }));
    CHECK(journal.result(stopped_at.back()) == 0);
  }
  *stop_victim = true;
  CHECK(victim.wait() == 0);
  *stop = true;
  for (Child& other : others) CHECK(other.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  const LoggedAccount* account = found.of(journal);
  REQUIRE(account != nullptr);
  for (const u64 sequence : stopped_at)
    CHECK(std::find(account->late.begin(), account->late.end(), sequence) != account->late.end());
  report("%lu producers stopped inside write() on %s lane for ten laps of 3 others: %zu records late, none torn", rounds,
         lane == SHMRING_LANE_SHARED ? "the shared" : "an exclusive", account->late.size());
}

u64 processor_ns() {
  timespec time;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<u64>(time.tv_sec) * 1'000'000'000 + static_cast<u64>(time.tv_nsec);
}

bool on_one_processor() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

// Preempts the others with each of its bursts. `dearest_ns`: the processor time of its dearest write.
int write_urgently(Journal& journal, u64 attempts, std::atomic<u64>& dearest_ns) {
  shmring_producer* producer = attach(Workplace::ring, journal, SHMRING_LANE_SHARED);
  const sched_param priority{10};
  if (producer == nullptr || !on_one_processor()) return 1;
  if (::sched_setscheduler(0, SCHED_FIFO, &priority) != 0) skipped("a producer of real-time priority: may not have one here");
  for (u64 n = 1; n <= attempts; ++n) {
    const u64 begin = processor_ns();
    write_noted(producer, journal);
    dearest_ns = std::max(dearest_ns.load(), processor_ns() - begin);
    if (n % 16 == 0) ::usleep(20);
  }
  detach(producer, journal);
  return 0;
}

// Far beyond what the bounded attempts of a write cost; far below what the kernel gives real-time priority in a second, after
// which the others run for a moment, and one that waits for them would get on.
constexpr u64 bounded_ns = 200'000'000;

}  // namespace

TEST_CASE("a producer stopped inside write() for ten laps of the others keeps its slot, and its record comes late") {
  stop_for_ten_laps(SHMRING_LANE_SHARED, 4);
}

TEST_CASE("the same on an exclusive lane, while the others use the shared one") {
  stop_for_ten_laps(SHMRING_LANE_EXCLUSIVE, 5);
}

TEST_CASE("a producer of real-time priority that preempts the others anywhere in write() gets on, and so do they") {
  Workplace place;
  Daemon daemon(place, {"--slots", "64", "--lanes", "1"});
  REQUIRE(daemon.collects());
  const u64 attempts = by_mode<u64>(20'000, 50'000, part_of(2'000'000));
  Shared<std::atomic<u64>> dearest_ns;
  Journal& urgent = place.journal(attempts);
  std::vector<Child> members;
  for (int i = 0; i < 2; ++i) {
    Journal& journal = place.journal(attempts);
    members.emplace_back([&] {
      on_one_processor();
      return produce(Workplace::ring, journal, {SHMRING_LANE_SHARED, attempts, attempts, 0});
    });
  }
  members.emplace_back([&] { return write_urgently(urgent, attempts, *dearest_ns); });
  for (Child& member : members) CHECK(member.wait() == 0);
  CHECK_MESSAGE(*dearest_ns < bounded_ns, *dearest_ns << " ns in one write: it spins on one that it keeps from running");
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  report("a producer of real-time priority preempted 2 others in %lu bursts: its dearest write took %.3f ms of the processor",
         attempts / 16, static_cast<double>(*dearest_ns) / 1e6);
}
