// The explorer on protocols small enough to count by hand: what it must find, and what it must not lose.
#include <doctest/doctest.h>

#include <set>

#include "tests/explore/explore_memory.hpp"
#include "tests/explore/search.hpp"

using namespace explore;

namespace {

constexpr auto order = std::memory_order_relaxed;

struct Toy : World {
  struct Words {
    std::atomic<u64> word[4];
    std::atomic<u32> freed;
  };
  static inline Words shared{};
  std::set<std::vector<u64>> ends;
  std::function<bool()> good = [] { return true; };
  u64 lines = 0;
  int writes = 0;

  void reset() override { lines = 0, writes = 0; }
  void wrote(int, const Access&, u64, u64) override { ++writes; }
  u64 remembers(int) override { return 0; }
  std::string finish() override {
    ends.insert({shared.word[0], shared.word[1], shared.word[2], shared.word[3], lines});
    return good() ? "" : "the toy's rule is broken";
  }
};

u64 load(int i) { return ExploreMemory::load(At::look, Toy::shared.word[i], order); }
void store(int i, u64 value) { ExploreMemory::store(At::publish, Toy::shared.word[i], value, order); }
bool cas(int i, u64 from, u64 to) { return ExploreMemory::cas(At::claim, Toy::shared.word[i], from, to, order, order); }

struct Fixture {
  Toy toy;
  Scheduler scheduler;
  Limits limits;
  Fixture() : scheduler(toy, prepared(), sizeof(Toy::Words)) { limits.bounds = {0, 0, 0, 0}; }
  static void* prepared() {
    for (auto& word : Toy::shared.word) word = 0;
    Toy::shared.freed = 0;
    return &Toy::shared;
  }
};

void increment() {
  const u64 value = load(0);
  store(0, value + 1);
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a lost update needs one preemption, and is found with one") {
  scheduler.add_role("A", increment);
  scheduler.add_role("B", increment);
  toy.good = [] { return Toy::shared.word[0] == 2; };
  CHECK_FALSE(explore_all(scheduler, limits).failed);
  limits.bounds.preemptions = 1;
  const Result result = explore_all(scheduler, limits);
  CHECK(result.failed);
  CHECK(result.failure == "the toy's rule is broken");
}

TEST_CASE_FIXTURE(Fixture, "a failure replays bit for bit from the text of its path") {
  scheduler.add_role("A", increment);
  scheduler.add_role("B", increment);
  toy.good = [] { return Toy::shared.word[0] == 2; };
  limits.bounds.preemptions = 1;
  const Result result = explore_all(scheduler, limits);
  Path path;
  REQUIRE(parse_path(text_of(result.path), path));
  CHECK(path == result.path);
  std::vector<Step> first, second;
  CHECK(replay(scheduler, limits, path, &first) == Scheduler::Outcome::failed);
  CHECK(replay(scheduler, limits, path, &second) == Scheduler::Outcome::failed);
  REQUIRE(first.size() == 4);
  for (std::size_t i = 0; i < first.size(); ++i) {
    CHECK(first[i].role == second[i].role);
    CHECK(first[i].access.address == second[i].access.address);
    CHECK(first[i].after == second[i].after);
  }
  CHECK_FALSE(parse_path("0x", path));
  CHECK_FALSE(parse_path("1,2", path));
}

TEST_CASE_FIXTURE(Fixture, "without merging, two roles of n steps have exactly the binomial number of executions") {
  auto three = [] { store(0, 1), store(0, 2), store(0, 3); };
  scheduler.add_role("A", three);
  scheduler.add_role("B", three);
  limits.merge = false;
  limits.bounds.preemptions = 7;
  CHECK(explore_all(scheduler, limits).executions == 20);  // 6 over 3: no order of three and three changes more than 5 times
  limits.bounds.preemptions = 1;
  CHECK(explore_all(scheduler, limits).executions == 6);  // either first, whole or left after one or two steps
  limits.bounds.preemptions = 0;
  CHECK(explore_all(scheduler, limits).executions == 2);
}

namespace {
std::atomic<u32>& freed() { return Toy::shared.freed; }

void free_and_wake() {
  store(0, 1);
  ExploreMemory::add(At::freed_bump, freed(), u32{1}, order);
  Scheduler::active().wake(freed());
}
}  // namespace

TEST_CASE_FIXTURE(Fixture, "a sleeper is woken, and a lost wake-up is found: the word read after the look, not before") {
  bool late = false;
  auto wait = [&late] {
    const u32 before = ExploreMemory::load(At::freed_seen, freed(), order);
    if (load(0) == 1) return;
    const u32 seen = late ? ExploreMemory::load(At::freed_seen, freed(), order) : before;
    ExploreMemory::sleep(At::freed_sleep, freed(), seen, 1000);
    store(2, ExploreMemory::now_ns());
  };
  scheduler.add_role("A", wait);
  scheduler.add_role("B", free_and_wake);
  toy.good = [] { return Toy::shared.word[2] < 1000; };  // nobody slept until its deadline
  limits.bounds.preemptions = 2;
  CHECK_FALSE(explore_all(scheduler, limits).failed);
  late = true;
  CHECK(explore_all(scheduler, limits).failed);
}

TEST_CASE_FIXTURE(Fixture, "who sleeps with nobody to wake it goes on at its deadline, and earlier for a cut") {
  scheduler.add_role("A", [] {
    ExploreMemory::sleep(At::freed_sleep, freed(), 0, 1000);
    store(2, ExploreMemory::now_ns()), store(3, load(0));
  });
  scheduler.add_role("B", [] { store(0, 1); });
  CHECK_FALSE(explore_all(scheduler, limits).failed);
  CHECK(toy.ends == std::set<std::vector<u64>>{{1, 0, 1000, 1, 0}});
  limits.bounds.cuts = 1;
  CHECK_FALSE(explore_all(scheduler, limits).failed);
  CHECK(toy.ends == std::set<std::vector<u64>>{{1, 0, 1000, 1, 0}, {1, 0, 1000, 0, 0}});
}

TEST_CASE("a state is met again only with at least as much left of each bound") {
  Visited visited;
  CHECK(visited.insert(1, {1, 0, 1, 0}));
  CHECK_FALSE(visited.insert(1, {1, 0, 1, 0}));
  CHECK_FALSE(visited.insert(1, {0, 0, 1, 0}));
  CHECK(visited.insert(1, {2, 0, 0, 0}));
  CHECK(visited.insert(1, {0, 1, 0, 0}));
  CHECK_FALSE(visited.insert(1, {2, 0, 0, 0}));
  CHECK(visited.insert(1, {2, 1, 1, 1}));
  CHECK_FALSE(visited.insert(1, {2, 0, 1, 1}));
  CHECK(visited.insert(2, {0, 0, 0, 0}));
  CHECK(visited.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "merging states loses no end of an execution") {
  auto body = [](int mine, int other) {
    return [mine, other] {
      store(mine, 1);
      if (load(other) == 1 && cas(2, 0, static_cast<u64>(mine) + 1)) store(3, load(3) + 10);
      store(3, load(3) + 1);
      ExploreMemory::pause();
      store(mine, load(mine) + 1);
    };
  };
  for (int preemptions = 0; preemptions <= 3; ++preemptions) {
    for (int kills = 0; kills <= 1; ++kills) {
      Fixture whole, merged;
      for (Fixture* fixture : {&whole, &merged}) {
        fixture->scheduler.add_role("A", body(0, 1));
        fixture->scheduler.add_role("B", body(1, 0));
        fixture->limits.bounds.preemptions = preemptions;
        fixture->limits.bounds.kills = kills;
      }
      whole.limits.merge = false;
      const Result all = explore_all(whole.scheduler, whole.limits);
      const Result fewer = explore_all(merged.scheduler, merged.limits);
      CHECK(whole.toy.ends == merged.toy.ends);
      CHECK(fewer.executions - fewer.pruned <= all.executions);
      if (preemptions > 1) CHECK(fewer.executions < all.executions);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a kill may fall before each write, takes the role for good, and can be proven") {
  scheduler.add_role("A", [] { store(0, 1), store(0, 2); });
  scheduler.add_role("B", [] { store(1, Scheduler::active().proven_dead(0) ? 2 : 1); });
  limits.bounds.kills = 1;
  explore_all(scheduler, limits);
  std::set<u64> reached_by_dead;
  for (const auto& end : toy.ends) {
    if (end[1] == 2) reached_by_dead.insert(end[0]);
  }
  CHECK(reached_by_dead == std::set<u64>{0, 1});
}

TEST_CASE_FIXTURE(Fixture, "a role that restarts forgets what it knew, and shared memory does not") {
  scheduler.add_role(
      "C",
      [] {
        int own = 0;
        for (int i = 0; i < 2; ++i) store(0, load(0) + 1), ++own;
        store(1, static_cast<u64>(own));
      },
      true);
  limits.bounds.restarts = 1;
  explore_all(scheduler, limits);
  std::set<u64> counts;
  for (const auto& end : toy.ends) {
    counts.insert(end[0]);
    CHECK(end[1] == 2);
  }
  CHECK(counts == std::set<u64>{2, 3, 4});
}

TEST_CASE_FIXTURE(Fixture, "an idle role goes on when something has changed, also while it looked") {
  scheduler.add_role("C", [] {
    while (load(0) == 0) load(2), Scheduler::active().idle();
    store(1, 1);
  });
  scheduler.add_role("A", [] { store(0, 1); });
  toy.good = [] { return Toy::shared.word[1] == 1; };
  limits.bounds.preemptions = 3;
  const Result result = explore_all(scheduler, limits);
  CHECK_FALSE(result.failed);
  CHECK(result.executions >= 2);
}

TEST_CASE_FIXTURE(Fixture, "an endless loop is a failure") {
  scheduler.add_role("A", [] {
    while (load(0) == 0) ExploreMemory::pause();
  });
  limits.steps = 100;
  CHECK(explore_all(scheduler, limits).failure.find("livelock") == 0);
}

TEST_CASE_FIXTURE(Fixture, "a role may wait for the end or the death of another") {
  scheduler.add_role("A", [] { store(0, 1), store(0, 2); });
  scheduler.add_role(
      "A2", [] { store(1, load(0) + 1); }, false, "A");
  limits.bounds = {2, 1, 0, 0};
  explore_all(scheduler, limits);
  std::set<u64> seen;
  for (const auto& end : toy.ends) seen.insert(end[1]);
  CHECK(seen == std::set<u64>{1, 2, 3, 0});  // 0: A2 itself was killed
}

TEST_CASE_FIXTURE(Fixture, "what a role allocates goes with it") {
  scheduler.add_role("A", [] {
    std::vector<std::string> held;
    for (int i = 0; i < 50; ++i) held.push_back(std::string(1000, 'x')), store(0, static_cast<u64>(i));
  });
  limits.bounds.kills = 1;
  limits.merge = false;
  CHECK(explore_all(scheduler, limits).executions == 51);
}

TEST_CASE_FIXTURE(Fixture, "random executions repeat from their seed and keep the bounds") {
  scheduler.add_role("A", increment);
  scheduler.add_role("B", increment);
  toy.good = [] { return Toy::shared.word[0] == 2; };
  limits.bounds.preemptions = 1;
  const Result first = explore_random(scheduler, limits, 7), second = explore_random(scheduler, limits, 7);
  CHECK(first.failed);
  CHECK(first.path == second.path);
  CHECK(first.executions == second.executions);
}
