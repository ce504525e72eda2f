// What the receiver makes of messages: what it writes, whom it tells, what it wants, and what it keeps out.
#include "lib/fleet/receiver.hpp"

#include "lib/fleet/committed.hpp"
#include "lib/os/error.hpp"
#include "tests/unit/fleet/support.hpp"

using namespace fleet_test;

namespace {

const std::string first = name_of_file(1, 0);
const LogName name{"h", "r", "0123456789abcdef"}, other{"h2", "r", "fedcba9876543210"};

int writes_that_fail = 0;
ssize_t full_write(int fd, const void* data, std::size_t bytes, off_t at) {
  if (writes_that_fail > 0) return --writes_that_fail, errno = ENOSPC, -1;
  return Replaced<&os::Calls::pwrite>::real(fd, data, bytes, at);
}

struct Archive {
  explicit Archive(std::size_t open_logs = 64) : open_logs(open_logs) {
    fs::create_directory(root.log());
    begin();
    engine.on_tell = [this](const std::string& subject, std::string_view text) { told.emplace_back(subject, text); };
    engine.on_acknowledge = [this](const std::string&, const Stored& stored) { acknowledged.push_back(stored.sequence); };
  }
  void begin() {
    receiver.reset();
    ReceiveRequest request;
    request.root = root.log(), request.open_logs = open_logs;
    receiver = std::make_unique<Receiver>(request, engine);
    REQUIRE(receiver->open() == 0);
  }
  void send(const LogName& log, u64 from, u64 to, Follows follows = Follows::sent) {
    const std::string before = lines_of(0, from);
    send(log, range_of(first, before.size(), lines_of(from, to), to, before, follows), lines_of(from, to));
  }
  void send(const LogName& log, const Range& range, const std::string& bytes) {
    engine.add(subject_of(log_subjects, log), headers_of(range), pack(bytes));
  }
  void run(u64 ns = 3 * second) {
    for (const u64 until = engine.now_ns + ns; engine.now_ns < until;) {
      const u64 due = receiver->step(engine.now_ns);
      engine.now_ns = std::max(due, engine.now_ns + second / 10);
    }
    for (Said& one : receiver->take_said()) said.push_back(std::move(one));
  }
  std::string file(const LogName& log, const std::string& file_name = first) const {
    return path_of(root.log(), log) + "/" + file_name;
  }
  Archived last_told(const LogName& log) const {
    Archived out;
    for (const auto& [subject, text] : told)
      if (subject == subject_of(archived_subjects, log)) REQUIRE(shmring::log::parse_archived(text, out) == "");
    return out;
  }
  ReceivedLog state_of(const LogName& log) const {
    for (ReceivedLog& one : receiver->logs())
      if (one.name == log) return one;
    FAIL("no such log");
    return {};
  }
  bool has_said(std::string_view code) const {
    return std::ranges::any_of(said, [code](const Said& one) { return one.code == code; });
  }

  Directory root;
  std::size_t open_logs;
  Engine engine{1, std::size_t{1} << 20};
  std::unique_ptr<Receiver> receiver;
  std::vector<std::pair<std::string, std::string>> told;
  std::vector<u64> acknowledged;
  std::vector<Said> said;
};

}  // namespace

TEST_CASE("messages are written, committed, acknowledged and told, and the last one stays") {
  Archive a;
  a.send(name, 0, 3, Follows::nothing);
  a.send(name, 3, 5);
  a.receiver->step(a.engine.now_ns);
  CHECK(content(a.file(name)) == lines_of(0, 5));
  CHECK(a.acknowledged.empty());
  CHECK(a.told.empty());
  a.run();
  CHECK(a.acknowledged.size() == 2);
  CHECK(a.last_told(name) == Archived{first, 35, 5, false});
  const std::vector<Stored> left = a.engine.messages(subject_of(log_subjects, name));
  REQUIRE(left.size() == 1);
  Range range;
  CHECK((parse_range(left[0].headers, range) == "" && range.end == 35));
  CHECK(a.receiver->status().lines == 5);
}

TEST_CASE("what comes twice is compared, dropped and acknowledged") {
  Archive a;
  a.send(name, 0, 3, Follows::nothing);
  a.run();
  a.send(name, 0, 3, Follows::nothing);
  a.send(name, 1, 4);
  a.run();
  CHECK(content(a.file(name)) == lines_of(0, 4));
  CHECK(a.acknowledged.size() == 3);
  CHECK(a.state_of(name).repeated == 1);
}

TEST_CASE("a gap is waited for for 10 s, then wanted, and other logs go on") {
  Archive a;
  a.send(name, 0, 2, Follows::nothing);
  a.send(name, 4, 6);
  a.send(other, 0, 2, Follows::nothing);
  a.run(8 * second);
  CHECK(a.last_told(name) == Archived{first, 14, 2, false});
  CHECK(a.last_told(other).index == 2);
  a.run(6 * second);
  CHECK(a.last_told(name) == Archived{first, 14, 2, true});
  CHECK(a.state_of(name).state == Keeping::gap);
  CHECK(a.has_said("gap"));
  const auto wanted =
      std::ranges::count_if(a.told, [](const auto& one) { return one.second.find("true") != std::string::npos; });
  CHECK(wanted == 1);
  a.send(name, 2, 6);
  a.run();
  CHECK(content(a.file(name)) == lines_of(0, 6));
  CHECK(a.last_told(name) == Archived{first, 42, 6, false});
  CHECK(a.state_of(name).state == Keeping::whole);
}

TEST_CASE("what is wanted is said again by the next receiver, and again while nothing comes") {
  Archive a;
  a.send(name, 0, 2, Follows::nothing);
  a.send(name, 4, 6);
  a.run(14 * second);
  a.told.clear();
  a.begin();
  a.run();
  CHECK(a.last_told(name) == Archived{first, 14, 2, true});
  a.told.clear();
  a.run(35 * second);
  CHECK(a.last_told(name).wanted);
}

TEST_CASE("an archive that has nothing wants the beginning") {
  Archive a;
  a.send(name, 2, 4);
  a.run(14 * second);
  CHECK(a.last_told(name) == Archived{"", 0, 0, true});
  CHECK(!fs::exists(a.file(name)));
  a.send(name, 0, 4, Follows::nothing);
  a.run();
  CHECK(content(a.file(name)) == lines_of(0, 4));
}

TEST_CASE("what differs is an incident: it is kept, ended, and other logs go on") {
  Archive a;
  a.send(name, 0, 4, Follows::nothing);
  a.run();
  std::string changed = lines_of(0, 6);
  changed[9] = 'X';
  a.send(name, range_of(first, 0, changed, 6, {}, Follows::nothing), changed);
  a.send(other, 0, 2, Follows::nothing);
  a.run();
  CHECK(content(a.file(name)) == lines_of(0, 4));
  CHECK(a.state_of(name).state == Keeping::conflict);
  CHECK(a.state_of(name).text.find("first at byte 9") != std::string::npos);
  CHECK(fs::exists(a.file(name, first + ".conflict")));
  CHECK(a.has_said("conflict"));
  CHECK(content(a.file(other)) == lines_of(0, 2));
  CHECK(a.last_told(name).index == 4);
}

TEST_CASE("what is not a log's message becomes no path") {
  Archive a;
  const auto hostile = [&](const std::string& subject, const Headers& headers) {
    a.engine.add(subject, headers, pack(lines_of(0, 2)));
  };
  const Headers sound = headers_of(range_of(first, 0, lines_of(0, 2), 2, {}, Follows::nothing));
  hostile("shmring.log.%2E%2E.r.0123456789abcdef", sound);
  hostile("shmring.log.h.r.not-an-id", sound);
  hostile("shmring.log.h.r.0123456789abcdef.passwd", headers_of(Rider{"passwd", 0}, 14));
  hostile("something.else", sound);
  Headers outside = sound;
  outside[0].second = "../../../outside";
  hostile(subject_of(log_subjects, name), outside);
  hostile(subject_of(log_subjects, name), {});
  a.run();
  CHECK(a.receiver->status().refused_messages == 6);
  CHECK(a.has_said("foreign_message"));
  for (const auto& entry : fs::recursive_directory_iterator(a.root.log()))
    if (entry.is_regular_file()) CHECK(entry.path().filename() == "committed");
  CHECK(!fs::exists(a.root.path() + "/outside"));
  a.send(name, 0, 2, Follows::nothing);
  a.run();
  CHECK(content(a.file(name)) == lines_of(0, 2));
}

TEST_CASE("a full disk acknowledges nothing, says so, and goes on by itself") {
  Archive a;
  a.send(name, 0, 2, Follows::nothing);
  a.run();
  const Replaced<&os::Calls::pwrite> write(full_write);
  writes_that_fail = 3;
  a.send(name, 2, 4);
  a.run(2 * second);
  CHECK(a.acknowledged.size() == 1);
  CHECK(!a.receiver->status().trouble.empty());
  CHECK(a.has_said("disk_full"));
  a.run(5 * second);
  CHECK(a.receiver->status().trouble.empty());
  CHECK(content(a.file(name)) == lines_of(0, 4));
  CHECK(a.last_told(name).index == 4);
}

TEST_CASE("a log that needs a person is refused, and does not hold up others") {
  Archive a;
  a.send(name, 0, 2, Follows::nothing);
  a.run();
  fs::remove(a.file(name, "committed"));
  a.begin();
  a.send(name, 2, 4);
  a.send(other, 0, 2, Follows::nothing);
  a.run();
  CHECK(a.state_of(name).state == Keeping::refused);
  CHECK(a.has_said("log_refused"));
  CHECK(content(a.file(name)) == lines_of(0, 2));
  CHECK(content(a.file(other)) == lines_of(0, 2));
}

TEST_CASE("hundreds of logs take few descriptors") {
  Archive a(3);
  const auto descriptors = [] { return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()); };
  const auto before = descriptors();
  for (u64 round = 0; round < 3; ++round) {
    for (u64 i = 0; i < 200; ++i)
      a.send({"host-" + std::to_string(i), "r", "0123456789abcdef"}, round, round + 1,
             round == 0 ? Follows::nothing : Follows::sent);
    a.run();
    CHECK(descriptors() - before <= 3 * 3);
  }
  for (u64 i = 0; i < 200; ++i)
    CHECK(content(a.file({"host-" + std::to_string(i), "r", "0123456789abcdef"})) == lines_of(0, 3));
}

TEST_CASE("an archive has one receiver, and must exist") {
  Archive a;
  ReceiveRequest request;
  request.root = a.root.log();
  Receiver second_one(request, a.engine);
  CHECK(second_one.open() == -EBUSY);
  request.root = a.root.path() + "/nothing";
  Receiver third(request, a.engine);
  CHECK(third.open() == -ENOENT);
  CHECK(std::string(os::last_error()).find("give a directory that exists") != std::string::npos);
}
