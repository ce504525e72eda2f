// The weak memory on litmus tests: each with exactly the outcomes that C++20 permits, less load buffering.
//
// Two to four roles over four words. What a role has read it writes down in `seen`, which is no shared memory.
#include <doctest/doctest.h>

#include <set>

#include "tests/explore/explore_memory.hpp"
#include "tests/explore/search.hpp"

using namespace explore;

namespace {

constexpr auto relaxed = std::memory_order_relaxed, acquire = std::memory_order_acquire, release = std::memory_order_release,
               acq_rel = std::memory_order_acq_rel, seq_cst = std::memory_order_seq_cst;
using Ends = std::set<std::vector<u64>>;

struct Litmus : World {
  struct Shared {
    std::atomic<u64> word[4];
    u64 bytes[2];
  };
  static inline Shared shared{};
  std::vector<u64> seen;
  std::size_t reads;
  bool with_memory = false;    // an end names words 0 and 1 too
  std::vector<u64> forbidden;  // an end that is a failure
  Ends ends;
  Scheduler scheduler;
  Limits limits;
  Result result;

  explicit Litmus(std::size_t count) : reads(count), scheduler(*this, prepared(), sizeof shared, true) {
    limits.bounds = {7, 0, 0, 0, 7};
  }
  static void* prepared() {
    for (auto& word : shared.word) word = 0;
    return &shared;
  }
  void reset() override { seen.assign(reads, 99); }
  void wrote(int, const Access&, u64, u64) override {}
  u64 remembers(int) override {
    u64 hash = 0;
    for (u64 value : seen) hash = mix(hash, value);
    return hash;
  }
  std::string finish() override {
    if (with_memory) seen.push_back(shared.word[0]), seen.push_back(shared.word[1]);
    ends.insert(seen);
    return seen == forbidden && reads > 0 ? "the forbidden end" : "";
  }
  Ends all() {
    limits.merge = false;
    result = explore_all(scheduler, limits);
    return ends;
  }
  void role(std::function<void()> body, const char* begins_with = "") {
    scheduler.add_role(std::string(1, static_cast<char>('A' + scheduler.roles().size())), std::move(body), false, begins_with);
  }
  void put(int word, u64 value, std::memory_order order) { ExploreMemory::store(At::publish, shared.word[word], value, order); }
  u64 get(int word, std::memory_order order) { return ExploreMemory::load(At::look, shared.word[word], order); }
  bool swap(int word, u64 from, u64 to, std::memory_order order) {
    return ExploreMemory::cas(At::claim, shared.word[word], from, to, order, relaxed);
  }
  u64 add(int word, std::memory_order order) { return ExploreMemory::add(At::freed_bump, shared.word[word], u64{1}, order); }
};

Ends store_buffering(std::memory_order stores, std::memory_order loads) {
  Litmus t(2);
  t.role([&] { t.put(0, 1, stores), t.seen[0] = t.get(1, loads); });
  t.role([&] { t.put(1, 1, stores), t.seen[1] = t.get(0, loads); });
  return t.all();
}

Ends message_passing(std::memory_order stores, std::memory_order loads) {
  Litmus t(2);
  t.role([&] { t.put(0, 1, relaxed), t.put(1, 1, stores); });
  t.role([&] { t.seen[0] = t.get(1, loads), t.seen[1] = t.get(0, relaxed); });
  return t.all();
}

Ends independent_reads(std::memory_order stores, std::memory_order loads) {
  Litmus t(4);
  t.role([&] { t.put(0, 1, stores); });
  t.role([&] { t.put(1, 1, stores); });
  t.role([&] { t.seen[0] = t.get(0, loads), t.seen[1] = t.get(1, loads); });
  t.role([&] { t.seen[2] = t.get(1, loads), t.seen[3] = t.get(0, loads); });
  t.limits.bounds = {3, 0, 0, 0, 2};
  return t.all();
}

Ends every(std::size_t words, const std::vector<u64>& but = {}) {
  Ends ends;
  for (u64 bits = 0; bits < u64{1} << words; ++bits) {
    std::vector<u64> end;
    for (std::size_t i = 0; i < words; ++i) end.push_back(bits >> i & 1);
    if (end != but) ends.insert(end);
  }
  return ends;
}

}  // namespace

TEST_CASE("store buffering: both loads may miss both stores, unless all four are seq_cst") {
  CHECK(store_buffering(relaxed, relaxed) == every(2));
  CHECK(store_buffering(release, acquire) == every(2));
  CHECK(store_buffering(seq_cst, acquire) == every(2));
  CHECK(store_buffering(release, seq_cst) == every(2));
  CHECK(store_buffering(seq_cst, seq_cst) == every(2, {0, 0}));
}

TEST_CASE("message passing: the data may be missed, unless the flag is released and acquired") {
  CHECK(message_passing(relaxed, relaxed) == every(2));
  CHECK(message_passing(release, relaxed) == every(2));
  CHECK(message_passing(relaxed, acquire) == every(2));
  CHECK(message_passing(release, acquire) == every(2, {1, 0}));
  CHECK(message_passing(seq_cst, seq_cst) == every(2, {1, 0}));
}

TEST_CASE("load buffering is not shown, although C++20 permits it") {
  Litmus t(2);
  t.role([&] { t.seen[0] = t.get(0, relaxed), t.put(1, 1, relaxed); });
  t.role([&] { t.seen[1] = t.get(1, relaxed), t.put(0, 1, relaxed); });
  CHECK(t.all() == every(2, {1, 1}));
}

TEST_CASE("independent reads of independent writes: two readers may disagree on the order, unless all is seq_cst") {
  CHECK(independent_reads(relaxed, relaxed) == every(4));
  CHECK(independent_reads(release, acquire) == every(4));
  CHECK(independent_reads(seq_cst, seq_cst) == every(4, {1, 0, 1, 0}));
}

TEST_CASE("coherence: two relaxed reads of one word never go back, and a read never misses its own store") {
  Litmus reads(2);
  reads.role([&] { reads.put(0, 1, relaxed), reads.put(0, 2, relaxed); });
  reads.role([&] { reads.seen[0] = reads.get(0, relaxed), reads.seen[1] = reads.get(0, relaxed); });
  CHECK(reads.all() == Ends{{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}});

  Litmus writes(2);  // two stores of one word have an order, in which each role's own reads agree
  writes.role([&] { writes.put(0, 1, relaxed), writes.seen[0] = writes.get(0, relaxed); });
  writes.role([&] { writes.put(0, 2, relaxed), writes.seen[1] = writes.get(0, relaxed); });
  CHECK(writes.all() == Ends{{1, 2}, {1, 1}, {2, 2}});
}

TEST_CASE("a release sequence goes on over updates of any order, and ends with another store") {
  auto outcome = [](auto between) {
    Litmus t(2);
    t.role([&] { t.put(0, 1, relaxed), t.put(1, 1, release); });
    t.role([&] { between(t); });
    t.role([&] {
      t.seen[0] = t.get(1, acquire);
      if (t.seen[0] == 2) t.seen[1] = t.get(0, relaxed);
    });
    t.limits.bounds = {3, 0, 0, 0, 3};
    return t.all();
  };
  CHECK(outcome([](Litmus& t) { t.swap(1, 1, 2, relaxed); }) == Ends{{0, 99}, {1, 99}, {2, 1}});
  CHECK(outcome([](Litmus& t) {
          if (t.get(1, relaxed) == 1) t.put(1, 2, relaxed);
        }) == Ends{{0, 99}, {1, 99}, {2, 0}, {2, 1}});
}

TEST_CASE("updates are atomic: none is lost, and none reads what another has read") {
  Litmus t(2);
  t.role([&] { t.seen[0] = t.add(0, relaxed); });
  t.role([&] { t.seen[1] = t.add(0, relaxed); });
  CHECK(t.all() == Ends{{0, 1}, {1, 0}});
}

TEST_CASE("2+2W: a store may come before an older one of its word; an update may read what stood before a store") {
  Litmus stores(0);
  stores.role([&] { stores.put(0, 1, relaxed), stores.put(1, 2, relaxed); });
  stores.role([&] { stores.put(1, 1, relaxed), stores.put(0, 2, relaxed); });
  stores.with_memory = true;
  CHECK(stores.all() == Ends{{1, 1}, {1, 2}, {2, 1}, {2, 2}});

  auto tail_first = [](std::memory_order order) {  // the tail of an exclusive lane: claim, tail || tail, step over
    Litmus t(1);
    t.role([&] { t.put(0, 1, relaxed), t.put(1, 1, order); });
    t.role([&] {
      if (t.get(1, acquire) == 1) t.seen[0] = t.swap(0, 0, 2, acq_rel);
    });
    return t.all();
  };
  CHECK(tail_first(release) == Ends{{99}, {0}});
  CHECK(tail_first(relaxed) == Ends{{99}, {0}, {1}});
}

TEST_CASE("a wake-up is not lost to a sleeper that announces itself first, if all is seq_cst; with acquire and release it is") {
  auto outcome = [](std::memory_order update, std::memory_order load) {
    Litmus t(2);  // word 0: freed, word 1: waiters
    t.role([&] { t.add(1, update), t.seen[0] = t.get(0, load); });
    t.role([&] { t.add(0, update), t.seen[1] = t.get(1, load); });
    return t.all();
  };
  CHECK(outcome(seq_cst, seq_cst) == every(2, {0, 0}));
  CHECK(outcome(acq_rel, acquire) == every(2));
}

TEST_CASE("plain bytes: a race is found in the order of one execution, and none where release and acquire order them") {
  auto race = [](std::memory_order store, std::memory_order load) {
    Litmus t(0);
    const u64 value = 7;
    t.role([&] { ExploreMemory::copy(At::fill, &Litmus::shared.bytes, &value, 8), t.put(0, 1, store); });
    t.role([&] {
      u64 copy = 0;
      if (t.get(0, load) == 1) ExploreMemory::copy(At::copy_out, &copy, &Litmus::shared.bytes, 8);
    });
    t.limits.bounds.stale = 0;
    t.all();
    return t.result.failure;
  };
  CHECK(race(release, acquire).empty());
  CHECK(race(relaxed, acquire) == "a data race: B reads bytes, and nothing orders that behind what A did there");
  CHECK(race(release, relaxed) == "a data race: B reads bytes, and nothing orders that behind what A did there");
}

TEST_CASE("plain bytes: who writes over what another may still read has a race") {
  auto race = [](std::memory_order store, std::memory_order update) {
    Litmus t(0);
    t.role([&] {
      u64 copy = 0;
      ExploreMemory::copy(At::copy_out, &copy, &Litmus::shared.bytes, 8), t.put(0, 1, store);
    });
    t.role([&] {
      const u64 value = 7;
      if (t.swap(0, 1, 2, update)) ExploreMemory::copy(At::fill, &Litmus::shared.bytes, &value, 8);
    });
    t.limits.bounds.stale = 0;
    t.all();
    return t.result.failure;
  };
  CHECK(race(release, acq_rel).empty());
  CHECK(race(relaxed, acq_rel) == "a data race: B writes bytes, and nothing orders that behind what A did there");
  CHECK(race(release, release) == "a data race: B writes bytes, and nothing orders that behind what A did there");
}

TEST_CASE("the proof of death shows all that the dead has stored") {
  Litmus t(2);
  t.role([&] { t.put(0, 1, relaxed), t.put(1, 1, relaxed), t.put(2, 1, relaxed); });
  t.role([&] {
    if (!Scheduler::active().proven_dead(0)) return;
    t.seen[0] = t.get(1, relaxed), t.seen[1] = t.get(0, relaxed);
  });
  t.limits.bounds = {2, 1, 0, 0, 3};
  CHECK(t.all() == Ends{{99, 99}, {0, 0}, {0, 1}, {1, 1}});
}

TEST_CASE("a failure of weak memory replays bit for bit from its text or its seed, and says what was stale, and whose") {
  Litmus t(2);
  t.role([&] { t.put(0, 1, relaxed), t.put(1, 1, relaxed); });
  t.role([&] { t.seen[0] = t.get(1, acquire), t.seen[1] = t.get(0, relaxed); });
  t.forbidden = {1, 0};
  t.all();
  REQUIRE(t.result.failed);
  Path path;
  REQUIRE(parse_path(text_of(t.result.path), path));
  std::vector<Step> steps;
  CHECK(replay(t.scheduler, t.limits, path, &steps) == Scheduler::Outcome::failed);
  REQUIRE(steps.size() == 4);
  CHECK_FALSE(steps[2].stale);
  CHECK(steps[3].stale);
  CHECK(steps[3].after == 0);
  CHECK(steps[3].newest == 1);
  CHECK(steps[3].writer == 0);
  CHECK(steps[3].written == 1);
  CHECK(explore_random(t.scheduler, t.limits, 3).path == explore_random(t.scheduler, t.limits, 3).path);
}

TEST_CASE("an order that is relaxed on purpose is relaxed for its label alone") {
  auto missed = [](At label) {
    Litmus t(2);
    t.role([&] { t.put(0, 1, relaxed), t.put(1, 1, release); });
    t.role([&] { t.seen[0] = t.get(1, acquire), t.seen[1] = t.get(0, relaxed); });
    t.scheduler.relax(u64{1} << static_cast<int>(label));
    return t.all().count({1, 0}) == 1;
  };
  CHECK(missed(At::publish));
  CHECK(missed(At::look));
  CHECK_FALSE(missed(At::claim));
}

TEST_CASE("merging tells states apart that differ in what a message would teach, and in nothing else") {
  Litmus t(2);
  t.role([&] { t.put(2, 1, relaxed), t.put(0, 1, release); });
  t.role([&] { t.get(0, acquire), t.put(1, 1, release); });  // before or behind the first: the same words, another view
  t.role([&] { t.put(3, 1, relaxed), t.seen[0] = t.get(1, acquire), t.seen[1] = t.get(2, relaxed); }, "A");
  t.limits.bounds = {0, 0, 0, 0, 1};
  t.result = explore_all(t.scheduler, t.limits);
  CHECK(t.ends == every(2));
}

TEST_CASE("merging tells states apart that differ in what a role has learnt, and in nothing else") {
  Litmus t(1);
  t.role([&] { t.put(2, 1, relaxed), t.put(0, 1, release); });
  t.role([&] {
    t.get(0, acquire);
    Scheduler::active().knows_only(0);  // but for its view
    ExploreMemory::pause();
    if (t.get(3, relaxed) == 1) t.seen[0] = t.get(2, relaxed);
  });
  t.role([&] { t.put(3, 1, relaxed); }, "A");
  t.role([] {}, "B");  // it waits, and may read everything: so no message is forgotten
  t.limits.bounds = {0, 0, 0, 0, 1};
  t.result = explore_all(t.scheduler, t.limits);
  CHECK(t.ends == Ends{{0}, {1}, {99}});
}

TEST_CASE("merging states loses no end of a weak execution") {
  for (int stale = 0; stale <= 3; ++stale) {
    Ends ends[2];
    u64 executions[2];
    for (int merged : {0, 1}) {
      Litmus t(6);
      t.role([&] { t.put(0, 1, relaxed), t.put(1, 1, release), t.put(0, 2, relaxed), t.seen[0] = t.add(2, acq_rel); });
      t.role([&] {
        t.seen[1] = t.get(1, acquire), t.seen[2] = t.get(0, relaxed);
        t.put(1, 2, relaxed), t.seen[3] = t.add(2, relaxed);
      });
      t.role([&] { t.seen[4] = t.get(2, acquire), t.seen[5] = t.get(0, relaxed); });
      t.limits.bounds = {2, 0, 0, 0, stale};
      t.limits.merge = merged == 1;
      t.result = explore_all(t.scheduler, t.limits);
      ends[merged] = t.ends, executions[merged] = t.result.executions;
    }
    CHECK(ends[0] == ends[1]);
    CHECK(executions[1] < executions[0]);
  }
}
