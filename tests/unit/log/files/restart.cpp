// What a collector finds of a log that another one of this boot, or of an earlier one, has left. The numbers are those of the
// histories that the design names.
#include "lib/log/files/restart.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "lib/log/files/names.hpp"
#include "tests/unit/log/files/durable_log.hpp"

using namespace log_test;

TEST_CASE("1: a kill between write and sync: nothing is missing, and what may lie is written again") {
  for (const Level level : {Level::interval, Level::every}) {
    DurableLog log(level);
    log.writer->try_again();
    for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
    const std::string file = log_files(log.dir.log())[0].filename();
    disk.data_syncs = 1'000'000;  // nothing is synced any more
    log.writer->log.append(std::vector<Line>{event("pay", 10, ++log.sequence, "x")}, RingId{});
    REQUIRE(log.writer->log.write() == 0);
    log.kill();
    disk.data_syncs = 0;
    log.begin();
    REQUIRE(log.writer->error == 0);
    CHECK(log.writer->recovered.durable < log.writer->recovered.next_index);
    REQUIRE(log.writer->recovered.unsynced.size() == 1);
    CHECK(log.writer->recovered.unsynced[0].name == file);
    log.writer->try_again();
    CHECK(log.write() == 0);
    log.writer->try_again();
    REQUIRE(log.voids.size() == 1);
    CHECK(log.voids[0].code == "unsynced");
    CHECK(log.durable() == log.next());
    log.check();
  }
}

TEST_CASE("4: EIO, kill, and a restart that is told success: the file is replaced, also if the mark is torn or gone") {
  for (const char* mark : {"whole", "torn", "gone"}) {
    CAPTURE(mark);
    DurableLog log;
    for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
    disk.data_syncs = 1'000'000;
    log.writer->append({event("pay", 10, ++log.sequence, "x")});
    log.kill();
    disk.data_syncs = 0;
    const std::string path = log.dir.log() + "/mark";
    if (mark == std::string("torn")) fs::resize_file(path, 100);
    if (mark == std::string("gone")) fs::remove(path);
    log.begin();
    REQUIRE(log.writer->error == 0);
    REQUIRE(log.writer->recovered.unsynced.size() == 1);
    CHECK(log.write() == 0);
    REQUIRE(log.voids.size() == 1);
    log.check();
  }
}

TEST_CASE("5 and 7: a kill before a replacement has its name, or before its incident: the next collector does it again") {
  DurableLog log;
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  put_content(log.dir.log() + "/replace.tmp", "torn");
  put_content(log.dir.log() + "/new.tmp", "torn");
  disk.data_syncs = 1;
  log.writer->append({event("pay", 10, ++log.sequence, "x")});  // replaced, and no incident yet
  log.kill();
  log.begin();
  REQUIRE(log.writer->error == 0);
  CHECK(!fs::exists(log.dir.log() + "/replace.tmp"));
  CHECK(!fs::exists(log.dir.log() + "/new.tmp"));
  CHECK(log.write() == 0);
  log.check();
}

TEST_CASE("13: a last file that is sealed is not written to") {
  DurableLog log;
  CHECK(log.write() == 0);
  log.kill();
  const fs::path file = log_files(log.dir.log())[0];
  const std::string text = content(file);
  fs::permissions(file, fs::perms::owner_read);
  log.begin();
  REQUIRE(log.writer->error == 0);
  CHECK(log.write() == 0);
  CHECK(content(file) == text);
  CHECK(log_files(log.dir.log()).size() == 2);
  log.check();
}

TEST_CASE("14: a collector's first mark is itself synced, with its name and its directory's, before anything is appended") {
  static int files, names;
  static bool appended;
  files = names = 0, appended = false;
  Directory dir;
  Replaced<&os::Calls::fdatasync> data([](int) { return files += !appended, 0; });
  Replaced<&os::Calls::fsync> name([](int) { return names += !appended, 0; });
  Replaced<&os::Calls::write> write([](int fd, const void* bytes, std::size_t size) {
    appended = true;
    return Replaced<&os::Calls::write>::real(fd, bytes, size);
  });
  TestLog log(dir.log());
  REQUIRE(log.error == 0);
  CHECK(files == 1);
  CHECK(names == 2);
  Mark mark;
  os::Fd directory;
  REQUIRE(open_log_directory(dir.log(), directory) == 0);
  CHECK(read_mark(directory.get(), mark) == MarkSays::this_place);
}

TEST_CASE("a closed file is sealed once it and its successor's name are durable, and a restart of the same boot believes it") {
  DurableLog log;
  CHECK(log.write() == 0);
  log.writer->log.begin_new_file(log.writer->accounts());
  CHECK(!is_sealed(log_files(log.dir.log())[0]));
  CHECK(log.write() == 0);
  CHECK(is_sealed(log_files(log.dir.log())[0]));
  CHECK(!is_sealed(log_files(log.dir.log())[1]));
  log.kill();
  log.begin();
  CHECK(log.writer->recovered.unsynced.empty());
  log.check();
}

TEST_CASE("a mark is read back as it was written, and no change of a byte is taken for one") {
  const Mark mark{{1, ~u64{0}}, 2, 3, 1000, 990, log_file_name(0, 900), 4711};
  const std::string text = mark_text(mark);
  Mark read;
  REQUIRE(parse_mark(text, read));
  CHECK(read == mark);
  Mark cut = mark;
  cut.is_cut = true;
  REQUIRE(parse_mark(mark_text(cut), read));
  CHECK(read == cut);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] ^= 1;
    CHECK(!parse_mark(changed, read));
    CHECK(!parse_mark(text.substr(0, i), read));
  }
}

TEST_CASE("2: a power cut behind a write: what was durable is there, the rest is cut, and it is said") {
  DurableLog log;
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  const u64 durable = log.durable();
  const fs::path file = log_files(log.dir.log())[0];
  const auto synced = fs::file_size(file);
  for (int i = 0; i < 3; ++i) log.write_unsynced();
  const auto written = fs::file_size(file);
  for (const u64 left : {synced, synced + 1, written - 1}) {
    CAPTURE(left);
    log.reboot();
    fs::resize_file(file, written);  // the size came to the disk, and a part of the bytes did not
    std::fstream(file, std::ios::in | std::ios::out).seekp(static_cast<std::streamoff>(left)).write("\0", 1);
    log.begin();
    REQUIRE(log.writer->error == 0);
    CHECK(log.writer->recovered.next_index >= durable);
    CHECK(log.writer->recovered.durable == log.writer->recovered.next_index);
    CHECK(log.writer->recovered.unsynced.empty());
    CHECK(log.writer->recovered.cut_bytes > 0);
    CHECK(!kept_aside(log.dir.log()).empty());
    if (left != written - 1) break;
  }
  CHECK(log.write() == 0);
  log.check();
}

TEST_CASE("12: a power cut leaves a page of zeros: the log is cut there, and later files are kept aside") {
  DurableLog log(Level::write);
  for (int i = 0; i < 20; ++i) CHECK(log.write() == 0);
  disk.data_syncs = 1'000'000;
  log.writer->log.begin_new_file(log.writer->accounts());
  for (int i = 0; i < 5; ++i) log.write_unsynced();
  log.kill();
  disk.data_syncs = 0;
  const auto files = log_files(log.dir.log());
  log.reboot();
  std::string text = content(files[0]);
  const std::size_t middle = text.size() / 2;
  std::fill(text.begin() + static_cast<std::ptrdiff_t>(middle), text.end(), '\0');
  put_content(files[0], text);
  log.begin();
  REQUIRE(log.writer->error == 0);
  CHECK(log.writer->recovered.file == files[0].filename());
  CHECK(log.writer->recovered.file_bytes <= middle);
  CHECK(log_files(log.dir.log()).size() == 1);
  CHECK(kept_aside(log.dir.log()).size() == 2);
  CHECK(log.write() == 0);
  log.check();
}

TEST_CASE("11: a power cut keeps a new file, and loses the end of the one before it: the new one is kept aside") {
  DurableLog log(Level::write);
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  disk.data_syncs = 1'000'000;
  log.writer->log.begin_new_file(log.writer->accounts());
  log.kill();
  disk.data_syncs = 0;
  const auto files = log_files(log.dir.log());
  log.reboot();
  fs::resize_file(files[0], fs::file_size(files[0]) - 3);
  log.begin();
  REQUIRE(log.writer->error == 0);
  CHECK(log_files(log.dir.log()) == std::vector<fs::path>{files[0]});
  CHECK(kept_aside(log.dir.log()).size() == 2);
  CHECK(log.write() == 0);
  log.check();
}

TEST_CASE("what is missing of what was durable is refused, and nothing is changed") {
  for (const bool rebooted : {false, true}) {
    DurableLog log;
    for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
    const fs::path file = log_files(log.dir.log())[0];
    if (rebooted) log.reboot();
    log.kill();
    fs::resize_file(file, fs::file_size(file) - 3);
    const std::string text = content(file);
    TestLog next(log.dir.log());
    CHECK(next.error == -EBADMSG);
    if (rebooted) CHECK(content(file) == text);
    CHECK(std::string(os::last_error()).find(log.dir.log()) != std::string::npos);
  }
}

TEST_CASE("a log that was restored from a copy has no mark and no seals: all of it is written again") {
  DurableLog log;
  CHECK(log.write() == 0);
  log.writer->log.begin_new_file(log.writer->accounts());
  CHECK(log.write() == 0);
  log.kill();
  REQUIRE(is_sealed(log_files(log.dir.log())[0]));
  const std::string original = log.dir.path() + "/original";
  fs::rename(log.dir.log(), original);
  fs::copy(original, log.dir.log(), fs::copy_options::recursive);
  log.begin();
  REQUIRE(log.writer->error == 0);
  CHECK(log.writer->recovered.durable == 0);
  CHECK(log.writer->recovered.unsynced.size() == 2);
  CHECK(log.write() == 0);
  CHECK(log.durable() == log.next());
  log.check();
}

TEST_CASE("2: after a reboot, a file that was replaced is not looked at, whatever it says by now") {
  for (const bool names_accounts : {true, false}) {
    DurableLog log;
    for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
    const Line line = event("pay", 10, ++log.sequence, "x");
    log.writer->ledger.apply(line);
    log.writer->log.append({&line, 1}, RingId{});
    log.writer->log.append(log.writer->accounts());
    log.writer->try_again();
    disk.data_syncs = 1;
    CHECK(log.write() == 0);
    CHECK(log.write() == 0);
    const auto files = log_files(log.dir.log());
    REQUIRE(files.size() == 3);
    log.reboot(names_accounts);
    fs::resize_file(files[0], fs::file_size(files[0]) / 2);  // the disk never had the rest
    log.begin();
    REQUIRE(log.writer->error == 0);
    CHECK(log_files(log.dir.log()) == files);
    CHECK(log.writer->recovered.accounts[0].through == log.sequence);
  }
}

TEST_CASE("after a reboot, a file that is missing behind the last sealed one is missed") {
  DurableLog log;
  for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
  log.writer->log.begin_new_file(log.writer->accounts());
  for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
  log.writer->log.begin_new_file(log.writer->accounts());
  log.write_unsynced();
  const auto files = log_files(log.dir.log());
  REQUIRE(files.size() == 3);
  CHECK((is_sealed(files[0]) && !is_sealed(files[1])));
  log.reboot(false);
  fs::remove(files[1]);
  TestLog next(log.dir.log());
  CHECK(next.error == -EBADMSG);
  CHECK(fs::exists(files[2]));
}

TEST_CASE("if all files were taken away and the mark was left, a new log begins") {
  DurableLog log;
  CHECK(log.write() == 0);
  log.kill();
  for (const fs::path& file : log_files(log.dir.log())) fs::remove(file);
  for (int i = 0; i < 2; ++i) {
    TestLog next(log.dir.log());
    CHECK(next.error == 0);
    CHECK(next.recovered.durable <= next.recovered.next_index);
  }
}

TEST_CASE("a file that another collector has left, and that was cut since, is given up, and does not hold the log for ever") {
  DurableLog log;
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  log.begin_file_and_kill();
  log.begin();
  REQUIRE(log.writer->recovered.unsynced.size() == 2);
  fs::resize_file(log_files(log.dir.log())[0], 10);
  for (int i = 0; i < 3; ++i) log.writer->try_again();
  CHECK(log.write() == 0);
  log.writer->try_again();
  REQUIRE(log.voids.size() == 2);
  CHECK(log.voids[0].code == "file_cut");
  CHECK(log.voids[1].code == "unsynced");
  CHECK(log.durable() == log.next());
}

TEST_CASE("26: of a file that another collector began, and that another program cut, what was read and written is in another") {
  for (const bool has_mark : {true, false}) {
    CAPTURE(has_mark);
    const bool accounts = !has_mark;
    DurableLog log(Level::write);
    for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
    if (accounts) log.writer->log.append(log.writer->accounts());
    log.writer->try_again();
    const fs::path file = log_files(log.dir.log())[0];
    const u64 last_accounts = accounts ? log.next() - 1 : 0;
    log.kill();
    if (!has_mark) fs::remove(log.dir.log() + "/mark");
    log.begin();
    REQUIRE(log.writer->recovered.unsynced.size() == 1);
    for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
    const std::string copy = content(file);
    fs::resize_file(file, 0);
    log.write();
    for (int i = 0; i < 3; ++i) log.writer->try_again();
    REQUIRE(log.voids.size() == 1);
    CHECK(log.voids[0].code == "file_cut");
    CHECK(log.voids[0].from == last_accounts);
    CHECK(log.durable() > last_accounts);
    if (!has_mark) put_content(file, copy);  // what only the file had
    log.check();
  }
}

TEST_CASE("a page that the kernel drops behind a start is in the replacement: what the start has seen is in memory") {
  for (const Level level : {Level::write, Level::interval, Level::every}) {
    for (const bool is_current : {true, false}) {
      CAPTURE(name_of(level));
      CAPTURE(is_current);
      DurableLog log(level);
      for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
      for (int i = 0; i < 3; ++i) log.write_unsynced();
      log.writer->log.append(log.writer->accounts());
      CHECK(log.writer->log.write() == 0);
      log.write_unsynced();
      const fs::path file = log_files(log.dir.log())[0];
      if (!is_current) log.begin_file_and_kill();
      log.kill();
      log.begin();
      REQUIRE(log.writer->recovered.unsynced.size() == (is_current ? 1 : 2));
      const std::string text = content(file);
      const std::size_t unsynced = text.find("\"seq\":4,");
      std::fstream(file, std::ios::in | std::ios::out).seekp(std::ssize(text.substr(0, unsynced))) << std::string(20, '\0');
      for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
      log.writer->log.begin_new_file(log.writer->accounts());
      for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
      for (const Voided& voided : log.voids) CHECK(voided.code == "unsynced");
      CHECK(log.voids.size() == (is_current ? 1 : 2));
      log.check();
    }
  }
}
