// Interleavings and deaths that break the promise as soon as one rule of the protocol is left out: each test makes the
// shortest such steps by hand, and its name is the rule. Here: what a restarted collector must know.
#include <algorithm>

#include "tests/support/collector_bench.hpp"

using namespace plain;

TEST_CASE("restart: every slot is looked at before the first pass, so that a record behind the head is no loss") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().take_position();
  bench.start();
  {
    // Published after the stalled list was looked at; then the head passes it, and all die.
    CollectorMemory::Hook publish(At::head_publish, 1, [&] { p.publish(), bench.kill(1); });
    bench.pass();
  }
  bench.crash();
  CHECK(bench.plain.head() == 1);
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "event 1.1 late", "died 1 last 1"});
  CHECK(bench.plain.word(0) == empty(1));
  CHECK(bench.plain.entry(0).owner == 0);
}

TEST_CASE("restart: READING at or beyond the head is left to the walk, so that an earlier record is logged first") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().take_position();
  bench.start();
  {
    CollectorMemory::Hook publish(At::observe, 2, [&] { p.publish(), p.finish(), p.write(); });
    CollectorMemory::Hook crash(At::copy_out, 1, [] { throw Crash{}; });
    bench.crashes_in_a_pass();
  }
  CHECK(bench.plain.word(0) == ready(0, 1));
  CHECK(bench.plain.word(1) == reading(0, 1));
  CHECK(bench.plain.head() == 0);
  bench.start(no_walk);
  bench.pass();
  bench.crash();
  bench.expect({"attach 1"});
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "event 1.1", "event 1.2"});
}

TEST_CASE("stalled list: READING below the head is taken up after a restart") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().take_position();
  bench.start(one_slot);
  {
    CollectorMemory::Hook publish(At::head_publish, 1, [&] { p.publish(), p.finish(), p.write(); });
    bench.pass();
  }
  bench.crash();
  REQUIRE(bench.plain.head() == 1);
  bench.start(no_walk);
  {
    CollectorMemory::Hook crash(At::copy_out, 1, [] { throw Crash{}; });
    bench.crashes_in_a_pass();
  }
  CHECK(bench.plain.word(0) == reading(0, 1));
  CHECK(bench.plain.word(1) == ready(0, 1));
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "event 1.1 late", "event 1.2"});
}

TEST_CASE("a gap's loss line precedes the event behind it, so that a crash between the two leaves no hole") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach();
  p.refuse(Cause::full), p.refuse(Cause::full);
  p.write();
  bench.start();
  bench.log.lives_for = 1;
  bench.crashes_in_a_pass();
  bench.expect({"attach 1", "loss 1.1-2 full=2"});
  bench.start();
  bench.log.lives_for = 1;
  bench.pass();
  bench.log.lives_for = -1;
  bench.expect({"attach 1", "loss 1.1-2 full=2", "event 1.3"});
  CHECK(bench.plain.word(0) == empty(1));
}

TEST_CASE("a closed account is carried until after its entry was zeroed") {
  Bench bench;
  Hand p0(bench.plain, 0), p1(bench.plain, 1);
  p0.attach().write(), p0.detach();
  p1.attach();
  bench.start();
  {
    CollectorMemory::Hook crash(At::release, 1, [&] {
      bench.accounts_line();
      throw Crash{};
    });
    bench.crashes_in_a_pass();
  }
  bench.expect({"attach 1", "attach 2", "event 1.1", "detach 1 last 1", "accounts 1:1! 2:0"});
  bench.start();
  bench.drain();
  bench.accounts_line();
  bench.expect({"attach 1", "attach 2", "event 1.1", "detach 1 last 1", "accounts 1:1! 2:0", "accounts 2:0"});
  CHECK(bench.plain.entry(0).owner == 0);
  CHECK(bench.plain.word(0) == empty(1));
}

TEST_CASE("a closed account whose entry is zeroed already is dropped after a restart, without a line") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().detach();
  bench.start();
  bench.drain();
  bench.crash();
  bench.start();
  bench.drain();
  bench.accounts_line();
  bench.expect({"attach 1", "detach 1 last 0", "accounts"});
}

TEST_CASE("a collector that dies while it zeroes an entry leaves nothing that its successor cannot free without a line") {
  for (unsigned store = 1; store <= 16; ++store) {
    CAPTURE(store);
    Bench bench;
    Hand p(bench.plain, 0);
    p.attach().write();
    bench.kill(1);
    bench.start();
    {
      CollectorMemory::Hook crash(At::entry_zero, store, [] { throw Crash{}; });
      bench.crashes_in_a_pass();
    }
    bench.start();
    bench.drain();
    bench.expect({"attach 1", "event 1.1", "died 1 last 1"});
    CHECK(bench.plain.entry(0).owner == 0);
  }
}

TEST_CASE("a half-zeroed entry of the dead is no refused entry") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().write();
  bench.kill(1);
  bench.start();
  {
    CollectorMemory::Hook crash(At::entry_zero, 16, [] { throw Crash{}; });
    bench.crashes_in_a_pass();
  }
  bench.start(no_walk);
  for (int i = 0; i < 3; ++i) {
    bench.pass();
    CHECK(bench.collector->reader().refused_entries() == 0);
  }
}

TEST_CASE("what the log has since its last accounts line counts: a record in it is released without a line") {
  Bench bench;
  Hand p0(bench.plain, 0), p1(bench.plain, 1);
  p0.attach().write();
  p1.attach().write();
  bench.start();
  {
    CollectorMemory::Hook crash(At::release, 1, [] { throw Crash{}; });
    bench.crashes_in_a_pass();
  }
  bench.expect({"attach 1", "attach 2", "event 1.1", "event 2.1"});
  bench.start(one_slot);
  bench.drain();
  bench.expect({"attach 1", "attach 2", "event 1.1", "event 2.1"});
  CHECK(bench.plain.word(0) == empty(1));
  CHECK(bench.plain.word(1) == empty(1));
}

TEST_CASE("an attacher that is met in the walk is in the accounts lines, and gets no second attach line") {
  Bench bench;
  Hand p(bench.plain, 0);
  bench.start(one_slot);
  {
    CollectorMemory::Hook attach(At::tail_seen, 1, [&] { p.attach(), p.write(), p.write(); });
    bench.pass();
  }
  bench.accounts_line();
  bench.expect({"attach 1", "event 1.1", "accounts 1:1"});
  bench.crash();
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "event 1.1", "accounts 1:1", "event 1.2"});
}

TEST_CASE("a collector may die before any access of its passes: each sequence is in the log once, all is freed") {
  unsigned deaths = 0;
  for (At at : {At::take, At::copy_out, At::release, At::head_publish, At::freed_bump, At::logged, At::free_dead, At::step_over,
                At::lane_free, At::entry_zero, At::account_seen, At::tail_seen, At::observe, At::owner_seen, At::head_resume}) {
    for (unsigned nth = 1; nth < 100; ++nth) {
      Bench bench({.slots = 4, .lanes = 2});
      Hand p0(bench.plain, 0), p1(bench.plain, 1), p2(bench.plain, 2, 1);
      p0.attach().write(), p0.refuse(Cause::full), p0.write(), p0.detach();
      p1.attach().take_position();  // and dies
      bench.plain.set_tail(4);      // position 3 was stepped over
      p2.attach().write(), p2.detach();
      bench.kill(2);
      bool crashed = false;
      {
        CollectorMemory::Hook crash(at, nth, [] { throw Crash{}; });
        try {
          bench.start();
          bench.drain();
        } catch (const Crash&) {
          crashed = true;
        }
      }
      if (!crashed) break;
      ++deaths;
      bench.crash();
      bench.start();
      bench.drain();
      CAPTURE(static_cast<int>(at));
      CAPTURE(nth);
      CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
      CHECK(bench.log.lines.size() == 11);  // 3 attach, 3 events, 2 losses, 3 closings
      for (u32 i = 0; i < 3; ++i) CHECK(bench.plain.entry(i).owner == 0);
      for (u32 i = 0; i < 4; ++i) CHECK(bench.plain.word(i).state == SlotState::empty);
      CHECK(bench.plain.lane_owner(1) == 0);
    }
  }
  CHECK(deaths > 60);
}

TEST_CASE("a collector may die between any two lines: the next one writes the rest, and nothing twice") {
  for (int lines = 0; lines < 11; ++lines) {
    CAPTURE(lines);
    Bench bench({.slots = 4});
    Hand p0(bench.plain, 0), p1(bench.plain, 1);
    p0.attach().write(), p0.refuse(Cause::full), p0.refuse(Cause::too_big), p0.write(), p0.refuse(Cause::full), p0.detach();
    p1.attach().take_position();
    bench.kill(2);
    bench.log.lives_for = lines;
    try {
      bench.start();
      bench.drain();
    } catch (const Crash&) {
    }
    bench.log.lives_for = -1;
    bench.start();
    bench.drain();
    CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
    CHECK(bench.log.lines.size() == 9);
    CHECK(std::count(bench.log.lines.begin(), bench.log.lines.end(), "detach 1 last 5 full=2 too_big=1") == 1);
    CHECK(std::count(bench.log.lines.begin(), bench.log.lines.end(), "died 2 last 1 died=1") == 1);
  }
}
