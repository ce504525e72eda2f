// The ledger at the end of a producer's life: the last range and its causes, the totals, what is kept or dropped.
#include "tests/support/ledger_book.hpp"

using namespace plain;

TEST_CASE("a producer that leaves with all in the log has a detach line and no loss") {
  Book book;
  book.meet(1).enter(1, 1).close(1, finished(1), {}, 0, false);
  book.expect({"attach 1", "event 1.1", "detach 1 last 1"});
}

TEST_CASE("a producer that never attempted anything has its two lines") {
  Book book;
  book.meet(1).close(1, in_flight(0));
  book.expect({"attach 1", "died 1 last 0"});
}

TEST_CASE("the attempt in flight at a death is `died`") {
  Book book;
  book.meet(1).enter(1, 1).close(1, in_flight(2));
  book.expect({"attach 1", "event 1.1", "loss 1.2-2 died=1", "died 1 last 2 died=1"});
}

TEST_CASE("the attempt in flight is what a counter names it, never `died` as well") {
  Book book;
  book.meet(1).close(1, in_flight(3), {{Cause::full, 2, 2}, {Cause::too_big, 1, 3}}, full | too_big);
  book.expect({"attach 1", "loss 1.1-3 full=2 too_big=1", "died 1 last 3 full=2 too_big=1"});
}

TEST_CASE("a counter that was stored before its refusal word still names the attempt in flight") {
  Book book;
  book.meet(1);
  book.close(1, in_flight(1), {{Cause::full, 1, 1}}, 0);
  book.expect({"attach 1", "loss 1.1-1 full=1", "died 1 last 1 full=1"});
}

TEST_CASE("an attempt in flight whose record was taken is an event, and no loss") {
  Book book;
  book.meet(1).enter(1, 1).close(1, in_flight(1));
  book.expect({"attach 1", "event 1.1", "died 1 last 1"});
}

TEST_CASE("a counter whose last sequence is another one does not name the attempt in flight") {
  Book book;
  book.meet(1).close(1, in_flight(3), {{Cause::full, 2, 2}}, full);
  book.expect({"attach 1", "loss 1.1-3 full=2 died=1", "died 1 last 3 full=2 died=1"});
}

TEST_CASE("a last range of several causes has their names from the counters") {
  Book book;
  book.meet(1).enter(1, 2, {1, full}).close(1, finished(5), {{Cause::full, 2, 3}, {Cause::too_big, 2, 5}}, full | too_big);
  book.expect({"attach 1", "loss 1.1-1 full=1", "event 1.2", "loss 1.3-5 full=1 too_big=2", "died 1 last 5 full=2 too_big=2"});
}

TEST_CASE("totals are exact by name, though lines before had to leave refusals unnamed") {
  Book book;
  book.meet(1).enter(1, 4, {3, full | too_big}).close(1, finished(5), {{Cause::full, 3, 5}, {Cause::too_big, 1, 2}}, full);
  book.expect({"attach 1", "loss 1.1-3 refused=3", "event 1.4", "loss 1.5-5 full=1", "died 1 last 5 full=3 too_big=1"});
}

TEST_CASE("totals name what is no refusal as the log has it") {
  Book book;
  book.meet(1).corrupt(1).enter(1, 3, {1, full}).close(1, in_flight(4), {{Cause::full, 1, 1}});
  book.expect({"attach 1", "incident corrupt record", "loss 1.1-2 corrupt=1 refused=1", "event 1.3", "loss 1.4-4 died=1",
               "died 1 last 4 full=1 died=1 corrupt=1"});
}

TEST_CASE("counters that disagree with the log give way to the sums of the log") {
  Book book;
  book.meet(1).enter(1, 3, {2, full}).close(1, finished(3), {{Cause::full, 9, 2}});
  book.expect({"attach 1", "loss 1.1-2 full=2", "event 1.3", "died 1 last 3 full=2"});
}

TEST_CASE("counters of more refusals than the last range has sequences do not stretch it") {
  Book book;
  book.meet(1).close(1, finished(2), {{Cause::full, 4'000'000'000, 2}, {Cause::too_big, 4'000'000'000, 2}}, full);
  MemoryLog log;
  for (const Line& line : book.ledger.lines()) log.append(line);
  CHECK_MESSAGE(log.broken == "", log.broken);
}

TEST_CASE("an account that began in another log is closed with what this log has of it") {
  Book book;
  book.meet(1, 0, {5, 2}).enter(1, 7, {3, full}).close(1, finished(7), {{Cause::full, 3, 6}});
  book.expect({"attach 1 from 5", "incident sequences before `from` are in another log", "loss 1.6-6 full=1", "event 1.7",
               "died 1 last 7 full=1"});
}

TEST_CASE("a recovered account is closed with the sums of its earlier lines") {
  Book book;
  Causes before;
  before[Cause::refused] = 2;
  const RingAccounts recovered{{}, {{"p0", 1, 4, true, before}}, {}};
  book.ledger.recover(recovered);
  book.meet(1).close(1, in_flight(5), {{Cause::full, 1, 1}, {Cause::too_big, 1, 2}});
  book.expect({"loss 1.5-5 died=1", "died 1 last 5 full=1 too_big=1 died=1"});
}

TEST_CASE("the closing line says how many nested calls were refused") {
  Book book;
  book.meet(1).close(1, finished(0), {}, 0, false, 3);
  book.expect({"attach 1", "detach 1 last 0 nested=3"});
}

TEST_CASE("an account is closed once; its entry may be freed each time it is seen") {
  Book book;
  book.meet(1, 2).close(1, finished(0)).close(1, finished(0));
  book.expect({"attach 1", "died 1 last 0"});
  CHECK(book.ledger.closed().size() == 2);
  book.ledger.begin_pass();
  CHECK(book.ledger.closed().empty());
}

TEST_CASE("an entry in which nobody ever attached is freed without a line") {
  Book book;
  book.close(0, in_flight(0));
  book.expect({});
  CHECK(book.ledger.closed() == std::vector<u32>{0});
}

TEST_CASE("accounts lines list closed accounts until their entry was zeroed, and open ones for ever") {
  Book book;
  book.meet(1, 0).meet(2, 1).enter(1, 1).close(1, finished(1));
  CHECK(book.accounts() == "accounts 1:1! 2:0");
  book.ledger.forget_closed();
  CHECK(book.accounts() == "accounts 2:0");
  CHECK_FALSE(book.ledger.empty());
}

TEST_CASE("accounts carry the sums of their loss lines") {
  Book book;
  book.meet(1).enter(1, 3, {2, full}).enter(1, 5, {3, too_big});
  const RingAccounts accounts = book.ledger.accounts();
  REQUIRE(accounts.accounts.size() == 1);
  CHECK(text(accounts.accounts[0].causes) == " full=2 too_big=1");
}

TEST_CASE("after a restart an account that no entry names is dropped: open with a gone line, closed without one") {
  Book book;
  const RingAccounts recovered{{}, {{"a", 1, 4, true, {}}, {"b", 2, 5, false, {}}, {"c", 3, 6, true, {}}}, {}};
  book.ledger.recover(recovered);
  book.ledger.drop_absent([](u64 incarnation) { return incarnation == 3; }, 1);
  book.expect({"gone 1 through 4"});
  CHECK(book.accounts() == "accounts 3:6");
}

TEST_CASE("a recovered account that is closed gets no second closing line") {
  Book book;
  const RingAccounts recovered{{}, {{"a", 1, 4, false, {}}}, {}};
  book.ledger.recover(recovered);
  book.meet(1, 6).close(1, finished(4));
  book.expect({});
  CHECK(book.ledger.closed().size() == 1);
}

TEST_CASE("an attempt in flight whose slot was taken and found corrupt is `corrupt`, not `died`") {
  Book book;
  book.meet(1).corrupt(1).close(1, in_flight(1));
  book.expect({"attach 1", "incident corrupt record", "loss 1.1-1 corrupt=1", "died 1 last 1 corrupt=1"});
}
