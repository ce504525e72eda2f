// What is not the same for all transports: the kernel's channels have the room that it grants, and records of many slots.
#include <doctest/doctest.h>

#include "tests/support/transport_hands.hpp"
#include "tools/bench/kernel_channels.hpp"
#include "tools/bench/shmring_lanes.hpp"

using namespace shmring::test;

TYPE_TO_STRING(Pipe);
TYPE_TO_STRING(SeqPacket);
TYPE_TO_STRING(PosixQueue);
TYPE_TO_STRING(ExclusiveLane);
TYPE_TO_STRING(SharedLane);

TEST_CASE_TEMPLATE("a channel that is full says so, keeps what it took, and takes more once that is read", T, Pipe, SeqPacket,
                   PosixQueue) {
  Made<T> made;
  Hand<T> hand(made.name, 0);
  u64 accepted = 0;
  while (accepted <= 64 * slots && hand.write()) ++accepted;
  CHECK(accepted >= 10);
  CHECK(accepted <= 64 * slots);
  CHECK(!hand.write());
  check_that_it_goes_on(made, hand, accepted);
}

TEST_CASE_TEMPLATE("a record of many slots comes out whole, or is refused whole", T, ExclusiveLane, SharedLane) {
  const Sandbox sandbox;
  const std::string name = fresh_name();
  constexpr u32 large = 8192, room = 64;
  T::create(name, {room, large, 6});
  typename T::Writer writer(name);
  Drain<T> drain(name);
  Batch batch(0, large, 16);
  u64 accepted = 0;
  for (int round = 0; round < 40; ++round) {
    batch.make();
    for (u32 i = 0; i < batch.count(); ++i) accepted += writer.write(batch.at(i), large);
    if (round % 10 == 9) drain.all();
  }
  drain.all();
  CHECK(accepted >= 4 * room);
  CHECK(accepted < 40 * batch.count());
  CHECK(drain.checker.broken == "");
  CHECK(drain.checker.total == accepted);
  CHECK(drain.checker.last[0] <= 40 * batch.count());
  T::remove(name);
}

TEST_CASE("a record that one read of a pipe cuts in two comes out whole") {
  const Sandbox sandbox;
  const std::string name = fresh_name();
  Pipe::create(name, {4096, bytes, 1});
  Hand<Pipe> hand(name, 0);
  u64 accepted = 0;
  while (accepted <= 4096 && hand.write()) ++accepted;
  REQUIRE(accepted * bytes > 65536);  // more than one read takes
  Drain<Pipe> drain(name);
  drain.all();
  CHECK(drain.checker.broken == "");
  CHECK(drain.checker.total == accepted);
  Pipe::remove(name);
}
