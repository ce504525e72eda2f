// The ledger while producers live: attach lines, events, gaps and their causes, accounts, order.
#include "tests/support/ledger_book.hpp"

using namespace plain;

namespace {
std::string in_order(std::vector<Record> records) {
  order(records);
  std::string out;
  for (const Record& it : records) {
    out += std::to_string(it.taken.incarnation) + "." + std::to_string(it.taken.header->sequence);
    out += "@" + std::to_string(it.time_ns) + " ";
  }
  return out;
}
}  // namespace

TEST_CASE("an attach line comes once, before every other line of its incarnation") {
  Book book;
  book.meet(1).meet(1).enter(1, 1).meet(1);
  book.expect({"attach 1", "event 1.1"});
}

TEST_CASE("an attach line says who: pid, uid, lane and program") {
  Book book;
  shmring::ring::Attachment who{2, 9, {77, 5, shmring::ring::OwnerState::attached}, {"pay", 1000, 8, "pay"}, 3, {0, 0}};
  book.ledger.meet({{who, "/bin/pay"}}, 123);
  const auto& line = std::get<LifeLine>(book.ledger.lines()[0]);
  CHECK(line.producer == "pay");
  CHECK(line.pid == 77);
  CHECK(line.uid == 1000);
  CHECK(line.lane == 3);
  CHECK(line.exe == "/bin/pay");
  CHECK(line.time_ns == 123);
}

TEST_CASE("what another log holds is said by `from` and an incident, and is no loss") {
  Book book;
  book.meet(1, 0, {5, 2});
  book.expect({"attach 1 from 5", "incident sequences before `from` are in another log"});
  book.enter(1, 6, {2, 0}).enter(1, 8, {3, full});
  book.expect({"event 1.6", "loss 1.7-7 full=1", "event 1.8"});
}

TEST_CASE("a producer whose death can never be proven is said in the log") {
  Book book;
  book.meet(1, 0, {0, 0}, 0);
  book.expect({"attach 1", "incident producer in another pid or time namespace: never judged dead"});
}

TEST_CASE("what the log says already gets no attach line, and goes on where it was") {
  Book book;
  const RingAccounts recovered{{}, {{"p0", 1, 4, true, {}}}, {}};
  book.ledger.recover(recovered);
  book.meet(1, 0, {3, 0}).enter(1, 4).enter(1, 5);
  book.expect({"event 1.5"});
}

TEST_CASE("a record at or below `through` is in the log already: no line") {
  Book book;
  book.meet(1).enter(1, 1).enter(1, 2).enter(1, 2).enter(1, 1);
  book.expect({"attach 1", "event 1.1", "event 1.2"});
  CHECK(book.ledger.events() == 2);
}

TEST_CASE("a gap is a loss line in front of the event, with the name of its only cause") {
  Book book;
  book.meet(1).enter(1, 4, {3, full}).enter(1, 6, {4, too_big});
  book.expect({"attach 1", "loss 1.1-3 full=3", "event 1.4", "loss 1.5-5 too_big=1", "event 1.6"});
  CHECK(book.ledger.losses()[Cause::full] == 3);
}

TEST_CASE("refusals of two causes, or of none that is known, are `refused`") {
  Book book;
  book.meet(1).enter(1, 3, {2, full | too_big}).enter(1, 5, {3, 0});
  book.enter(1, 7, {4, static_cast<u16>(1u << static_cast<int>(Cause::died))});
  book.expect({"attach 1", "loss 1.1-2 refused=2", "event 1.3", "loss 1.4-4 refused=1", "event 1.5", "loss 1.6-6 refused=1",
               "event 1.7"});
}

TEST_CASE("what a gap holds beyond its refusals was corrupt, and then the refusals have no name") {
  Book book;
  book.meet(1).corrupt(1).enter(1, 2).corrupt(1).enter(1, 5, {1, full});
  book.expect({"attach 1", "incident corrupt record", "loss 1.1-1 corrupt=1", "event 1.2", "incident corrupt record",
               "loss 1.3-4 corrupt=1 refused=1", "event 1.5"});
}

TEST_CASE("beside a corrupt slot a mask names no more than one refusal: the slot may have been an aborted claim's") {
  Book book;
  book.meet(1).corrupt(1, 1).enter(1, 3, {2, full});
  book.expect({"attach 1", "incident corrupt record", "loss 1.1-2 refused=2", "event 1.3"});
}

TEST_CASE("beside a corrupt slot the mask may be that of the attempt in flight alone: it names nothing before it") {
  Book book;
  book.meet(1).corrupt(1, 1).live(1, in_flight(2), {2, full, 2}).live(1, finished(2), {2, full, 2});
  book.expect({"attach 1", "incident corrupt record", "loss 1.1-1 refused=1", "loss 1.2-2 full=1"});
}

TEST_CASE("slots seen corrupt, of which several were one record, are forgotten once the account has come past them") {
  Book book;
  book.meet(1).corrupt(1, 1).corrupt(1, 1).corrupt(1, 1).enter(1, 2).enter(1, 5, {2, full});
  book.close(1, in_flight(6), {{Cause::full, 2, 4}});
  book.expect({"attach 1", "incident corrupt record", "incident corrupt record", "incident corrupt record",
               "loss 1.1-1 corrupt=1", "event 1.2", "loss 1.3-4 full=2", "event 1.5", "loss 1.6-6 died=1",
               "died 1 last 6 full=2 died=1 corrupt=1"});
}

TEST_CASE("a log that began in the middle of a life counts the refusals before it after a restart too") {
  Causes lost;
  lost[Cause::full] = 2;
  for (const u64 through : {20, 19}) {  // also by a collector that died before it told the entry of its last line
    Book book(true);
    book.ledger.recover({{}, {{"p0", 1, 20, true, lost}}, {}});
    book.meet(1, 0, {through, 7}).enter(1, 23, {8, full});
    book.expect({"loss 1.21-22 overwritten=1 refused=1", "event 1.23"});
  }
}

TEST_CASE("a corrupt slot whose loss is in the log already, as a collector died before it released it, counts for no other") {
  Book book(true);
  book.meet(1).enter(1, 1).corrupt(1, 1).enter(1, 3);
  book.expect({"attach 1", "event 1.1", "incident corrupt record", "loss 1.2-2 overwritten=1", "event 1.3"});
}

TEST_CASE("overwrite: what a gap holds beyond refusals and records seen corrupt was overwritten") {
  Book book(true);
  book.meet(1).corrupt(1).enter(1, 6, {2, full}).enter(1, 8, {2, 0});
  book.expect({"attach 1", "incident corrupt record", "loss 1.1-5 overwritten=2 corrupt=1 refused=2", "event 1.6",
               "loss 1.7-7 overwritten=1", "event 1.8"});
}

TEST_CASE("overwrite: a mask names one refusal, never several, for an aborted claim's slot may have been overwritten") {
  Book book(true);
  book.meet(1).enter(1, 2, {1, too_big}).enter(1, 5, {3, too_big});
  book.expect({"attach 1", "loss 1.1-1 too_big=1", "event 1.2", "loss 1.3-4 refused=2", "event 1.5"});
}

TEST_CASE("a log that has less than the producer table says it had: an incident, before the loss that this becomes") {
  Book book;
  const RingAccounts recovered{{}, {{"p0", 1, 4, true, {}}}, {}};
  book.ledger.recover(recovered);
  book.meet(1, 0, {6, 0}).enter(1, 7);
  book.expect(
      {"incident lines are gone from the end of this log: their sequences count as lost", "loss 1.5-6 corrupt=2", "event 1.7"});
}

TEST_CASE("refusals are counted modulo 2^32: the count goes over its edge") {
  Book book;
  Causes before;
  before[Cause::full] = 0xffffffff;
  const RingAccounts recovered{{}, {{"p0", 1, 0xffffffff, true, before}}, {}};
  book.ledger.recover(recovered);
  book.meet(1).enter(1, u64{1} << 32 | 1, {0xffffffff, full});
  book.expect({"loss 1.4294967296-4294967296 corrupt=1", "event 1.4294967297"});
  Book other;
  other.ledger.recover(recovered);
  other.meet(1).enter(1, u64{1} << 32 | 1, {0, full});
  other.expect({"loss 1.4294967296-4294967296 full=1", "event 1.4294967297"});
}

TEST_CASE("a gap of more than 2^32 refusals is all refusals: without overwriting nothing else is missing") {
  Book book;
  book.meet(1).enter(1, (u64{1} << 32) + 6, {5, full});
  book.expect({"attach 1", "loss 1.1-4294967301 full=4294967301", "event 1.4294967302"});
}

TEST_CASE("no more refusals are in a gap than it has sequences") {
  Book book;
  book.meet(1).enter(1, 2, {7, full});
  book.expect({"attach 1", "loss 1.1-1 full=1", "event 1.2"});
}

TEST_CASE("a record flagged aborted is a loss with its own cause, behind its gap") {
  Book book;
  book.meet(1).enter(1, 3, {2, full}, shmring::ring::flag_aborted);
  book.expect({"attach 1", "loss 1.1-2 full=2", "loss 1.3-3 aborted=1"});
}

TEST_CASE("a record of nobody is an incident, and no account moves") {
  Book book;
  book.meet(1).enter(7, 1).corrupt(7);
  book.expect({"attach 1", "incident record of an unknown producer", "incident record of an unknown producer"});
  CHECK(book.accounts() == "accounts 1:0");
}

TEST_CASE("live: a loss reaches up to the last finished attempt, and is not written twice") {
  Book book;
  book.meet(1).live(1, in_flight(1), {1, full});
  book.expect({"attach 1"});
  book.live(1, in_flight(3), {2, full}).live(1, finished(3), {3, full}).live(1, finished(3), {3, full}).live(2, finished(9));
  book.expect({"loss 1.1-2 full=2", "loss 1.3-3 full=1"});
  book.enter(1, 4, {3, 0});
  book.expect({"event 1.4"});
}

TEST_CASE("live: a finished attempt that is neither a record nor a refusal was corrupt") {
  Book book;
  book.meet(1).corrupt(1).live(1, finished(1));
  book.expect({"attach 1", "incident corrupt record", "loss 1.1-1 corrupt=1"});
}

TEST_CASE("live: a refusal of the attempt in flight is no cause of the attempts before it") {
  Book book;
  book.meet(1).corrupt(1).live(1, in_flight(2), {1, full, 2});
  book.expect({"attach 1", "incident corrupt record", "loss 1.1-1 corrupt=1"});
}

namespace {

std::vector<Advance> advances_of(Book& book) {
  std::vector<Advance> out;
  book.ledger.take_advances(out);
  return out;
}

}  // namespace

TEST_CASE("how far lines bring their accounts is told once, each with its refusals so far") {
  Book book;
  book.meet(1, 4).meet(2, 5);
  CHECK(advances_of(book).empty());
  book.enter(1, 2, {1, full}).enter(1, 3, {1, 0}).enter(2, 1);
  const std::vector<Advance> advances = advances_of(book);
  REQUIRE(advances.size() == 2);
  CHECK(advances[0].entry == 4);
  CHECK(advances[0].through == 3);
  CHECK(advances[0].refused == 1);
  CHECK(advances[1].entry == 5);
  CHECK(advances_of(book).empty());
}

TEST_CASE("refusals that another log holds count in what the entry is told") {
  Book book;
  book.meet(1, 4, {5, 2}).enter(1, 7, {3, full});
  const std::vector<Advance> advances = advances_of(book);
  REQUIRE(advances.size() == 1);
  CHECK(advances[0].refused == 3);
}

TEST_CASE("order: each producer by sequence, across producers by time") {
  Book book;
  CHECK(in_order({book.record(1, 2, {}, 30), book.record(2, 1, {}, 20), book.record(1, 1, {}, 10)}) == "1.1@10 2.1@20 1.2@30 ");
}

TEST_CASE("order: a clock that goes back does not change a producer's sequences, nor another's times") {
  Book book;
  CHECK(in_order({book.record(1, 1, {}, 50), book.record(1, 2, {}, 10), book.record(2, 1, {}, 20),
                  book.record(2, 2, {}, 60)}) == "2.1@20 1.1@50 1.2@50 2.2@60 ");
}

TEST_CASE("order: records of one moment stay together by producer and sequence") {
  Book book;
  CHECK(in_order({book.record(2, 1, {}, 5), book.record(1, 2, {}, 5), book.record(1, 1, {}, 5)}) == "1.1@5 1.2@5 2.1@5 ");
  CHECK(in_order({}) == "");
}

TEST_CASE("order: a corrupt record, whose sequence says nothing, comes first and does not change the times of others") {
  Book book;
  Record corrupt = book.record(1, 0, {}, 1000);
  corrupt.taken.fault = RawRecord::Fault::corrupt;
  CHECK(in_order({corrupt, book.record(1, 1, {}, 5)}) == "1.0@1000 1.1@5 ");
}
