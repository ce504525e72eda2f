// Interleavings and deaths that break the promise as soon as one rule of the protocol is left out, continued: the
// order of a pass, proofs of death, and what is freed when.
#include "tests/support/collector_bench.hpp"

using namespace plain;

TEST_CASE("losses are decided after the stalled list, so that what was published meanwhile is no gap") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().take_position();
  bench.start();
  CollectorMemory::Hook publish(At::observe, 2, [&] { p.publish(), p.finish(), p.write(); });
  bench.pass();
  bench.expect({"attach 1", "event 1.1 late", "event 1.2"});
}

TEST_CASE("freeing a dead owner's slot writes no line of its own: the closing counts it, once") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().begin();
  p.look_at_tail();
  p.claim();
  bench.kill(1);
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-1 died=1", "died 1 last 1 died=1"});
  CHECK(bench.plain.word(0) == empty(1));
  CHECK(bench.plain.tail() == 0);
}

TEST_CASE("an entry is freed only when its account is closed: while a slot names it, nobody can have it") {
  Bench bench({.producers = 1});
  Hand p(bench.plain, 0), heir(bench.plain, 0);
  p.attach().begin();
  p.look_at_tail();
  p.claim();
  bench.kill(1);
  bench.start(no_walk);
  for (int i = 0; i < 3; ++i) {
    bench.pass();
    CHECK(bench.plain.state(0) == OwnerState::attached);
    CHECK_FALSE(claim_entry<Memory>(bench.plain.entry(0), heir.me));
  }
  bench.crash();
  bench.start();
  bench.drain();
  CHECK(bench.plain.word(0).owner == 0);
  CHECK(bench.plain.entry(0).owner == 0);
}

TEST_CASE("a slot is free of its owner's number before the entry is") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().write(), p.take_position();
  bench.kill(1);
  bench.start();
  unsigned looked = 0;
  CollectorMemory::Hook zero(At::entry_zero, 1, [&] {
    ++looked;
    for (u32 index : {0u, 1u}) CHECK(bench.plain.word(index).owner == 0);
    CHECK(bench.log.lines.back() == "died 1 last 2 died=1");
  });
  bench.drain();
  CHECK(looked == 1);
}

TEST_CASE("a lane is freed by its owner word, not by what a closed entry says") {
  Bench bench({.lanes = 2});
  Hand p0(bench.plain, 0, 1), p1(bench.plain, 1, 1);
  p0.attach().write(), p0.detach();
  p1.claim_entry(), p1.take_incarnation();
  bench.start();
  {
    CollectorMemory::Hook crash(At::entry_zero, 1, [] { throw Crash{}; });
    bench.crashes_in_a_pass();
  }
  CHECK(bench.plain.lane_owner(1) == 0);
  CHECK(bench.plain.entry(0).lane == 1);
  REQUIRE(lane_take<Memory>(bench.plain.ring.lanes[1], 2));
  p1.become_attached();
  bench.start();
  bench.drain();
  CHECK(bench.plain.entry(0).owner == 0);
  CHECK(bench.plain.lane_owner(1) == 2);
  p1.write();
  bench.drain();
  bench.expect({"attach 1", "event 1.1", "detach 1 last 1", "attach 2", "event 2.1"});
}

TEST_CASE("a lane is free again before its entry is") {
  Bench bench({.lanes = 2});
  Hand p(bench.plain, 0, 1);
  p.attach().detach();
  bench.start();
  u64 owner_at_zero = 1;
  CollectorMemory::Hook zero(At::entry_zero, 1, [&] { owner_at_zero = bench.plain.lane_owner(1); });
  bench.drain();
  CHECK(zero.seen() > 0);
  CHECK(owner_at_zero == 0);
}

TEST_CASE("exclusive lane: the tail shows a position after it is WRITING, so that the collector does not close it") {
  Bench bench({.lanes = 2});
  Producer<ProducerMemory> p;
  REQUIRE(p.attach(bench.plain.ring, owner(1), identity("p"), SHMRING_LANE_EXCLUSIVE) == 0);
  bench.start();
  ProducerMemory::Hook before(At::tail_own, 1, [&] { bench.pass(); });
  ProducerMemory::Hook after(At::fill, 1, [&] { bench.pass(); });
  CHECK(p.write(nullptr, "record", 6) == 0);
  bench.drain();
  bench.expect({"attach 1", "event 1.1 late"});
  CHECK(bench.plain.word(0, 1) == empty(1));
}

TEST_CASE("live losses reach up to the last finished attempt: one in flight may still be published") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().begin();
  p.look_at_tail();
  bench.start();
  bench.pass();
  p.claim(), p.move_tail();
  bench.pass();
  p.publish(), p.finish();
  bench.drain();
  bench.expect({"attach 1", "event 1.1 late"});
}

TEST_CASE("a live loss of what is finished does not wait for the producer's next record") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().refuse(Cause::full), p.refuse(Cause::full);
  p.begin(), p.count(Cause::too_big);
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-2 refused=2"});
}

TEST_CASE("live losses are decided only once the walk has passed a tail read after the account") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().write();
  bench.start(no_walk);
  for (int i = 0; i < 3; ++i) bench.pass();
  bench.expect({"attach 1"});
  bench.crash();
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "event 1.1"});
}

TEST_CASE("the tail that a live loss waits for is read after the account") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach();
  bench.start(one_slot);
  bench.pass();
  p.write(), p.write();  // the account says two, the tail as last read is before both
  bench.pass();
  bench.expect({"attach 1", "event 1.1"});
  bench.drain();
  bench.expect({"attach 1", "event 1.1", "event 1.2"});
}

TEST_CASE("what is written just before the account is read lies below the tail that is read then") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach();
  bench.start(one_slot);
  bench.pass();
  {
    CollectorMemory::Hook writes(At::account_seen, 1, [&] { p.write(), p.write(); });
    bench.pass();
    CHECK(writes.seen() == 2);
  }
  bench.drain();
  bench.expect({"attach 1", "event 1.1", "event 1.2"});
}

TEST_CASE("of a producer that has finished nothing since it was last observed, one look at its account is enough") {
  Bench bench;
  Hand p(bench.plain, 0), q(bench.plain, 1);
  p.attach().refuse(Cause::full);
  q.attach();
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "attach 2", "loss 1.1-1 full=1"});
  CollectorMemory::Hook looks(At::account_seen, 0, [] {}), refusals(At::refusal_seen, 0, [] {});
  bench.pass();
  CHECK(looks.seen() == 2);
  CHECK(refusals.seen() == 0);
  p.refuse(Cause::full);
  bench.pass();
  CHECK(refusals.seen() == 1);
  bench.drain();
  CHECK(bench.log.lines.size() == 4);
}

TEST_CASE("an account that moves while it is read is left for the next time, after a bounded number of looks") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().refuse(Cause::full);
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-1 full=1"});
  {
    p.refuse(Cause::full);
    CollectorMemory::Hook moves(At::refusal_seen, 0, [&] { p.refuse(Cause::too_big); });
    bench.pass();
    CHECK(moves.seen() == account_looks);
  }
  CHECK(bench.log.lines.size() == 2);
  bench.drain();
  CHECK(bench.log.lines.size() == 3);
}

TEST_CASE("a closing looks at the position where head and tail meet: a claim may stand there whose owner died at once") {
  Bench bench({.slots = 1});
  Hand p(bench.plain, 0);
  p.attach().begin();
  p.look_at_tail();
  p.claim();
  bench.kill(1);
  bench.start(no_walk);
  bench.drain();
  bench.expect({"attach 1"});
  bench.crash();
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-1 died=1", "died 1 last 1 died=1"});
}

TEST_CASE("a closing waits until no listed slot names the entry") {
  Bench bench({.slots = 4});
  Hand p(bench.plain, 0);
  p.attach().take_position();
  bench.start();
  bench.pass();  // listed
  p.publish(), p.finish();
  bench.kill(1);
  CollectorMemory::Hook lost(At::take, 1, [&] { bench.plain.set_word(0, writing(0, 1)); });
  CollectorMemory::Hook again(At::tail_seen, 2, [&] { bench.plain.set_word(0, ready(0, 1)); });
  bench.drain();
  bench.expect({"attach 1", "event 1.1 late", "died 1 last 1"});
}

TEST_CASE("the owner's state is read after the proof of death: it may have attached, written and died since") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.claim_entry(), p.take_incarnation();
  bench.start();
  bench.host.asked = [&](u32) {
    bench.host.asked = nullptr;
    p.become_attached();
    p.take_position();
    bench.kill(1);
  };
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-1 died=1", "died 1 last 1 died=1"});
  CHECK(bench.plain.word(0) == empty(1));
  CHECK(bench.plain.entry(0).owner == 0);
}

TEST_CASE("a slot that a producer left in WRITING when it detached is freed once its process has ended; then it is closed") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach();
  bench.start();
  p.take_position();  // a handler's longjmp has left the write
  p.detach();
  bench.drain();
  CHECK(bench.plain.word(0) == writing(0, 1));
  bench.kill(1);
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-1 died=1", "detach 1 last 1 died=1"});
  CHECK(bench.plain.word(0) == empty(1));
  CHECK(bench.plain.entry(0).owner == 0);
}

TEST_CASE("the account word is read after the proof of death: a last attempt may have begun since") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach();
  bench.start();
  bench.host.asked = [&](u32) {
    bench.host.asked = nullptr;
    p.begin();
    bench.kill(1);
  };
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-1 died=1", "died 1 last 1 died=1"});
}

TEST_CASE("an entry whose owner died before it was attached is freed, with its lane, and has no line") {
  Bench bench({.lanes = 2});
  Hand p(bench.plain, 0, 1);
  p.claim_entry(), p.take_incarnation();
  REQUIRE(lane_take<Memory>(bench.plain.ring.lanes[1], 1));
  bench.start();
  bench.drain();
  CHECK(bench.plain.state(0) == OwnerState::attaching);
  CHECK(bench.plain.lane_owner(1) == 1);
  bench.kill(1);
  bench.drain();
  CHECK(bench.plain.entry(0).owner == 0);
  CHECK(bench.plain.lane_owner(1) == 0);
  bench.expect({});
  CHECK(bench.host.forgotten == std::vector<u32>{0});
}

TEST_CASE(
    "one stopped writer costs its slot, never the ring: slots of older laps are stepped over once the head has "
    "passed") {
  for (SlotState stopped : {SlotState::writing, SlotState::ready, SlotState::reading}) {
    Bench bench;
    Hand p(bench.plain, 0);
    p.attach().take_position();
    bench.start();
    bench.pass();
    bench.plain.set_word(0, {0, 1, stopped});
    CHECK(bench.plain.head() == 1);
    Producer<Memory> other;
    REQUIRE(other.attach(bench.plain.ring, owner(2), identity("other"), SHMRING_LANE_SHARED) == 0);
    for (int record = 0; record < 6; ++record) {
      CHECK(other.write(nullptr, "x", 1) == 0);
      if (stopped == SlotState::writing) bench.drain();
      if (stopped != SlotState::writing) break;  // with its record: until the collector comes
    }
    bench.drain();
    CHECK(bench.plain.word(1).state == SlotState::empty);
    if (stopped == SlotState::writing) CHECK(bench.plain.word(0) == writing(0, 1));
  }
}
