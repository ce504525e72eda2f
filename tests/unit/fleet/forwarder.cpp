// How a log is sent: where it begins and goes on, and what becomes of what goes wrong.
#include "lib/fleet/forwarder.hpp"

#include "tests/unit/fleet/support.hpp"

using namespace fleet_test;

namespace {

const std::string first = name_of_file(1, 0), later = name_of_file(2, 5);

struct SentLog : SmallLog {
  explicit SentLog(u64 durable = 5) {
    put(first, lines_of(0, 5));
    set_durable(durable);
  }
};

}  // namespace

TEST_CASE("durable lines are sent once, in the order of the files, and no others") {
  const SentLog log(3);
  Sender sender(log);
  sender.run();
  CHECK(sender.sent() == lines_of(0, 3));
  CHECK(sender.ranges()[0].follows == Follows::nothing);  // it is the log's oldest line
  log.put(later, lines_of(5, 9));
  log.set_durable(8);
  sender.run();
  CHECK(sender.sent() == lines_of(0, 8));
  REQUIRE(sender.ranges().size() == 3);  // no range crosses files
  CHECK(sender.ranges()[1] == range_of(first, 21, lines_of(3, 5), 5, lines_of(0, 3)));
  CHECK(sender.ranges()[2] == range_of(later, 0, lines_of(5, 8), 8));
  CHECK(sender.forwarder.status().state == Sending::sending);
  CHECK(sender.forwarder.status().lines == 8);
}

TEST_CASE("another forwarder goes on where the last message ends, without any state of its own") {
  const SentLog log;
  Sender sender(log);
  sender.run();
  log.put(later, lines_of(5, 7));
  log.set_durable(7);
  Forwarder other({log.path(), "h", "r", {}}, sender.engine);
  for (int i = 0; i < 20; ++i) other.step(sender.engine.now_ns += second);
  CHECK(sender.sent() == lines_of(0, 7));
  CHECK(other.status().messages == 1);
}

TEST_CASE("a message that does not fit is halved, and a line that does not fit comes in pieces") {
  SmallLog log;
  std::string line, all;
  for (u64 i = 0; line.size() < 5'000; ++i) line += hex_of(std::to_string(i));  // not to be packed
  all = line + "\n" + lines_of(1, 300) + line + line + "\n";
  log.put(first, all);
  log.set_durable(301);
  Sender sender(log);
  Engine small(1, 1500);
  Forwarder forwarder({log.path(), "h", "r", {}}, small);
  for (int i = 0; i < 200; ++i) forwarder.step(small.now_ns += second);
  std::string sent, bytes;
  u64 next = 0;
  const LogName name{"h", "r", forwarder.status().log};
  for (const Stored& stored : small.messages(subject_of(log_subjects, name))) {
    Range range;
    REQUIRE(parse_range(stored.headers, range) == "");
    REQUIRE(unpack(stored.data, range.end - range.begin, bytes) == "");
    CHECK(stored.data.size() <= 1500);
    CHECK(range.begin == sent.size());
    CHECK(range.before == hash_before(sent));
    sent += bytes;
    next += static_cast<u64>(std::ranges::count(bytes, '\n'));
    CHECK(range.next_index == next);
  }
  CHECK(sent == all);
}

TEST_CASE("after no answer, and after another one's message, it waits for a time-out and asks where it is") {
  for (const Outcome outcome : {Outcome::unknown, Outcome::conflict}) {
    const SentLog log;
    Sender sender(log);
    sender.engine.answers = {outcome};
    sender.run(4 * second);
    CHECK(sender.sent().empty());
    CHECK(sender.forwarder.status().state == Sending::asking);
    sender.run(3 * second);
    CHECK(sender.sent() == lines_of(0, 5));
  }
}

TEST_CASE("a full engine is asked again after 0.1 to 10 s, which is said once, and once that it is over") {
  const SentLog log;
  Sender sender(log);
  sender.engine.answers.assign(12, Outcome::full);
  sender.run(second / 4);
  CHECK(sender.forwarder.status().state == Sending::full);
  CHECK(sender.forwarder.status().outcomes[static_cast<std::size_t>(Outcome::full)] >= 2);
  sender.run(80 * second);
  CHECK(sender.sent() == lines_of(0, 5));
  CHECK(std::ranges::count(sender.said, std::string("full"), &Said::code) == 2);
}

TEST_CASE("what the engine refuses stops this log, and says so") {
  const SentLog log;
  Sender sender(log);
  sender.engine.answers = {Outcome::refused};
  sender.run(30 * second);
  CHECK(sender.forwarder.status().state == Sending::refused);
  CHECK(sender.has_said("refused"));
  CHECK(sender.sent().empty());
  sender.run(60 * second);  // somebody may have given the rights by then
  CHECK(sender.sent() == lines_of(0, 5));
}

TEST_CASE("a forgetful engine is sent what the archive lacks, and no more") {
  const SentLog log;
  Sender sender(log);
  sender.run();
  sender.tell({first, 14, 2, false});
  sender.engine.forget_all();
  Forwarder other({log.path(), "h", "r", {}}, sender.engine);
  for (int i = 0; i < 20; ++i) other.step(sender.engine.now_ns += second);
  CHECK(sender.sent() == lines_of(2, 5));
  CHECK(sender.ranges()[0] == range_of(first, 14, lines_of(2, 5), 5, lines_of(0, 2)));
}

TEST_CASE("lines that the engine has forgotten are sent again, although nothing more is written") {
  const SentLog log;
  Sender sender(log);
  sender.run();
  sender.engine.forget_all();
  sender.run(40 * second);
  CHECK(sender.sent() == lines_of(0, 5));
}

TEST_CASE("what the archive wants goes first, once for each time it says so") {
  const SentLog log;
  Sender sender(log);
  sender.run();
  sender.tell({first, 7, 1, true});
  sender.run(5 * second);
  CHECK(sender.sent() == lines_of(0, 5) + lines_of(1, 5));
  CHECK(sender.forwarder.status().rewinds == 1);
  sender.run(5 * second);
  CHECK(sender.ranges().size() == 2);
  sender.tell({first, 7, 1, true});
  sender.run(5 * second);
  CHECK(sender.ranges().size() == 3);
}

TEST_CASE("what the archive has stands in the log's directory, for the collector") {
  const SentLog log;
  Sender sender(log);
  sender.run();
  CHECK(!fs::exists(log.file("archived")));
  sender.tell({first, 14, 2, false});
  sender.run();
  CHECK(content(log.file("archived")) == text_of(Archived{first, 14, 2, false}));
  std::string text;
  sender.engine.tell(subject_of(archived_subjects, sender.name()), "{\"v\":2}", text);
  sender.run();
  CHECK(sender.has_said("archived_wrong"));
  CHECK(content(log.file("archived")) == text_of(Archived{first, 14, 2, false}));
  CHECK(sender.forwarder.status().archived->index == 2);
}

TEST_CASE("a position that no local file holds is lost, and both are named; a person may go on from a line") {
  SmallLog log;
  log.put(later, lines_of(5, 9));
  log.set_durable(9);
  put_content(log.file("log-id"), "0123456789abcdef\n");
  Sender sender(log);
  sender.run(0);
  const LogName name{"h", "r", "0123456789abcdef"};
  const Headers headers = headers_of(range_of(first, 0, lines_of(0, 3), 3, {}, Follows::nothing));
  sender.engine.add(subject_of(log_subjects, name), headers, pack(lines_of(0, 3)));
  sender.run(25 * second);  // the engine may be behind, or the archive in trouble
  CHECK(sender.forwarder.status().state != Sending::lost_position);
  sender.run(10 * second);
  CHECK(sender.forwarder.status().state == Sending::lost_position);
  CHECK(sender.forwarder.status().text.find(first + ", byte 21, line 3") != std::string::npos);
  CHECK(sender.forwarder.status().text.find(later + ", line 5") != std::string::npos);
  CHECK(sender.ranges().size() == 1);
  Forwarder other({log.path(), "h", "r", 7}, sender.engine);
  for (int i = 0; i < 20; ++i) other.step(sender.engine.now_ns += second);
  REQUIRE(sender.ranges().size() == 2);
  CHECK(sender.ranges()[1] == range_of(later, 0, lines_of(5, 9), 9, {}, Follows::given_up));
  CHECK(other.status().state == Sending::sending);
}

TEST_CASE("a log that is shorter than what was sent has lost its position, too") {
  const SentLog log;
  Sender sender(log);
  sender.run();
  log.put(first, lines_of(0, 3));
  log.set_durable(3);
  Forwarder other({log.path(), "h", "r", {}}, sender.engine);
  for (int i = 0; i < 40; ++i) other.step(sender.engine.now_ns += second);
  CHECK(other.status().state == Sending::lost_position);
  CHECK(sender.ranges().size() == 1);
}

TEST_CASE("a file that was changed since it was sent is named with the bytes that differ") {
  const SentLog log;
  Sender sender(log);
  sender.run();
  std::string changed = lines_of(0, 5);
  changed[16] = 'X';
  log.put(first, changed);
  Sender other(log);
  Forwarder again({log.path(), "h", "r", {}}, sender.engine);
  std::vector<Said> said;
  for (int i = 0; i < 5; ++i) again.step(sender.engine.now_ns += second);
  said = again.take_said();
  REQUIRE(said.size() == 1);
  CHECK(said[0].code == "differs");
  CHECK(said[0].text.find(first + ": bytes 16 to 35 are not what was sent") != std::string::npos);
  CHECK(again.status().differences == 1);
}

TEST_CASE("a foreign message on the log's subject is said, and the archive's position counts") {
  const SentLog log;
  Sender sender(log);
  sender.run();
  sender.tell({first, 14, 2, false});
  sender.engine.add(sender.subject(), {{"who", "a stranger"}}, "x");
  Forwarder other({log.path(), "h", "r", {}}, sender.engine);
  std::vector<Said> said;
  for (int i = 0; i < 5; ++i) other.step(sender.engine.now_ns += second);
  said = other.take_said();
  CHECK(std::ranges::count(said, std::string("foreign_message"), &Said::code) == 1);
  CHECK(other.status().next_index == 5);
  CHECK(other.status().lines == 3);
}

TEST_CASE("a log that was begun anew is sent under another name, from its beginning") {
  const SentLog log;
  Sender sender(log);
  sender.run();
  const std::string before = sender.forwarder.status().log;
  fs::remove(log.file(first));
  log.put(name_of_file(7, 0), "another log\n");
  log.set_durable(1);
  sender.run(4 * second);
  CHECK(sender.forwarder.status().log != before);
  CHECK(sender.sent() == "another log\n");
  CHECK(sender.has_said("new_log"));
}

TEST_CASE("nothing is sent without a mark that holds, which is said when it lasts") {
  const SentLog log;
  log.put("mark", "torn");
  Sender sender(log);
  sender.run(second / 2);
  CHECK(sender.said.empty());
  sender.run();
  CHECK(sender.has_said("no_log"));
  CHECK(sender.forwarder.status().state == Sending::no_log);
  log.set_durable(5);
  sender.run(4 * second);
  CHECK(sender.sent() == lines_of(0, 5));
}

TEST_CASE(
    "what the archive has said to a forwarder before counts where the engine says less, but not where the archive wants more") {
  const SentLog log;
  Sender sender(log);
  sender.run();
  log.put(later, lines_of(5, 9));
  log.set_durable(9);
  sender.run();
  sender.tell({later, 14, 7, false});
  sender.run();
  fs::remove(log.file(first));  // by what the archive has
  sender.engine.forget_all();
  sender.tell({first, 7, 1, false});
  Forwarder other({log.path(), "h", "r", {}}, sender.engine);
  for (int i = 0; i < 20; ++i) other.step(sender.engine.now_ns += second);
  CHECK(other.status().state == Sending::sending);
  CHECK(sender.sent() == lines_of(7, 9));
  sender.tell({first, 7, 1, true});
  for (int i = 0; i < 40; ++i) other.step(sender.engine.now_ns += second);
  CHECK(other.status().state == Sending::lost_position);
}

TEST_CASE("no id is made from a first line that is not durable") {
  const SentLog log(0);
  Sender sender(log);
  sender.run();
  CHECK(!fs::exists(log.file("log-id")));
  log.set_durable(1);
  sender.run();
  CHECK(sender.sent() == lines_of(0, 1));
}
