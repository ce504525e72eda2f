// Rates that are known, old or unknown; who is gone and lingers; the states of collectors and rings: on times made up.
#include <doctest/doctest.h>

#include <cerrno>

#include "tests/unit/top/samples.hpp"

using namespace shmring;
using namespace shmring::test;

namespace {

constexpr u64 later_ns = start_ns + 2 * second;

bool is(const Rate& rate, Rate::Kind kind, double per_second) { return rate.kind == kind && rate.per_second == per_second; }
bool is_unknown(const Rate& rate) { return rate.kind == Rate::Kind::unknown; }

std::vector<std::string> names(const Ring& ring) {
  std::vector<std::string> out;
  for (const Producer& one : ring.producers) out.push_back(one.name);
  return out;
}

// The state of the collector once this was changed in a running one.
template <class Change>
Collecting state_with(Change change) {
  RingSample one = test::ring("payments", start_ns);
  change(one.look.facts.collector);
  return ring_after({sample(start_ns, {one})}).collector.state;
}

Sample refused(u64 at_ns, int error, const std::string& problem) { return sample(at_ns, {unread("payments", error, problem)}); }

}  // namespace

TEST_CASE("a rate needs two looks; that of a producer which has attached since counts from nothing") {
  const Ring first = ring_after({with(start_ns, {producer(0, "api", 100, 6)})});
  CHECK(is_unknown(first.attempts));
  CHECK(is_unknown(first.producers[0].attempts));
  CHECK(is_unknown(first.producers[0].losses));
  CHECK(is_unknown(first.collector.logging));
  const Ring second_one = ring_after(
      {with(start_ns, {producer(0, "api", 100, 6)}), with(later_ns, {producer(0, "api", 300, 8), producer(1, "new", 50)})});
  CHECK(is(second_one.producers[0].attempts, Rate::Kind::known, 100));
  CHECK(is(second_one.producers[0].losses, Rate::Kind::known, 1));
  CHECK(is(second_one.producers[1].attempts, Rate::Kind::known, 25));
  CHECK(is(second_one.attempts, Rate::Kind::known, 125));
}

TEST_CASE("without time between two looks, and with counts that went back, no rate is made up") {
  const Ring same = ring_after({with(start_ns, {producer(0, "api", 100)}), with(start_ns, {producer(0, "api", 300)})});
  CHECK(is_unknown(same.producers[0].attempts));
  CHECK(is_unknown(same.attempts));
  const Ring back = ring_after({with(start_ns, {producer(0, "api", 300, 4)}), with(later_ns, {producer(0, "api", 100, 2)})});
  CHECK(is(back.producers[0].attempts, Rate::Kind::known, 0));
  CHECK(is(back.producers[0].losses, Rate::Kind::known, 0));
}

TEST_CASE("producers stand by loss, then by rate, then by name") {
  const Ring ring = ring_after({with(start_ns, {producer(0, "calm", 5), producer(1, "b", 5), producer(2, "a", 5),
                                                producer(3, "lossy", 5, 1), producer(4, "fast", 5)}),
                                with(later_ns, {producer(0, "calm", 5), producer(1, "b", 9), producer(2, "a", 9),
                                                producer(3, "lossy", 5, 1), producer(4, "fast", 99)})});
  CHECK(names(ring) == std::vector<std::string>{"lossy", "fast", "a", "b", "calm"});
}

TEST_CASE("a producer that is gone lingers with its last rate, says how it went, and then is no more") {
  std::vector<Sample> story{with(start_ns, {producer(0, "api", 100), producer(1, "left", 7), producer(2, "dead", 8)})};
  auto left = producer(1, "left", 7), dead = producer(2, "dead", 8);
  left.owner.state = ring::OwnerState::left, dead.standing = inspect::Standing::dead;
  story.push_back(with(later_ns, {producer(0, "api", 300), left, dead}));
  story.push_back(with(later_ns + second, {}));
  const Ring ring = ring_after(story);
  REQUIRE(names(ring) == std::vector<std::string>{"api", "dead", "left"});
  CHECK(ring.producers[0].life == Life::ended);
  CHECK(ring.producers[1].life == Life::died);
  CHECK(ring.producers[2].life == Life::left);
  CHECK(is(ring.producers[0].attempts, Rate::Kind::stale, 100));
  CHECK(ring.producers[0].gone_ns == later_ns + second);
  story.push_back(with(later_ns + second + linger_ns - 1, {}));
  CHECK(ring_after(story).producers.size() == 3);
  story.push_back(with(later_ns + second + linger_ns, {}));
  CHECK(ring_after(story).producers.empty());
}

TEST_CASE("of a table that changes without end, only so many linger") {
  std::vector<Sample> story;
  for (u64 round = 0; round < 5; ++round) {
    std::vector<inspect::ProducerFacts> all;
    for (u32 entry = 0; entry < 100; ++entry) {
      all.push_back(producer(entry, "x", 1));
      all.back().incarnation = round * 1000 + entry + 1;
    }
    story.push_back(with(start_ns + round * second, all));
  }
  CHECK(ring_after(story).producers.size() == 100 + most_lingering);
}

TEST_CASE("two entries with one incarnation, as in a damaged table, are two") {
  auto twin = producer(1, "twin", 40);
  twin.incarnation = 1000;
  const Ring ring =
      ring_after({with(start_ns, {producer(0, "api", 10), twin}), with(later_ns, {producer(0, "api", 10), twin})});
  REQUIRE(ring.producers.size() == 2);
  CHECK(is(ring.producers[0].attempts, Rate::Kind::known, 0));
  CHECK(is(ring.producers[1].attempts, Rate::Kind::known, 0));
}

TEST_CASE("the collector's state says whether it runs, how it ended, and whether it still makes passes") {
  using Facts = inspect::CollectorFacts;
  CHECK(state_with([](Facts&) {}) == Collecting::collecting);
  CHECK(state_with([](Facts& facts) { facts.state = 3; }) == Collecting::starting);
  CHECK(state_with([](Facts& facts) { facts.identity = {}, facts.state = 0; }) == Collecting::starting);
  CHECK(state_with([](Facts& facts) { facts.state = 2; }) == Collecting::log_failing);
  CHECK(state_with([](Facts& facts) { facts.heartbeat_ns = start_ns - 2 * second; }) == Collecting::collecting);
  CHECK(state_with([](Facts& facts) { facts.heartbeat_ns = start_ns - 2 * second - 1; }) == Collecting::late);
  CHECK(state_with([](Facts& facts) { facts.state = 2, facts.heartbeat_ns = second; }) == Collecting::late);
  CHECK(state_with([](Facts& facts) { facts.holds_lease = false; }) == Collecting::died);
  CHECK(state_with([](Facts& facts) { facts.holds_lease = false, facts.identity = {}; }) == Collecting::stopped);
  CHECK(state_with([](Facts& facts) { facts.holds_lease = false, facts.identity = {}, facts.epoch = 0; }) == Collecting::none);
}

TEST_CASE("the collector's rates are old while it makes no pass, and unknown when another one has begun") {
  const auto story = [](auto change) {
    Sample a = with(start_ns, {}), b = with(later_ns, {}), c = with(later_ns + second, {});
    b.rings[0].look.facts.collector.logged = 50;
    c.rings[0].look.facts.collector.logged = 60;
    change(c.rings[0].look.facts.collector);
    return ring_after({a, b, c}).collector.logging;
  };
  CHECK(is(story([](auto&) {}), Rate::Kind::known, 10));
  CHECK(is(story([](auto& facts) { facts.holds_lease = false; }), Rate::Kind::stale, 25));
  CHECK(is(story([](auto& facts) { facts.heartbeat_ns = second; }), Rate::Kind::stale, 25));
  CHECK(is_unknown(story([](auto& facts) { ++facts.epoch; })));
}

TEST_CASE("D, what is behind it, and alarms by their codes") {
  Sample one = with(start_ns, {});
  inspect::CollectorFacts& facts = one.rings[0].look.facts.collector;
  facts.log.archived_plus_1 = 801, facts.log.unarchived_ns = start_ns - 9 * second, facts.log.signed_ns = start_ns - second;
  facts.alarm = {3, ENOSPC, start_utc_ns};
  Ring ring = ring_after({one});
  CHECK(ring.log.durable == 900);
  CHECK(ring.log.next == 1000);
  CHECK(ring.log.lag_ns == 12 * ms);
  CHECK(ring.log.unarchived == 200);
  CHECK(ring.log.unarchived_ns == 9 * second);
  CHECK(ring.log.checkpoint_ns == second);
  REQUIRE(ring.alarm);
  CHECK(ring.alarm->code == "disk_failing");
  CHECK(ring.alarm->error == "No space left on device");
  facts.alarm.code = 77;
  CHECK(ring_after({one}).alarm->code == "code 77");
  facts.alarm.code = 0, facts.state = 2;
  CHECK(ring_after({one}).alarm->code == "log_failing");
  facts.alarm.code = 3, facts.holds_lease = false;
  CHECK(!ring_after({one}).alarm);
  one.rings[0].look.facts.header.this_boot = false;
  CHECK(ring_after({one}).log.lag_ns == 0);
  CHECK(ring_after({one}).standing == Standing::other_boot);
}

TEST_CASE("a full ring is called too small only while its collector can write its log; else the log is named first") {
  const auto warnings_with = [](auto change) {
    RingSample one = test::ring("payments", start_ns);
    one.look.facts.producers = {producer(0, "api", 100, 7)};
    one.look.facts.lanes[1].tail += 500;
    change(one.look.facts.collector);
    return ring_after({sample(start_ns, {one})}).warnings;
  };
  const auto asks_for_slots = [](const tool::Warning& warning) { return warning.remedy.find("--slots") != std::string::npos; };
  const auto fine = warnings_with([](inspect::CollectorFacts&) {});
  CHECK(fine.size() == 2);
  CHECK(std::ranges::all_of(fine, asks_for_slots));
  const auto check = [&](const char* first, auto change) {
    const auto found = warnings_with(change);
    REQUIRE(found.size() == 3);
    CHECK_MESSAGE(found[0].what.find(first) != std::string::npos, found[0].what);
    CHECK(std::ranges::none_of(found, asks_for_slots));
    CHECK(found[1].remedy.find("said above first") != std::string::npos);
    CHECK(found[2].remedy == found[1].remedy);
  };
  const auto alarm = [](ring::AlarmCode code) {
    return [code](inspect::CollectorFacts& facts) { facts.alarm.code = static_cast<u64>(code); };
  };
  check("cannot write its log",
        [](inspect::CollectorFacts& facts) { facts.state = static_cast<u64>(ring::StatusState::log_failing); });
  check("does not take what was written", alarm(ring::AlarmCode::disk_failing));
  check("is behind by as much as may be in memory", alarm(ring::AlarmCode::disk_behind));
  check("no collector", [](inspect::CollectorFacts& facts) { facts.holds_lease = false; });
}

TEST_CASE("a ring that cannot be read any more keeps what was seen, says why, and its rates are old") {
  const Sample a = with(start_ns, {producer(0, "api", 100)}), b = with(later_ns, {producer(0, "api", 300)});
  const Ring ring = ring_after({a, b, refused(later_ns + second, -EACCES, "ring payments: no permission")});
  CHECK(ring.standing == Standing::unreadable);
  CHECK(ring.problem == "ring payments: no permission");
  CHECK(ring.collector.state == Collecting::unknown);
  CHECK(is(ring.attempts, Rate::Kind::stale, 100));
  CHECK(is(ring.producers.at(0).attempts, Rate::Kind::stale, 100));
  CHECK(ring.warnings.empty());
  const Ring again =
      ring_after({a, b, refused(later_ns + second, -EACCES, "x"), with(later_ns + 2 * second, {producer(0, "api", 340)})});
  CHECK(is(again.producers.at(0).attempts, Rate::Kind::known, 20));
  CHECK(ring_after({refused(start_ns, -ENOENT, "x")}).standing == Standing::absent);
}

TEST_CASE("a ring that is removed lingers; one that was named says so for ever; one of its name is another") {
  const Sample a = with(start_ns, {producer(0, "api", 100)});
  Model model = next(next({}, a), sample(later_ns, {}));
  REQUIRE(model.rings.size() == 1);
  CHECK(model.rings[0].standing == Standing::removed);
  CHECK(next(model, sample(later_ns + linger_ns - 1, {})).rings.size() == 1);
  CHECK(next(model, sample(later_ns + linger_ns, {})).rings.empty());
  const Ring named = ring_after({a, refused(later_ns, -ENOENT, "x"), refused(later_ns + 2 * linger_ns, -ENOENT, "x")});
  CHECK(named.standing == Standing::removed);
  CHECK(named.gone_ns == later_ns);
  Sample other = with(later_ns, {producer(0, "api", 300)});
  other.rings[0].look.facts.header.identity = {18, 4};
  CHECK(is_unknown(ring_after({a, other}).producers.at(0).attempts));
}

TEST_CASE("if the rings cannot be listed, those that were seen stay") {
  Sample broken = sample(later_ns, {});
  broken.error = -EACCES, broken.problem = "no permission";
  const Model model = next(next({}, with(start_ns, {})), broken);
  CHECK(model.problem == "no permission");
  REQUIRE(model.rings.size() == 1);
  CHECK(model.rings[0].gone_ns == 0);
}

TEST_CASE("a damaged ring says what is wrong with it; bytes of a segment are escaped") {
  Sample one = with(start_ns, {producer(0, "a\033[2J\xff", 1)});
  one.rings[0].look.facts.findings.add("lane 1: tail is 7\033");
  const Ring ring = ring_after({one});
  CHECK(ring.standing == Standing::damaged);
  CHECK(ring.problem == "lane 1: tail is 7\\u001b");
  CHECK(ring.producers[0].name == "a\\u001b[2J\\ufffd");
  CHECK(ring.lanes[1].owner == ring.producers[0].name);
}
