// Which advances of the producers' accounts are told when, and since when the archive lacks a line.
#include "lib/collect/awaited.hpp"

#include <doctest/doctest.h>

#include <map>
#include <vector>

#include "lib/collect/archive_lag.hpp"

using namespace shmring::collect;

namespace {

struct Told {
  Awaited awaited;
  std::map<u64, u64> through;  // by incarnation
  std::size_t count = 0;

  void tell(u64 index) {
    awaited.tell(index, [this](const Advance& advance) {
      CHECK(through[advance.incarnation] <= advance.through);
      through[advance.incarnation] = advance.through;
      ++count;
    });
  }
};

}  // namespace

TEST_CASE("an advance is told when the log has come to its end, and once") {
  Told told;
  told.awaited.add(10, {1, 100, 5, 0});
  told.awaited.add(10, {2, 200, 7, 0});
  told.awaited.add(20, {1, 100, 9, 0});
  told.tell(9);
  CHECK(told.through.empty());
  told.tell(10);
  CHECK(told.through == std::map<u64, u64>{{100, 5}, {200, 7}});
  told.tell(19);
  CHECK(told.count == 2);
  told.tell(20);
  CHECK((told.through[100] == 9 && told.count == 3 && told.awaited.size() == 0));
}

TEST_CASE("while an archive is away for long what waits is bounded, nothing is told early, and all of it in the end") {
  Told told;
  const u64 ends = 3 * most_awaited, producers = 3;
  std::size_t most = 0;
  for (u64 end = 1; end <= ends; ++end) {
    told.awaited.add(end, {static_cast<u32>(end % producers), end % producers, end, 0});
    most = std::max(most, told.awaited.size());
  }
  CHECK(most <= most_awaited);
  // It comes back bit by bit. What is told is not ahead of it, and behind it by less than a thousandth of what waits.
  for (u64 index = 1; index <= ends; index += 100) {
    told.tell(index);
    for (const auto& [incarnation, through] : told.through) {
      REQUIRE(through <= index);
      if (index > ends / 1000) REQUIRE(through + ends / 1000 >= index);
    }
  }
  told.tell(ends);
  for (u64 producer = 0; producer < producers; ++producer)
    CHECK(told.through[producer] == ends - (ends - producer) % producers);
  CHECK(told.awaited.size() == 0);
}

TEST_CASE("with as many producers as a ring can have what waits is bounded, too, and the life of an entry is the last one") {
  Told told;
  const u64 producers = 8190, rounds = 40;
  for (u64 round = 0; round < rounds; ++round)
    for (u64 entry = 0; entry < producers; ++entry)
      told.awaited.add(round + 1, {static_cast<u32>(entry), round * producers + entry, round + 1, 0});
  CHECK(told.awaited.size() <= most_awaited);
  told.tell(rounds);
  for (u64 entry = 0; entry < producers; ++entry) REQUIRE(told.through[(rounds - 1) * producers + entry] == rounds);
}

TEST_CASE("the lag of an archive counts from the last look at which it had what it lacks now") {
  ArchiveLag lag;
  CHECK(lag.look(100, 100, 1) == 0);
  CHECK(lag.look(200, 100, 2) == 1);
  CHECK(lag.look(300, 100, 3) == 1);
  CHECK(lag.look(300, 199, 4) == 1);
  CHECK(lag.look(300, 200, 5) == 2);
  CHECK(lag.look(300, 300, 6) == 0);
  CHECK(lag.look(300, 300, 7) == 0);
  CHECK(lag.look(301, 300, 8) == 7);
  CHECK(lag.look(301, 0, 9) == 7);  // it has less than before: as this object knows it
}

TEST_CASE("the lag of an archive that is away for days is known, and takes no more memory") {
  ArchiveLag lag;
  CHECK(lag.look(0, 0, 1) == 0);
  for (u64 now = 2; now <= 1'000'000; ++now) REQUIRE(lag.look(now, 0, now) == 1);
  const u64 since = lag.look(1'000'001, 500'000, 1'000'001);
  CHECK((since <= 500'000 && since > 490'000));
  CHECK(lag.look(1'000'001, 1'000'001, 1'000'002) == 0);
}
