// Every policy on every kind of lane, with records of one slot and of several, while producers and collectors are killed; large
// records that fill a lane; and how a wait ends when nobody collects.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/daemon.hpp"
#include "tests/support/oracle.hpp"

using namespace shmring::test;

namespace {

struct Policy {
  const char* name;
  u32 on_full;
  const char* wait_us;
};
constexpr Policy policies[] = {{"drop", SHMRING_POLICY_DROP, "0"},
                               {"overwrite", SHMRING_POLICY_OVERWRITE, "0"},
                               {"wait", SHMRING_POLICY_WAIT, "20000"},
                               {"hybrid", SHMRING_POLICY_HYBRID, "300"}};
constexpr const char* lane_names[] = {"auto", "shared", "exclusive"};  // by shmring_lane

struct Tally {
  u64 logged = 0, killed = 0, collectors = 0;
  Causes lost;
  void add(const Findings& found) {
    logged += found.lines.contains("event") ? found.lines.at("event") : 0;
    for (const auto& [cause, n] : found.lost) lost[cause] += n;
  }
  std::string losses() const {
    std::string out;
    for (const auto& [cause, n] : lost) out += (out.empty() ? "" : ", ") + cause + " " + std::to_string(n);
    return out.empty() ? "none" : out;
  }
};

// Eight producers that write `attempts` records each. Of these, some are killed and replaced, and so is the collector.
struct Siege {
  Siege(const Policy& policy, u32 lane, u64 seed, u64 attempts)
      : random(seeded(seed)), lane(lane), attempts(attempts),
        daemon(place, {"--slots", "256", "--lanes", "12", "--on-full", policy.name, "--wait-us", policy.wait_us}) {}

  // Every other one floods its lane; the rest write at a pace that the collector can follow.
  void add() {
    Journal& journal = place.journal(attempts);
    const u64 burst = journal.producer % 2 == 0 ? 64 : 8;
    members.emplace_back([this, &journal, burst] { return produce(Workplace::ring, journal, {lane, attempts, burst, 100}); });
  }
  void kill_one(Tally& tally) {
    std::shuffle(members.begin(), members.end(), random);
    for (Child& victim : members) {
      if (!victim.running()) continue;
      if (victim.kill() == -SIGKILL) ++tally.killed;
      break;
    }
    add();
  }
  // Producers, then the collector, and as many producers that nobody collects from.
  void strike(Tally& tally) {
    const int victims = by_mode(1, 1, 2);
    for (int i = 0; i < victims; ++i) {
      random_pause(random, 5'000);
      kill_one(tally);
    }
    random_pause(random, 5'000);
    CHECK(daemon.process.kill() == -SIGKILL);
    ++tally.collectors;
    for (int i = 0; i < victims; ++i) kill_one(tally);
    daemon.start();
    CHECK(daemon.collects());
  }
  void run(Tally& tally, bool overwriting) {
    REQUIRE(daemon.collects());
    for (int i = 0; i < 8; ++i) add();
    const int strikes = by_mode(2, 3, 10);
    for (int i = 0; i < strikes; ++i) strike(tally);
    for (Child& member : members) {
      const int status = member.wait();
      CHECK((status == 0 || status == -SIGKILL));
    }
    CHECK(all_closed());
    CHECK(daemon.end() == 0);
    Expectation expected;
    expected.overwriting = overwriting;
    const Findings found = consult(place.log, place.journals, expected);
    CHECK_MESSAGE(found.problems.empty(), found.text());
    tally.add(found);
  }

  Workplace place{most_chunks * room};
  std::mt19937_64 random;
  u32 lane;
  u64 attempts;
  Daemon daemon;
  std::vector<Child> members;
};

// What a long run does of each policy and kind of lane, so that each part of it may have some.
u64 sieges_of_each() { return by_mode<u64>(1, 1, 5); }
u64 all_sieges() { return std::size(policies) * std::size(lane_names) * sieges_of_each(); }

void hold_out(const Policy& policy) {
  const bool waiting = policy.on_full == SHMRING_POLICY_WAIT || policy.on_full == SHMRING_POLICY_HYBRID;
  const u64 attempts = waiting ? by_mode<u64>(500, 1'000, 20'000) : by_mode<u64>(2'000, 5'000, 20'000);
  for (const u32 lane : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE, SHMRING_LANE_AUTO}) {
    CAPTURE(lane);
    for (u64 round = 0; round < sieges_of_each(); ++round) {
      const u64 number = (policy.on_full * std::size(lane_names) + lane) * sieges_of_each() + round;
      if (!is_of_part(number)) continue;
      Tally tally;
      Siege(policy, lane, 20 + number, attempts).run(tally, policy.on_full == SHMRING_POLICY_OVERWRITE);
      CHECK(tally.logged > 0);
      CHECK(tally.killed > 0);
      report("%s, lane %s, 8 × %lu records of 1 to %zu slots, %lu producers and %lu collectors killed: %lu logged; lost: %s",
             policy.name, lane_names[lane], attempts, most_chunks, tally.killed, tally.collectors, tally.logged,
             tally.losses().c_str());
      tried(tally.killed, "producers killed"), tried(tally.collectors, "collectors killed"), tried(tally.logged, "records");
    }
  }
}

// Keys of records that are as long as they may be.
std::vector<u64> longest_keys(const Journal& journal, std::size_t count) {
  std::vector<u64> keys;
  Record record;
  for (u64 key = 1; keys.size() < count; ++key) {
    make_record(journal.producer, key, journal.max_record, record);
    if (record.bytes == journal.max_record) keys.push_back(key);
  }
  return keys;
}

int write_longest(Journal& journal, u64 attempts) {
  const std::vector<u64> keys = longest_keys(journal, 8);
  shmring_producer* producer = attach(Workplace::ring, journal, SHMRING_LANE_SHARED);
  if (producer == nullptr) return 1;
  for (u64 n = 1; n <= attempts; ++n) {
    journal.set_key(n, keys[n % keys.size()]);
    write_noted(producer, journal);
  }
  detach(producer, journal);
  return 0;
}

// Fill the ring and write on until a call times out; how long that call took.
int wait_out(Journal& journal, std::atomic<u64>& took_us) {
  shmring_producer* producer = attach(Workplace::ring, journal, SHMRING_LANE_SHARED);
  if (producer == nullptr) return 1;
  int result = 0;
  while (result != SHMRING_TIMEOUT && !journal.full()) {
    const auto begin = Steady::now();
    result = write_noted(producer, journal);
    took_us = static_cast<u64>(milliseconds_since(begin) * 1000);
  }
  detach(producer, journal);
  return result == SHMRING_TIMEOUT ? 0 : 2;
}

}  // namespace

TEST_CASE("drop: large and small records, producers and collectors killed, and the log is exact") { hold_out(policies[0]); }

TEST_CASE("overwrite: what was written is in the log, or lost as overwritten and as nothing else") { hold_out(policies[1]); }

TEST_CASE("wait: large and small records, producers and collectors killed, and the log is exact") { hold_out(policies[2]); }

TEST_CASE("hybrid: large and small records, producers and collectors killed, and the log is exact") { hold_out(policies[3]); }

TEST_CASE("ten writers of records that take a quarter of the lane do not block each other for ever") {
  const u64 attempts = by_mode<u64>(20, 100, 1'000);
  for (const Policy& policy : policies) {
    if (!is_of_part(all_sieges() + policy.on_full)) continue;
    CAPTURE(policy.name);
    Workplace place(16 * room);
    Daemon daemon(place, {"--slots", "64", "--lanes", "1", "--on-full", policy.name, "--wait-us", policy.wait_us});
    REQUIRE(daemon.collects());
    std::vector<Child> writers;
    for (int i = 0; i < 10; ++i) {
      Journal& journal = place.journal(attempts);
      writers.emplace_back([&journal, attempts] { return write_longest(journal, attempts); });
    }
    for (Child& writer : writers) CHECK(writer.wait() == 0);
    CHECK(all_closed());
    Journal& alone = place.journal(1);  // every slot was given back
    CHECK(Child([&] { return write_longest(alone, 1); }).wait() == 0);
    CHECK(alone.result(1) == 0);
    CHECK(all_closed());
    CHECK(daemon.end() == 0);
    Expectation expected;
    expected.overwriting = policy.on_full == SHMRING_POLICY_OVERWRITE;
    const Findings found = consult(place.log, place.journals, expected);
    CHECK_MESSAGE(found.problems.empty(), found.text());
    Tally tally;
    tally.add(found);
    report("%s: 10 writers × %lu records of a quarter of the lane: %lu logged; lost: %s", policy.name, attempts, tally.logged,
           tally.losses().c_str());
  }
}

TEST_CASE("a wait ends with TIMEOUT when the collector is absent, stopped or killed, and its record is one loss") {
  for (const char* const collector : {"absent", "stopped", "killed"}) {
    CAPTURE(collector);
    const std::string how = collector;
    Workplace place;
    if (how == "absent") {
      shmring_create_options options{};
      options.struct_size = sizeof options;
      options.slots = 64, options.max_record = room, options.on_full = SHMRING_POLICY_WAIT, options.wait_us = 20'000;
      REQUIRE(shmring_create(Workplace::ring, &options) == 0);
    }
    Daemon daemon(place, {"--slots", "64", "--on-full", "wait", "--wait-us", "20000"}, how != "absent");
    if (how != "absent") REQUIRE(daemon.collects());
    if (how == "stopped") daemon.process.stop();
    if (how == "killed") CHECK(daemon.process.kill() == -SIGKILL);
    Shared<std::atomic<u64>> took_us;
    Journal& journal = place.journal(1'000);
    CHECK(Child([&] { return wait_out(journal, *took_us); }).wait() == 0);
    if (how == "stopped") {
      daemon.process.go_on();
    } else {
      daemon.start();
    }
    REQUIRE(daemon.collects());
    CHECK(all_closed());
    CHECK(daemon.end() == 0);
    const Findings found = consult(place.log, place.journals);
    CHECK_MESSAGE(found.problems.empty(), found.text());
    CHECK(found.lost == Causes{{"timeout", 1}, {"too_big", 1}});
    report("wait of 20 ms, collector %s: TIMEOUT after %.1f ms", collector, static_cast<double>(*took_us) / 1000);
  }
}
