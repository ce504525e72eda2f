// The producer table: attach and detach, the account word around each attempt, refusals and their counters.
#include <array>

#include "tests/support/collector_bench.hpp"

using namespace plain;

namespace {

const std::string long_text(65, 'x');  // a slot holds 64

Producer<Memory> attached(PlainRing& plain, u32 pid = 1, u32 lane = SHMRING_LANE_SHARED) {
  Producer<Memory> producer;
  REQUIRE(producer.attach(plain.ring, owner(pid), identity("app"), lane) == 0);
  return producer;
}

int write(Producer<Memory>& producer, const std::string& payload) {
  return producer.write(nullptr, payload.data(), payload.size());
}

}  // namespace

TEST_CASE("words of the table come apart and together again") {
  const Owner full{(1u << 22) - 1, Owner::start_mask, OwnerState::left};
  CHECK(full.bits() == ~u64{0});
  CHECK(Owner::of(full.bits()).pid == full.pid);
  CHECK(Owner{1, 0, OwnerState::free}.bits() == u64{1} << 42);
  CHECK(AccountWord::of(AccountWord{u64{1} << 62, true}.bits()) == AccountWord{u64{1} << 62, true});
  CHECK(AccountWord{7, false}.bits() == 14);
  CHECK(Refusals{1, 2, 3}.bits() == 0x0000000100020003);
  CHECK(Refusals::of(~u64{0}).count == ~u32{0});
  CHECK(Counter{1, 2}.bits() == 0x0000000100000002);
}

TEST_CASE("the last finished attempt is the last one if it is finished, else the one before") {
  CHECK(AccountWord{0, false}.last_finished() == 0);
  CHECK(AccountWord{1, false}.last_finished() == 0);
  CHECK(AccountWord{1, true}.last_finished() == 1);
  CHECK(AccountWord{8, false}.last_finished() == 7);
}

TEST_CASE("attach claims the first free entry and says attached last") {
  PlainRing plain;
  plain.entry(0).owner = owner(77).bits() | static_cast<u64>(OwnerState::attaching);
  std::array<bool, 4> before_attached{};
  ProducerMemory::Hook hook(At::owner_state, 1, [&] {
    before_attached = {plain.entry(1).incarnation == PlainRing::base + 1, std::string(plain.entry(1).name) == "app",
                       plain.entry(1).uid == 1000, plain.state(1) == OwnerState::attaching};
  });
  Producer<ProducerMemory> producer;
  REQUIRE(producer.attach(plain.ring, owner(5), identity("app"), SHMRING_LANE_AUTO) == 0);
  CHECK(hook.seen() == 1);
  for (bool holds : before_attached) CHECK(holds);
  CHECK(plain.state(1) == OwnerState::attached);
  CHECK(Owner::of(plain.entry(1).owner).same_process(owner(5)));
  CHECK(producer.incarnation() == PlainRing::base + 1);
  CHECK(producer.sequence() == 0);
  CHECK(plain.account(1) == AccountWord{0, false});
}

TEST_CASE("an entry is never without its owner: the claim itself writes the identity") {
  PlainRing plain;
  ProducerMemory::Hook hook(At::incarnation_next, 1, [] { throw Crash{}; });
  Producer<ProducerMemory> producer;
  CHECK_THROWS_AS(producer.attach(plain.ring, owner(5), identity("app"), SHMRING_LANE_AUTO), Crash);
  CHECK(Owner::of(plain.entry(0).owner).same_process(owner(5)));
  CHECK(plain.state(0) == OwnerState::attaching);
}

TEST_CASE("who loses the race for an entry takes the next") {
  PlainRing plain;
  ProducerMemory::Hook rival(At::owner_claim, 1, [&] { REQUIRE(claim_entry<Memory>(plain.entry(0), owner(9))); });
  Producer<ProducerMemory> producer;
  REQUIRE(producer.attach(plain.ring, owner(5), identity("app"), SHMRING_LANE_AUTO) == 0);
  CHECK(Owner::of(plain.entry(0).owner).pid == 9);
  CHECK(Owner::of(plain.entry(1).owner).pid == 5);
}

TEST_CASE("a full table is EUSERS and changes nothing") {
  PlainRing plain({.producers = 2});
  attached(plain, 1), attached(plain, 2);
  const std::string before = plain.bytes();
  Producer<Memory> third;
  CHECK(third.attach(plain.ring, owner(3), identity("app"), SHMRING_LANE_AUTO) == -EUSERS);
  CHECK(plain.bytes() == before);
}

TEST_CASE("with a thousand attached an attach looks at few entries, and finds the only free one wherever it is") {
  PlainRing plain({.producers = 1000});
  std::vector<Producer<ProducerMemory>> producers(1000);
  unsigned most_looks = 0;
  for (u32 i = 0; i < 1000; ++i) {
    ProducerMemory::Hook looks(At::owner_seen, 0, [] {});
    REQUIRE(producers[i].attach(plain.ring, owner(i + 1), identity("app"), SHMRING_LANE_SHARED) == 0);
    most_looks = std::max(most_looks, looks.seen());
  }
  CHECK(most_looks <= 65);
  for (u32 i = 0; i < 1000; ++i) CHECK(plain.state(i) == OwnerState::attached);
  for (const u64 incarnations : {u64{1000}, u64{700}, ~u64{0}})  // the last is a scribble
    for (const u32 only : {0u, 63u, 64u, 500u, 999u}) {
      CAPTURE(incarnations);
      CAPTURE(only);
      plain.entry(only).owner = 0;
      plain.ring.header->incarnations = incarnations;
      Producer<ProducerMemory> last;
      REQUIRE(last.attach(plain.ring, owner(1001), identity("app"), SHMRING_LANE_SHARED) == 0);
      CHECK(Owner::of(plain.entry(only).owner).pid == 1001);
    }
}

TEST_CASE("auto takes a free exclusive lane, else the shared one; exclusive takes nothing else; shared takes none") {
  PlainRing plain({.lanes = 3, .producers = 8});
  CHECK(attached(plain, 1, SHMRING_LANE_SHARED).lane() == 0);
  CHECK(attached(plain, 2, SHMRING_LANE_AUTO).lane() == 1);
  CHECK(attached(plain, 3, SHMRING_LANE_EXCLUSIVE).lane() == 2);
  CHECK(attached(plain, 4, SHMRING_LANE_AUTO).lane() == 0);
  CHECK(plain.lane_owner(0) == 0);
  CHECK(plain.lane_owner(1) == 2);
  CHECK(plain.lane_owner(2) == 3);
  CHECK(plain.entry(1).lane == 1);
  Producer<Memory> fifth;
  CHECK(fifth.attach(plain.ring, owner(5), identity("app"), SHMRING_LANE_EXCLUSIVE) == -EBUSY);
}

TEST_CASE("where no exclusive lane is free, EBUSY spends no entry") {
  PlainRing plain;
  const std::string before = plain.bytes();
  Producer<Memory> producer;
  CHECK(producer.attach(plain.ring, owner(5), identity("app"), SHMRING_LANE_EXCLUSIVE) == -EBUSY);
  CHECK(plain.bytes() == before);
}

TEST_CASE("an attach that loses the last exclusive lane is EBUSY, leaves no line, and its entry is freed") {
  Bench bench({.lanes = 2});
  Producer<ProducerMemory> producer;
  {
    ProducerMemory::Hook rival(At::lane_take, 1, [&] { bench.plain.ring.lanes[1].owner = 3; });
    CHECK(producer.attach(bench.plain.ring, owner(5), identity("app"), SHMRING_LANE_EXCLUSIVE) == -EBUSY);
  }
  CHECK(bench.plain.state(0) == OwnerState::left);
  bench.start();
  bench.drain();
  bench.expect({});
  CHECK(bench.plain.entry(0).owner == 0);
}

TEST_CASE("incarnations are never given twice") {
  PlainRing plain;
  CHECK(attached(plain, 1).incarnation() == PlainRing::base + 1);
  zero_entry<Memory>(plain.entry(0));
  CHECK(attached(plain, 1).incarnation() == PlainRing::base + 2);
}

TEST_CASE("the account word announces an attempt before its claim, and is finished after its publish") {
  PlainRing plain;
  Producer<ProducerMemory> producer;
  REQUIRE(producer.attach(plain.ring, owner(1), identity("app"), SHMRING_LANE_SHARED) == 0);
  AccountWord at_look{}, at_publish{};
  Word at_finish{};
  ProducerMemory::Hook look(At::tail_hint, 1, [&] { at_look = plain.account(0); });
  ProducerMemory::Hook publish(At::publish, 1, [&] { at_publish = plain.account(0); });
  ProducerMemory::Hook finish(At::finish, 1, [&] { at_finish = plain.word(0); });
  CHECK(producer.write(nullptr, "x", 1) == 0);
  CHECK(at_look == AccountWord{1, false});
  CHECK(at_publish == AccountWord{1, false});
  CHECK(at_finish == ready(0, 1));
  CHECK(plain.account(0) == AccountWord{1, true});
  CHECK(producer.sequence() == 1);
}

TEST_CASE("a refusal stores its counter, then the refusal word, then finishes the account") {
  PlainRing plain;
  Producer<ProducerMemory> producer;
  REQUIRE(producer.attach(plain.ring, owner(1), identity("app"), SHMRING_LANE_SHARED) == 0);
  u32 count_at_refusal = 0, refusals_at_finish = 0;
  AccountWord at_refusal{};
  ProducerMemory::Hook refusal(At::refusal, 1, [&] {
    count_at_refusal = plain.counter(0, Cause::too_big).count;
    at_refusal = plain.account(0);
  });
  ProducerMemory::Hook finish(At::finish, 1, [&] { refusals_at_finish = plain.refusals(0).count; });
  CHECK(producer.write(nullptr, long_text.data(), long_text.size()) == SHMRING_TOO_BIG);
  CHECK(count_at_refusal == 1);
  CHECK(at_refusal == AccountWord{1, false});
  CHECK(refusals_at_finish == 1);
  CHECK(plain.account(0) == AccountWord{1, true});
}

TEST_CASE("each refusal counts under its own cause, with its sequence, and in the refusal word") {
  PlainRing plain({.slots = 2});
  Producer<Memory> producer = attached(plain);
  CHECK(write(producer, "1") == 0);
  CHECK(write(producer, "2") == 0);
  CHECK(write(producer, "3") == SHMRING_FULL);
  CHECK(write(producer, long_text) == SHMRING_TOO_BIG);
  CHECK(write(producer, "5") == SHMRING_FULL);
  CHECK(plain.counter(0, Cause::full).bits() == Counter{2, 5}.bits());
  CHECK(plain.counter(0, Cause::too_big).bits() == Counter{1, 4}.bits());
  CHECK(plain.counter(0, Cause::contended).bits() == 0);
  CHECK(plain.refusals(0).bits() == Refusals{3, u16(bit_of(Cause::full) | bit_of(Cause::too_big)), 5}.bits());
  CHECK(plain.account(0) == AccountWord{5, true});
}

TEST_CASE("a claim that gave up is FULL, counted as contended") {
  PlainRing plain({.slots = 1});
  Producer<Memory> producer = attached(plain);
  plain.set_word(0, empty(Word::lap_mask));
  CHECK(write(producer, "x") == SHMRING_FULL);
  CHECK(plain.counter(0, Cause::contended).bits() == Counter{1, 1}.bits());
  CHECK(plain.counter(0, Cause::full).bits() == 0);
}

TEST_CASE("a slot carries the refusals before it and their causes since the last publish") {
  PlainRing plain({.slots = 8});
  Producer<Memory> producer = attached(plain);
  CHECK(write(producer, long_text) == SHMRING_TOO_BIG);
  CHECK(write(producer, "two") == 0);
  CHECK(plain.slot(0).header.refused == 1);
  CHECK(plain.slot(0).header.why == bit_of(Cause::too_big));
  CHECK(write(producer, "three") == 0);
  CHECK(plain.slot(1).header.refused == 1);
  CHECK(plain.slot(1).header.why == 0);
}

TEST_CASE("a publish clears the mask, after its finish, and keeps the count") {
  PlainRing plain({.slots = 8});
  Producer<ProducerMemory> producer;
  REQUIRE(producer.attach(plain.ring, owner(1), identity("app"), SHMRING_LANE_SHARED) == 0);
  producer.write(nullptr, long_text.data(), long_text.size());
  AccountWord at_clear{};
  u16 mask_at_clear = 0;
  ProducerMemory::Hook clear(At::refusal, 1, [&] { at_clear = plain.account(0), mask_at_clear = plain.refusals(0).mask; });
  CHECK(producer.write(nullptr, "x", 1) == 0);
  CHECK(at_clear == AccountWord{2, true});
  CHECK(mask_at_clear == bit_of(Cause::too_big));
  CHECK(plain.refusals(0).bits() == Refusals{1, 0, 1}.bits());
  CHECK(producer.write(nullptr, "x", 1) == 0);
  CHECK(clear.seen() == 1);
}

TEST_CASE("a bad kind or flag is EINVAL and takes no sequence") {
  PlainRing plain;
  Producer<Memory> producer = attached(plain);
  const std::string before = plain.bytes();
  shmring_meta kind{}, flags{};
  kind.kind = SHMRING_KIND_BYTES + 1;
  flags.flags = 2;
  CHECK(producer.write(&kind, "x", 1) == -EINVAL);
  CHECK(producer.write(&flags, "x", 1) == -EINVAL);
  CHECK(producer.sequence() == 0);
  CHECK(plain.bytes() == before);
}

TEST_CASE("a retired ring takes no sequence and no record") {
  PlainRing plain;
  Producer<Memory> producer = attached(plain);
  retire<Memory>(*plain.ring.header);
  const std::string before = plain.bytes();
  CHECK(write(producer, "x") == SHMRING_RETIRED);
  CHECK(plain.bytes() == before);
}

TEST_CASE("a call that interrupts another on its handle is counted as nested, takes no sequence, and harms nothing") {
  PlainRing plain;
  Producer<ProducerMemory> producer;
  REQUIRE(producer.attach(plain.ring, owner(1), identity("app"), SHMRING_LANE_SHARED) == 0);
  u32 nested = 0;
  for (At at : {At::attempt, At::tail_hint, At::claim, At::tail_help, At::fill, At::publish, At::finish}) {
    ProducerMemory::Hook handler(at, 1, [&] { nested += producer.write(nullptr, "inner", 5) == SHMRING_NESTED; });
    CHECK(producer.write(nullptr, "outer", 5) == 0);
    const u64 position = plain.tail() - 1;
    const u32 index = plain.ring.index(position);
    CHECK(plain.word(index) == ready(plain.ring.lap(position), 1));
    CHECK(std::string(reinterpret_cast<char*>(Ring::payload(plain.slot(index))), 5) == "outer");
    plain.begin_at(position + 1);
  }
  CHECK(nested == 7);
  CHECK(plain.entry(0).nested == 7);
  CHECK(producer.sequence() == 7);
  CHECK(plain.account(0) == AccountWord{7, true});
}

TEST_CASE("detach says left, and nothing after it") {
  PlainRing plain;
  Producer<Memory> producer = attached(plain);
  write(producer, "x");
  std::string expected = plain.bytes();
  producer.detach();
  CHECK(plain.state(0) == OwnerState::left);
  plain.entry(0).owner = Owner{1, 1, OwnerState::attached}.bits();
  CHECK(plain.bytes() == expected);
}

TEST_CASE("detach ends an open claim before it says left") {
  PlainRing plain;
  Producer<ProducerMemory> producer;
  REQUIRE(producer.attach(plain.ring, owner(1), identity("p"), SHMRING_LANE_SHARED) == 0);
  void* payload = nullptr;
  REQUIRE(producer.claim(8, &payload) == 0);
  AccountWord at_left{};
  Word word_at_left{};
  ProducerMemory::Hook left(At::owner_state, 1, [&] { at_left = plain.account(0), word_at_left = plain.word(0); });
  producer.detach();
  CHECK(at_left == AccountWord{1, true});
  CHECK(word_at_left == ready(0, 1));
}

TEST_CASE("an entry is zeroed whole, its incarnation first, its owner word last") {
  PlainRing plain;
  attached(plain);
  for (std::atomic<u64>& counter : plain.entry(0).counters) counter = 7;
  plain.entry(0).nested = 1, plain.entry(0).logged = 2, plain.entry(0).durable = 3, plain.entry(0).logged_refused = 4;
  plain.entry(0).account = 5, plain.entry(0).refusal = 6, plain.entry(0).lane = 1, plain.entry(0).waiting = 1;
  u64 others_at_owner = 1;
  unsigned stores = 0;
  CollectorMemory::Hook hook(At::entry_zero, 0, [&] {
    if (++stores < 17) CHECK(plain.entry(0).owner != 0);
    CHECK((plain.entry(0).incarnation == 0) == (stores > 1));  // each call stands before a store
    const Entry& entry = plain.entry(0);
    others_at_owner = entry.account | entry.refusal | entry.incarnation | entry.lane | entry.nested | entry.logged |
                      entry.durable | entry.logged_refused | entry.waiting;
    for (const std::atomic<u64>& counter : entry.counters) others_at_owner |= counter;
  });
  zero_entry<CollectorMemory>(plain.entry(0));
  CHECK(stores == 17);
  CHECK(others_at_owner == 0);
  CHECK(plain.entry(0).owner == 0);
}
