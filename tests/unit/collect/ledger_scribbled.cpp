// The ledger under scribbled entries: an incarnation that comes again, a name that is none, counters below what is logged.
#include "tests/support/ledger_book.hpp"

using namespace plain;

TEST_CASE("an incarnation that vanished and stands in an entry again has no second attach line") {
  Book book;
  book.meet(1).enter(1, 1);
  book.ledger.drop(1, 1);
  book.meet(1).enter(1, 2);
  book.expect({"attach 1", "event 1.1", "gone 1 through 1",
               "incident an entry names an incarnation that is over: nothing of it is logged",
               "incident record of an unknown producer"});
}

TEST_CASE("an incarnation that was closed is over, and those beside it are not") {
  Book book;
  for (const u64 incarnation : {1, 2, 4, 5}) book.meet(incarnation, static_cast<u32>(incarnation));
  for (const u64 incarnation : {2, 4}) {
    Observation observation{};
    observation.entry = static_cast<u32>(incarnation), observation.incarnation = incarnation, observation.closing = true;
    book.ledger.settle({observation}, 1);
  }
  book.expect({"attach 1", "attach 2", "attach 4", "attach 5", "detach 2 last 0", "detach 4 last 0"});
  book.ledger.forget_closed();
  book.meet(3).meet(2).meet(4);
  book.expect({"attach 3", "incident an entry names an incarnation that is over: nothing of it is logged",
               "incident an entry names an incarnation that is over: nothing of it is logged"});
}

TEST_CASE("a record behind its account's closing line is an incident") {
  Book book;
  const RingAccounts recovered{{}, {{"p0", 1, 4, false, {}}}, {}};
  book.ledger.recover(recovered);
  book.meet(1).enter(1, 5).live(1, finished(7));
  book.expect({"incident record of a producer whose account is closed"});
}

TEST_CASE("a scribbled name is a name in the log") {
  Book book;
  shmring::ring::Attachment who{0, 1, {77, 1, shmring::ring::OwnerState::attached}, {}, 0, {0, 0}};
  std::snprintf(who.identity.name, sizeof who.identity.name, "a\"b\n\xff.-_9");
  book.ledger.meet({{who, "/bin/app"}}, 1);
  CHECK(std::get<LifeLine>(book.ledger.lines()[0]).producer == "a_b__.-_9");
}

TEST_CASE("counters that were scribbled below what is logged decide no total") {
  Book book;
  book.meet(1).enter(1, 4, {3, bit_of(Cause::full)}).close(1, finished(4), {{Cause::timeout, 3, 3}}, 0, false);
  book.expect({"attach 1", "loss 1.1-3 full=3", "event 1.4", "detach 1 last 4 full=3"});
}

TEST_CASE("an incarnation that an earlier collector closed has no second attach line either") {
  Book before;
  before.meet(1, 0).meet(2, 1).meet(3, 2);
  before.ledger.drop(2, 1);
  Observation observation{};
  observation.incarnation = 1, observation.closing = true;
  before.ledger.settle({observation}, 1);
  before.ledger.forget_closed();
  Book book;
  book.ledger.recover(before.ledger.accounts());
  book.meet(1, 0).meet(2, 1).meet(4, 3);
  book.expect({"incident an entry names an incarnation that is over: nothing of it is logged",
               "incident an entry names an incarnation that is over: nothing of it is logged", "attach 4"});
}

TEST_CASE("of incarnations that are over with holes between them, the newest ranges are kept") {
  Book book;
  for (u64 incarnation = 1; incarnation < 5000; incarnation += 2) book.meet(incarnation).ledger.drop(incarnation, 1);
  const auto ranges = book.ledger.accounts().over.ranges();
  CHECK(ranges.size() == 1024);
  CHECK(ranges.rbegin()->first == 4999);
}
