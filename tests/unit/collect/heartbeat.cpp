// When a quiet log gets a line: by times and indexes that are made up.
#include "lib/collect/heartbeat.hpp"

#include <doctest/doctest.h>

#include "tests/unit/log/support.hpp"

using namespace log_test;
using shmring::collect::Heartbeat;

namespace {

constexpr u64 second = 1'000'000'000, minute = 60 * second, hour = 60 * minute;

}  // namespace

TEST_CASE("a log to which nothing comes gets a heartbeat each minute, and its own lines do not count as something") {
  Heartbeat heartbeat;
  u64 index = 7, beats = 0;
  for (u64 now = second; now <= second + hour; now += second)
    if (heartbeat.is_due(index, now)) ++index, ++beats;
  CHECK(beats == 60);
}

TEST_CASE("a log to which something comes gets none, and behind that a minute passes") {
  Heartbeat heartbeat;
  u64 index = 7;
  for (u64 now = second; now <= hour; now += 59 * second) CHECK(!heartbeat.is_due(index++, now));
  CHECK(!heartbeat.is_due(index, 2 * hour));
  CHECK(!heartbeat.is_due(index, 2 * hour + minute - 1));
  CHECK(heartbeat.is_due(index, 2 * hour + minute));
}

TEST_CASE("a file that has nothing but heartbeats behind its first line does not become old; with any other line it does") {
  Directory dir;
  TestLog writer(dir.log());
  FilePolicy policy;
  policy.max_age_ns = hour;
  writer.log.set_policy(policy);
  const Line beat = Note{"heartbeat", 0, {}};
  u64 now = second;
  const auto pass_a_day = [&] {
    for (int minutes = 0; minutes < 24 * 60; ++minutes) {
      writer.log.append({&beat, 1}, RingId{});
      REQUIRE(writer.log.write() == 0);
      writer.log.sync(now += minute);
      if (writer.log.wants_new_file()) writer.log.begin_new_file(writer.accounts());
    }
  };
  pass_a_day();
  CHECK(log_files(dir.log()).size() == 1);
  REQUIRE(writer.append({life(Life::attach, "pay", 10)}) == 0);
  pass_a_day();
  CHECK(log_files(dir.log()).size() == 2);
  CHECK(proven(dir.log()));
  writer.log.rotate();  // a person asks for it
  CHECK(writer.log.wants_new_file());
}
