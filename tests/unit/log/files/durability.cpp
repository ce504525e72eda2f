// How far a log survives a power cut: what the levels promise, and what a failed sync makes of it. The numbers are those of the
// histories that the design names.
#include "lib/log/files/durability.hpp"

#include <unistd.h>

#include <cerrno>

#include "tests/unit/log/files/durable_log.hpp"

using namespace log_test;

TEST_CASE("level every: what is written is synced at once") {
  DurableLog log(Level::every);
  CHECK(log.write() == 0);
  CHECK(log.durable() == log.next());
}

TEST_CASE("levels interval and archived: what is written is synced after 20 ms, and not before") {
  for (const Level level : {Level::interval, Level::archived}) {
    DurableLog log(level);
    TestLog& writer = *log.writer;
    writer.log.sync(writer.now_ns += second);
    const u64 before = log.durable();
    CHECK(before == log.next());
    ++log.sequence;
    writer.log.append(std::vector<Line>{event("pay", 10, 1, "x")}, RingId{});
    REQUIRE(writer.log.write() == 0);
    writer.log.sync(writer.now_ns);
    CHECK(writer.log.durability().due_ns() == writer.now_ns + 20 * millisecond);
    writer.log.sync(writer.now_ns + 19 * millisecond);
    CHECK(log.durable() == before);
    writer.log.sync(writer.now_ns + 20 * millisecond);
    CHECK(log.durable() == before + 1);
    log.check();
  }
}

TEST_CASE("at the level archived alone the archive is asked for, and it has nothing until it says so") {
  for (const Level level : {Level::write, Level::interval, Level::every, Level::archived}) {
    DurableLog log(level);
    const bool is_asked = level == Level::archived;
    const auto archived = [&] { return log.writer->log.committed().archived; };
    CHECK(archived() == (is_asked ? 0 : ~u64{0}));
    log.writer->log.set_archived(2);
    CHECK(archived() == (is_asked ? 2 : ~u64{0}));
    log.writer->log.set_archived(1);
    CHECK(archived() == (is_asked ? 1 : ~u64{0}));
  }
}

TEST_CASE("level write: what is written is synced when its file is closed") {
  DurableLog log(Level::write);
  for (int i = 0; i < 10; ++i) CHECK(log.write() == 0);
  CHECK(log.durable() == 0);
  log.writer->log.begin_new_file(log.writer->accounts());
  log.writer->try_again();
  CHECK(log.durable() == log.next());
  log.check();
}

TEST_CASE(
    "3: a sync that fails is not repeated: the lines are in another file, each index once, and an incident names the file") {
  for (const int error : {EIO, ENOSPC}) {
    DurableLog log;
    for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
    const fs::path file = log_files(log.dir.log())[0];
    const u64 durable = log.durable();
    disk.error = error, disk.data_syncs = 1;
    CHECK(log.write() == 0);
    REQUIRE(log.voids.size() == 1);
    CHECK(log.voids[0].file == file.filename());
    CHECK(log.voids[0].from <= durable);
    CHECK(log.voids[0].code == "sync_failed");
    CHECK(log.voids[0].error == -error);
    CHECK(log.durable() == log.next());
    for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
    log.check();
  }
}

TEST_CASE("a replacement begins at the last accounts line that is durable, and the file before it counts up to there") {
  DurableLog log;
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  const Line line = event("pay", 10, ++log.sequence, "x");
  log.writer->ledger.apply(line);
  log.writer->log.append({&line, 1}, RingId{});
  log.writer->log.append(log.writer->accounts());  // in the same batch
  const u64 accounts = log.writer->log.next_index() - 1;
  log.writer->try_again();
  CHECK(log.durable() == accounts + 1);
  disk.data_syncs = 1;
  CHECK(log.write() == 0);
  REQUIRE(log.voids.size() == 1);
  CHECK(log.voids[0].from == accounts);
  CHECK(log_files(log.dir.log()).size() == 3);
  CHECK(is_accounts_line(content(log_files(log.dir.log())[1])));
  log.check();
}

TEST_CASE(
    "a replacement begins at the last accounts line that is durable, also if lines behind it are kept in the same memory") {
  DurableLog log;
  CHECK(log.write() == 0);
  log.writer->log.append(log.writer->accounts());
  const u64 accounts = log.writer->log.next_index() - 1;
  log.writer->try_again();
  CHECK(log.durable() == accounts + 1);
  disk.data_syncs = 1;
  log.write_unsynced();
  log.writer->log.append(log.writer->accounts());
  CHECK(log.write() == 0);
  REQUIRE(log.voids.size() == 1);
  CHECK(log.voids[0].from == accounts);
  CHECK(is_accounts_line(content(log_files(log.dir.log())[1])));
  log.check();
}

TEST_CASE("a write that the disk refuses makes the file void: its lines and the batch are in others") {
  DurableLog log;
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  disk.writes = 1;
  CHECK(log.write() == -EIO);
  REQUIRE(log.voids.size() == 1);
  CHECK(log.voids[0].code == "write_failed");
  CHECK(log.durable() == log.next());
  log.check();
}

TEST_CASE("8: a replacement that fails a hundred times: nothing counts as durable, nothing grows, and then all is there") {
  DurableLog log;
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  const u64 durable = log.durable();
  disk.data_syncs = 101;
  log.writer->append({event("pay", 10, ++log.sequence, "x")});
  for (int i = 0; i < 99; ++i) {
    CHECK(log.durable() == durable);
    CHECK(log.writer->log.is_held());
    CHECK(log.writer->log.durability().error() == -EIO);
    log.writer->try_again();
  }
  CHECK(log_files(log.dir.log()).size() == 1);
  while (disk.data_syncs > 0) log.writer->try_again();
  CHECK(log.write() == 0);
  CHECK(log.durable() == log.next());
  log.check();
}

TEST_CASE("between two attempts to replace a file, a second passes") {
  DurableLog log;
  CHECK(log.write() == 0);
  disk.data_syncs = 2;
  log.writer->append({event("pay", 10, ++log.sequence, "x")});
  CHECK(disk.data_syncs == 0);
  const u64 failed = log.writer->now_ns;
  log.writer->log.sync(failed + second - 1);
  CHECK(log.durable() < log.next());
  CHECK(log.writer->log.durability().due_ns() == failed + second);
  log.writer->log.sync(failed + second);
  CHECK(log.durable() == log.next());
}

TEST_CASE("9: a closed file whose sync fails is replaced alone, and its successor stays") {
  DurableLog log(Level::write);
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  const std::string closed = log_files(log.dir.log())[0].filename();
  log.writer->log.begin_new_file(log.writer->accounts());
  const std::string successor = log_files(log.dir.log())[1].filename();
  disk.data_syncs = 1;
  CHECK(log.write() == 0);
  REQUIRE(log.voids.size() == 1);
  CHECK(log.voids[0].file == closed);
  CHECK(log_files(log.dir.log()).back().filename() == successor);
  log.check();
}

TEST_CASE("10: a directory whose sync fails: the file that had no durable name gets another one") {
  DurableLog log;
  CHECK(log.write() == 0);
  log.writer->log.begin_new_file(log.writer->accounts());
  const std::string named = log_files(log.dir.log())[1].filename();
  disk.name_syncs = 1;
  CHECK(log.write() == 0);
  REQUIRE(log.voids.size() == 1);
  CHECK(log.voids[0].file == named);
  CHECK(log.durable() == log.next());
  log.check();
}

TEST_CASE("26: a file that another program cuts, or writes to, is left; what is known of it is in another file") {
  for (const bool cut : {true, false}) {
    DurableLog log;
    for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
    const fs::path file = log_files(log.dir.log())[0];
    const std::string text = content(file);
    if (cut) fs::resize_file(file, text.size() - 100);
    if (!cut) put_content(file, text + "{\"foreign\":1}\n");
    CHECK(log.write() == -EUCLEAN);
    REQUIRE(log.voids.size() == 1);
    CHECK(log.voids[0].code == "file_cut");
    CHECK(log.durable() == log.next());
    log.check();
  }
}

TEST_CASE("26: a file that is cut between a write and its sync is not durable") {
  DurableLog log(Level::interval);
  CHECK(log.write() == 0);
  const fs::path file = log_files(log.dir.log())[0];
  const Line line = event("pay", 10, ++log.sequence, "x");
  log.writer->ledger.apply(line);
  log.writer->log.append({&line, 1}, RingId{});
  REQUIRE(log.writer->log.write() == 0);
  fs::resize_file(file, 10);
  log.writer->try_again();
  log.writer->try_again();  // 20 ms after it was first seen
  CHECK(log.write() == 0);
  REQUIRE(log.voids.size() == 1);
  CHECK(log.voids[0].code == "file_cut");
  CHECK(log.durable() == log.next());
  log.check();
}

TEST_CASE("27 and 28: large records at each level do not stall, and memory follows the accounts") {
  const std::string payload(64 << 10, 'x');
  for (const Level level : {Level::write, Level::interval, Level::every}) {
    DurableLog log(level);
    for (int i = 0; i < 2000; ++i) {
      std::vector<Line> lines{event("pay", 10, ++log.sequence, payload)};
      REQUIRE(log.writer->append(lines) == 0);
      REQUIRE(!log.writer->log.has_pending());
    }
    log.writer->try_again();
    if (level != Level::write) CHECK(log.durable() == log.next());
  }
}

TEST_CASE("too much that waits for the disk holds the log, and nothing is lost") {
  DurableLog log(Level::write);
  SyncPolicy policy = at(Level::write);
  policy.unsynced_max = u64{1} << 20;
  log.kill();
  log.writer = std::make_unique<TestLog>(log.dir.log(), "ring", RingId{}, policy);
  const std::string payload(64 << 10, 'x');
  disk.data_syncs = 1'000'000;
  while (!log.writer->log.has_pending()) {
    log.writer->append({event("pay", 10, ++log.sequence, payload)});
    REQUIRE(log.sequence < 100);
  }
  disk.data_syncs = 0;
  for (int i = 0; i < 5; ++i) log.writer->try_again();
  CHECK(!log.writer->log.has_pending());
  while (const auto voided = log.writer->log.take_voided()) log.note(*voided);
  log.check();
}

TEST_CASE("26: a file that another program cut is not made longer by cutting back what a write has left") {
  DurableLog log;
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  const fs::path file = log_files(log.dir.log())[0];
  static bool takes_half;
  takes_half = true;
  disk = {};
  os::calls.write = [](int fd, const void* data, std::size_t bytes) -> ssize_t {
    if (takes_half) return takes_half = false, ::write(fd, data, bytes / 2);
    return takes_half = true, os::calls.write = failing_write, errno = ENOSPC, -1;
  };
  fs::resize_file(file, 10);
  log.write();
  REQUIRE(log.voids.size() == 1);
  CHECK(log.voids[0].code == "file_cut");
  CHECK(log.durable() == log.next());
  log.check();
}

TEST_CASE("a directory whose sync fails is blamed by each file without a durable name, also by one begun meanwhile") {
  DurableLog log(Level::write);
  CHECK(log.write() == 0);
  log.writer->log.begin_new_file(log.writer->accounts());
  const std::string second_name = log_files(log.dir.log())[1].filename();
  disk.data_syncs = 1, disk.name_syncs = 1;  // the first file is void; then the directory fails its replacement
  for (int i = 0; i < 4; ++i) CHECK(log.write() == 0);
  REQUIRE(log.voids.size() == 2);
  CHECK(log.voids[1].file == second_name);
  log.check();
}

TEST_CASE("an attempt at a replacement that kept its name, and cannot be removed, is named in the log as the failed file is") {
  DurableLog log;
  CHECK(log.write() == 0);
  {
    const Replaced<&os::Calls::unlinkat> kept([](int, const char*, int) { return errno = EACCES, -1; });
    disk.data_syncs = 1, disk.name_syncs = 1;  // then the directory fails the first attempt
    for (int i = 0; i < 2; ++i) CHECK(log.write() == 0);
  }
  REQUIRE(log.voids.size() == 2);
  CHECK(log.voids[1].from == log.voids[0].from);
  CHECK(fs::exists(log.dir.log() + "/" + log.voids[1].file));
  for (int i = 0; i < 4; ++i) {  // what is missing is forgiven in the last three files
    log.writer->log.begin_new_file(log.writer->accounts());
    CHECK(log.write() == 0);
  }
  log.check();
}

TEST_CASE("closed files are compressed beside the log, if that is asked for, and the log reads as before") {
  DurableLog log;
  log.writer->log.set_policy({.max_bytes = u64{1} << 30, .compress = true, .group = {}});
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  const std::string closed = log_files(log.dir.log())[0];
  log.writer->log.begin_new_file(log.writer->accounts());
  CHECK(log.write() == 0);
  std::string text;
  for (int i = 0; i < 10'000 && (!fs::exists(closed + ".zst") || fs::exists(closed)); ++i) {
    CHECK(log.writer->log.keep(0, text) == 0);
    ::usleep(1'000);
  }
  CHECK(!fs::exists(closed));
  log.check();
}
