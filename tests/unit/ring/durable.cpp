// Waiting for durability, by hand, on plain memory: what ends a wait, what a wait answers, and what of one life of an entry is
// not told to the next.
#include <utility>

#include "tests/support/writer.hpp"

using namespace plain;

namespace {

constexpr u64 for_ever = ~u64{0}, ms = 1'000'000;
constexpr Owner collector_name{99, 1, OwnerState::free};

// The disk of the ring's log has all that the log has, and the collector says so.
void tell(Bench& bench) {
  for (const shmring::log::AccountState& it : bench.collector->accounts().accounts)
    bench.collector->note_durable(0, it.incarnation, it.through);
}

struct Waiter : Writer {
  explicit Waiter(PlainRing& plain) : plain(plain) { plain::attach(*this, plain); }
  bool is_announced() const { return plain.entry(0).waiting != 0; }
  u64 durable() const { return plain.entry(0).durable; }
  PlainRing& plain;
};

}  // namespace

TEST_CASE("a wait ends when the collector has made the sequence durable, and the collector wakes the waiter") {
  Bench bench({.slots = 4});
  Waiter p(bench.plain);
  bench.start();
  CHECK(write(p, "1") == 0);
  CHECK(write(p, "2") == 0);
  const u64 before = ProducerMemory::now_ns();
  ProducerMemory::Hook sleeps(At::durable_sleep, 1, [&] {
    CHECK(p.is_announced());
    bench.pass();
    CHECK(bench.host.waiters_woken == 0);
    tell(bench);
  });
  CHECK(p.wait_durable(2, for_ever) == 0);
  CHECK(sleeps.seen() == 1);
  CHECK(bench.host.waiters_woken == 1);
  CHECK(ProducerMemory::now_ns() == before);  // what came between the look and the sleep is not slept through
  CHECK(!p.is_announced());
  tell(bench);
  CHECK(bench.host.waiters_woken == 1);  // nobody waits
  CHECK(p.wait_durable(1, 0) == 0);
  CHECK(sleeps.seen() == 1);
}

TEST_CASE("where an archive is asked for, a sequence is durable once the disk and the archive have it, and stays so") {
  Bench bench({.slots = 4});
  Waiter p(bench.plain);
  bench.start();
  CHECK(write(p, "1") == 0);
  bench.pass();
  const shmring::log::Commit written = bench.log.commit();
  const auto learn = [&](u64 durable, u64 archived) {
    bench.collector->learn({written.batch, written.index, durable, archived});
    return p.durable();
  };
  const u64 all = written.index;
  REQUIRE(all > 0);
  CHECK(learn(all, 0) == 0);
  CHECK(learn(all, all - 1) == 0);
  CHECK(learn(all - 1, all) == 0);
  CHECK(learn(all, all) == 1);
  CHECK(learn(all, 0) == 1);
  CHECK(p.wait_durable(1, 0) == 0);
}

TEST_CASE("a waiter looks again every 50 ms, and at its deadline it gives up") {
  PlainRing plain;
  Waiter p(plain);
  CHECK(write(p, "1") == 0);
  ProducerMemory::Hook sleeps(At::durable_sleep, 0, [] {});
  const u64 before = ProducerMemory::now_ns();
  CHECK(p.wait_durable(1, 0) == SHMRING_TIMEOUT);
  CHECK(sleeps.seen() == 0);
  CHECK(p.wait_durable(1, 120 * ms) == SHMRING_TIMEOUT);
  CHECK(sleeps.seen() == 3);
  CHECK(ProducerMemory::now_ns() == before + 120 * ms);
  CHECK(!p.is_announced());
  ProducerMemory::Hook later(At::durable_sleep, 2, [&] { plain.entry(0).durable = 1; });  // and nobody wakes it
  CHECK(p.wait_durable(1, for_ever) == 0);
  CHECK(later.seen() == 2);
}

TEST_CASE("25: whom a collector had not woken when it was killed, its successor wakes") {
  Bench bench({.slots = 4});
  Waiter p(bench.plain);
  bench.start();
  CHECK(write(p, "1") == 0);
  bench.pass();
  ProducerMemory::Hook sleeps(At::durable_sleep, 1, [&] {
    CollectorMemory::Hook crash(At::waiting_seen, 1, [] { throw Crash{}; });
    CHECK_THROWS_AS(tell(bench), Crash);
    bench.crash();
    CHECK(bench.host.waiters_woken == 0);
    CHECK(p.durable() == 1);
    bench.start();
    tell(bench);
    CHECK(bench.host.waiters_woken == 1);
  });
  CHECK(p.wait_durable(1, for_ever) == 0);
  CHECK(sleeps.seen() == 1);
}

TEST_CASE("a sequence that was refused becomes durable as a loss, although nothing is written behind it") {
  for (const OnFull policy : {OnFull::drop, OnFull::wait}) {
    Bench bench({.slots = 2, .on_full = policy, .wait_us = 1});
    Waiter p(bench.plain);
    bench.start();
    CHECK(write(p, "1") == 0);
    CHECK(write(p, "2") == 0);
    CHECK(write(p, "3") == (policy == OnFull::drop ? SHMRING_FULL : SHMRING_TIMEOUT));
    ProducerMemory::Hook sleeps(At::durable_sleep, 0, [&] { bench.pass(), tell(bench); });
    CHECK(p.wait_durable(3, for_ever) == 0);
    CHECK(sleeps.seen() <= 3);
    CHECK(p.durable() == 3);
    bench.expect({"attach 1", "event 1.1", "event 1.2", policy == OnFull::drop ? "loss 1.3-3 full=1" : "loss 1.3-3 timeout=1"});
  }
}

TEST_CASE("a wait aborts an open claim, whose sequence then becomes durable as a loss") {
  Bench bench({.slots = 4});
  Waiter p(bench.plain);
  bench.start();
  void* payload = nullptr;
  REQUIRE(p.claim(8, &payload) == 0);
  ProducerMemory::Hook sleeps(At::durable_sleep, 0, [&] { bench.pass(), tell(bench); });
  CHECK(p.wait_durable(1, 1000 * ms) == 0);
  CHECK(p.commit(nullptr, 8) == -EINVAL);
  bench.expect({"attach 1", "loss 1.1-1 aborted=1"});
}

TEST_CASE("a sequence that was not attempted yet is an error, and none at all is durable") {
  PlainRing plain;
  Waiter p(plain);
  CHECK(p.wait_durable(0, 0) == 0);
  CHECK(p.wait_durable(1, for_ever) == -EINVAL);
  CHECK(write(p, "1") == 0);
  CHECK(p.wait_durable(2, for_ever) == -EINVAL);
  CHECK(p.wait_durable(1, 0) == SHMRING_TIMEOUT);
}

TEST_CASE("a wait within another call is refused and counted, and so is a call within a wait") {
  PlainRing plain;
  Waiter p(plain);
  {
    ProducerMemory::Hook inside(At::attempt, 1, [&] { CHECK(p.wait_durable(1, 0) == SHMRING_NESTED); });
    CHECK(write(p, "1") == 0);
  }
  ProducerMemory::Hook inside(At::durable_awaited, 1, [&] { CHECK(write(p, "2") == SHMRING_NESTED); });
  CHECK(p.wait_durable(1, 0) == SHMRING_TIMEOUT);
  CHECK(plain.entry(0).nested == 2);
  CHECK(p.sequence() == 1);
}

TEST_CASE("on a retired ring a wait ends where nobody collects, and goes on where somebody does") {
  PlainRing plain;
  Waiter p(plain);
  CHECK(write(p, "1") == 0);
  Header& header = *plain.ring.header;
  retire<Memory>(header);
  CHECK(p.wait_durable(1, for_ever) == SHMRING_RETIRED);
  CHECK(!p.is_announced());
  announce<Memory>(header, collector_name, Level::every, 0);
  CHECK(p.wait_durable(1, 60 * ms) == SHMRING_TIMEOUT);
  plain.entry(0).durable = 1;
  withdraw<Memory>(header);
  CHECK(p.wait_durable(1, 0) == 0);
}

TEST_CASE("what a collector makes durable right before it is gone counts, whatever the wait asks first") {
  PlainRing plain;
  Waiter p(plain);
  CHECK(write(p, "1") == 0);
  retire<Memory>(*plain.ring.header);
  announce<Memory>(*plain.ring.header, collector_name, Level::every, 0);
  ProducerMemory::Hook last(At::collector_seen, 1, [&] {
    plain.entry(0).durable = 1;
    withdraw<Memory>(*plain.ring.header);
  });
  CHECK(p.wait_durable(1, for_ever) == 0);
  CHECK(last.seen() == 1);
}

TEST_CASE("a wait is refused where the collector's level is write, unless the sequence is durable") {
  PlainRing plain;
  Waiter p(plain);
  CHECK(write(p, "1") == 0);
  for (const auto& [level, result] :
       {std::pair{Level::none, int{SHMRING_TIMEOUT}}, std::pair{Level::write, -EOPNOTSUPP},
        std::pair{Level::interval, int{SHMRING_TIMEOUT}}, std::pair{Level::every, int{SHMRING_TIMEOUT}}}) {
    announce<Memory>(*plain.ring.header, collector_name, level, 0);
    CHECK(p.wait_durable(1, 0) == result);
  }
  withdraw<Memory>(*plain.ring.header);
  CHECK(p.wait_durable(1, 0) == SHMRING_TIMEOUT);
  announce<Memory>(*plain.ring.header, collector_name, Level::write, 0);
  plain.entry(0).durable = 1;
  CHECK(p.wait_durable(1, 0) == 0);
}

TEST_CASE("a collector whose level becomes write ends a wait that is under way, in the next round") {
  PlainRing plain;
  Waiter p(plain);
  CHECK(write(p, "1") == 0);
  ProducerMemory::Hook sleeps(At::durable_sleep, 1,
                              [&] { announce<Memory>(*plain.ring.header, collector_name, Level::write, 0); });
  CHECK(p.wait_durable(1, for_ever) == -EOPNOTSUPP);
  CHECK(sleeps.seen() == 1);
}

// ------------------------------------------------------------------------------------------------------------- lives

TEST_CASE("25: what becomes durable of a life that is over is not told to the next life of its entry") {
  Bench bench({.slots = 4, .producers = 1});
  bench.start();
  u64 first_life = 0;
  {
    Waiter p(bench.plain);
    first_life = p.incarnation();
    CHECK(write(p, "1") == 0);
    CHECK(write(p, "2") == 0);
    bench.pass();
    tell(bench);
    CHECK(p.durable() == 2);
    CHECK(write(p, "3") == 0);
    p.detach();
  }
  bench.drain();  // closed, and freed: what is durable of it is known later
  CHECK(bench.plain.entry(0).owner == 0);
  Waiter next(bench.plain);
  CHECK(next.durable() == 0);
  CHECK(write(next, "1") == 0);
  bench.collector->note_durable(0, first_life, 3);  // not met yet
  CHECK(next.durable() == 0);
  bench.pass();
  bench.collector->note_durable(0, first_life, 3);  // met
  CHECK(next.durable() == 0);
  CHECK(next.wait_durable(1, 0) == SHMRING_TIMEOUT);
  tell(bench);
  CHECK(next.wait_durable(1, 0) == 0);
}

TEST_CASE("what is durable of a life never goes back, and a wrong entry or life is nobody's") {
  Bench bench({.slots = 4, .producers = 1});
  Waiter p(bench.plain);
  bench.start();
  bench.collector->note_durable(0, p.incarnation(), 2);
  bench.collector->note_durable(0, p.incarnation(), 1);
  CHECK(p.durable() == 2);
  bench.collector->note_durable(1, p.incarnation(), 3);
  bench.collector->note_durable(~u32{0}, p.incarnation(), 3);
  bench.collector->note_durable(0, 0, 3);
  bench.collector->note_durable(0, p.incarnation() + 1, 3);
  CHECK(p.durable() == 2);
}

TEST_CASE("nothing is durable of an entry whose incarnation was scribbled over") {
  Bench bench({.slots = 4, .producers = 1});
  Waiter p(bench.plain);
  CHECK(write(p, "1") == 0);
  bench.start();
  bench.pass();
  tell(bench);
  CHECK(p.durable() == 1);
  bench.plain.entry(0).incarnation = p.incarnation() + 5;
  bench.pass();
  CHECK(p.durable() == 0);
}

// ------------------------------------------------------------------------------------------------------------- successors

TEST_CASE("what a successor knows of a life is told while that life has its entry, not when the next one has it") {
  Bench bench({.slots = 4, .producers = 2});
  Hand other(bench.plain, 1);
  bench.start();
  other.attach().write();
  {
    Waiter gone(bench.plain);
    CHECK(write(gone, "1") == 0);
    gone.detach();
  }
  {
    CollectorMemory::Hook crash(At::entry_zero, 1, [] { throw Crash{}; });
    CHECK_THROWS_AS(bench.drain(), Crash);  // the log has all of that life, which still has its entry
  }
  bench.crash();
  bench.start();
  bench.pass();
  REQUIRE(bench.plain.entry(0).owner == 0);
  Waiter next(bench.plain);
  other.write();
  bench.pass(false);  // it logs the other's record, and does not look at the entries
  CHECK(bench.plain.entry(0).logged == 0);
}

TEST_CASE("whom a killed collector had not told, its successor tells before any line is written") {
  Bench bench({.slots = 4, .producers = 1});
  Waiter p(bench.plain);
  CHECK(write(p, "1") == 0);
  bench.start();
  {
    CollectorMemory::Hook crash(At::logged, 1, [] { throw Crash{}; });
    CHECK_THROWS_AS(bench.pass(), Crash);
  }
  bench.crash();
  bench.start();
  CHECK(bench.plain.entry(0).logged == 1);
}
