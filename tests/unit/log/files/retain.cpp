// How the oldest files of a log are removed, and a log whose beginning is gone. History 20 of the design.
#include <doctest/doctest.h>

#include "lib/log/files/compress.hpp"
#include "lib/log/files/verify.hpp"
#include "tests/unit/log/files/old_log.hpp"

using namespace log_test;

TEST_CASE("20: the retain line is durable before a file goes, and each removal before the next, at each level") {
  for (const Level level : {Level::write, Level::interval, Level::every}) {
    CAPTURE(static_cast<int>(level));
    OldLog log(level);
    const u64 second_last = first_index_of(log_files(log.dir.log())[2].filename().string());
    REQUIRE(log.keeps(log.all_but(2), [&] { return log.count() == 2; }));
    CHECK(log.first() == second_last);
    std::vector<std::string> made;
    {
      const std::lock_guard lock(log.noted.mutex);
      made = log.noted.made;
    }
    const auto at = [&](const std::string& call) { return std::ranges::find(made, call) - made.begin(); };
    const auto line = at("line"), first = at("unlink 0");
    CHECK(line < first);
    CHECK(std::find(made.begin() + line, made.begin() + first, "sync") < made.begin() + first);
    std::size_t unlinks = 0;
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (!made[i].starts_with("unlink")) continue;
      CHECK((i + 1 == made.size() || made[i + 1] == "names"));
      ++unlinks;
    }
    CHECK(unlinks == 2);
    CHECK(log.write() == 0);
    log.check_rest();
    CHECK(all_text(log.dir.log()).find("\"why\":\"bytes\"") != std::string::npos);
  }
}

TEST_CASE("20: a kill before, amid and behind the removals: the log has no hole, and the next collector removes the rest") {
  for (int removed = 0; removed <= 3; ++removed) {
    CAPTURE(removed);
    OldLog log(Level::interval, 5);
    const RetainLimits limits = log.all_but(2);
    log.noted.unlinks_left = removed;
    REQUIRE(log.keeps(limits, [&] { return log.has("line") && log.count() == 5u - static_cast<std::size_t>(removed); }));
    log.kill();
    log.noted.unlinks_left = -1;
    log.check_rest();
    log.begin();
    REQUIRE(log.writer->error == 0);
    CHECK(log.write() == 0);
    REQUIRE(log.keeps(limits, [&] { return log.count() <= 3; }));
    CHECK(log.write() == 0);
    log.check_rest();
  }
}

TEST_CASE("20: while the retain line's sync fails nothing is removed, nor if the collector is killed then; afterwards it is") {
  for (const Level level : {Level::write, Level::every}) {
    OldLog log(level);
    const RetainLimits limits = log.all_but(2);
    disk.data_syncs = 1'000'000;
    REQUIRE(log.keeps(limits, [&] { return log.has("line") && log.has("sync failed"); }));
    CHECK_FALSE(log.keeps(
        limits, [&] { return log.has("unlink 0"); }, 50));
    log.kill();
    log.check_rest();
    CHECK(log.first() == 0);
    disk.data_syncs = 0;
    log.begin();
    REQUIRE(log.writer->error == 0);
    disk.data_syncs = 2;  // the file with the retain line is void, and it is written again into another
    REQUIRE(log.keeps(limits, [&] { return log.first() > 0; }));
    CHECK(log.write() == 0);
    log.check_rest();
  }
}

TEST_CASE("on a full disk the retain line goes before what waits, which then has room") {
  OldLog log(Level::interval);
  const RetainLimits limits = log.all_but(2);
  disk.writes = 1'000'000, disk.error = ENOSPC;
  CHECK(log.write() == -ENOSPC);
  CHECK(log.write() == -ENOSPC);
  int error = 0;
  std::string text;
  CHECK_FALSE(log.writer->log.is_blocked(error, text));
  REQUIRE(log.keeps(limits, [&] { return log.writer->log.is_blocked(error, text); }));
  CHECK(error == -ENOSPC);
  CHECK(text.find("No space left on device") != text.npos);
  CHECK(log.count() == 4);
  log.noted.has_room_for_a_line = true;
  REQUIRE(log.keeps(limits, [&] { return log.count() == 2; }));
  CHECK(log.writer->log.has_pending());
  disk.writes = 0;
  REQUIRE(log.keeps(limits, [&] { return !log.writer->log.is_blocked(error, text) && !log.writer->log.has_pending(); }));
  CHECK(log.write() == 0);
  log.check_rest();
}

TEST_CASE("a removal that fails is said, and is tried again without another line") {
  OldLog log;
  const RetainLimits limits = log.all_but(2);
  log.noted.unlinks_left = 1;
  int error = 0;
  std::string text;
  REQUIRE(log.keeps(limits, [&] { return log.writer->log.is_blocked(error, text); }));
  CHECK(error == -EACCES);
  CHECK(text.find("cannot remove it") != text.npos);
  CHECK(log.count() == 3);
  log.noted.unlinks_left = -1;
  REQUIRE(log.keeps(limits, [&] { return log.count() == 2 && !log.writer->log.is_blocked(error, text); }));
  CHECK(std::ranges::count(log.noted.made, "line") == 1);
  log.check_rest();
}

TEST_CASE("a limit that cannot be kept is said after thirty seconds, until it can") {
  OldLog log(Level::every, 1);
  int error = 1;
  std::string text;
  const u64 since = log.writer->now_ns;
  REQUIRE(log.keeps({.age_ns = 0, .bytes = 1, .free = 0}, [&] { return log.writer->log.is_blocked(error, text); }));
  CHECK(log.writer->now_ns - since >= 30 * second);
  CHECK(error == 0);
  CHECK(text.find("larger than retain.bytes says; raise retain.bytes, or make log.file_bytes smaller") != text.npos);
  CHECK(log.keeps({.age_ns = 0, .bytes = mib, .free = 0}, [&] { return !log.writer->log.is_blocked(error, text); }));
  CHECK(log.keeps({.age_ns = 0, .bytes = 0, .free = none}, [&] { return log.writer->log.is_blocked(error, text); }));
  CHECK(text.find("less is free on its file system than retain.free says") != text.npos);
  CHECK(log.keeps({}, [&] { return !log.writer->log.is_blocked(error, text); }));
  CHECK_FALSE(log.has("line"));
}

TEST_CASE("what the archive does not have is kept, and that is said after thirty seconds, until it has it") {
  OldLog log(Level::every, 5);
  RetainLimits limits = log.all_but(2);
  limits.archived = true;
  const auto start_of = [&](std::size_t file) { return first_index_of(log_files(log.dir.log())[file].filename().string()); };
  const u64 second_file = start_of(1), all = log.next();
  int error = 1;
  std::string text;
  log.writer->log.set_archived(second_file + 1);
  REQUIRE(log.keeps(limits, [&] { return log.count() == 4; }));
  REQUIRE(log.keeps(limits, [&] { return log.writer->log.is_blocked(error, text); }));
  CHECK(error == 0);
  CHECK(text.find("retain.bytes asks for more than the archive has: the lines below " + std::to_string(second_file + 1)) !=
        text.npos);
  CHECK((log.count() == 4 && log.first() == second_file));
  log.writer->log.set_archived(all);
  REQUIRE(log.keeps(limits, [&] { return log.count() == 2 && !log.writer->log.is_blocked(error, text); }));
  CHECK(log.write() == 0);
  log.check_rest();
}

TEST_CASE("what was found while the archive had more is not removed when it has less") {
  OldLog log(Level::every, 5);
  RetainLimits limits = log.all_but(2);
  limits.archived = true;
  const u64 all = log.next();
  log.writer->log.set_archived(all);
  disk.data_syncs = 1'000'000;
  REQUIRE(log.keeps(limits, [&] { return log.has("line") && log.has("sync failed"); }));
  log.writer->log.set_archived(0);
  disk.data_syncs = 0;
  CHECK_FALSE(log.keeps(
      limits, [&] { return log.has("unlink 0"); }, 200));
  CHECK(log.first() == 0);
  log.writer->log.set_archived(all);
  REQUIRE(log.keeps(limits, [&] { return log.first() > 0; }));
}

TEST_CASE("a log that is begun has nothing in an archive, whatever was there before it") {
  Directory dir;
  fs::create_directories(dir.log());
  std::ofstream(dir.log() + "/archived") << "of another log\n";
  TestLog first(dir.log());
  REQUIRE(first.error == 0);
  CHECK_FALSE(fs::exists(dir.log() + "/archived"));
}

TEST_CASE("what is compressed, superseded or there twice goes with its lines, the compressed one first; all else stays") {
  OldLog log;
  std::vector<fs::path> files = log_files(log.dir.log());
  os::Fd directory;
  REQUIRE(open_log_directory(log.dir.log(), directory) == 0);
  std::vector<LogFile> listed;
  REQUIRE(list_log_files(directory.get(), log.dir.log(), listed) == 0);
  const std::atomic<bool> stop = false;
  const std::string plain = content(files[1]);
  for (std::size_t i = 0; i < 2; ++i) REQUIRE(compress(directory.get(), log.dir.log(), listed[i], directory_sync, stop) == 0);
  put_content(files[1], plain);                                                    // as if it was killed before the last unlink
  put_content(log.dir.log() + "/" + log_file_name(0, listed[1].first_index), "");  // superseded
  put_content(log.dir.log() + "/notes.txt", "x");
  const RetainLimits limits{.age_ns = hour, .bytes = 0, .free = 0};
  log.noted.made.clear();
  REQUIRE(log.keeps(
      limits, [&] { return log.first() == listed[3].first_index; }, 10'000, u64{1} << 62));
  CHECK(log.has("unlink 0 zst"));
  const std::string second = "unlink " + std::to_string(listed[1].first_index);
  const auto at = [&](const std::string& call) { return std::ranges::find(log.noted.made, call); };
  CHECK(at(second + " zst") < std::find(at(second) + 1, log.noted.made.end(), second));
  CHECK(std::ranges::count(log.noted.made, second) == 2);
  CHECK(fs::exists(log.dir.log() + "/notes.txt"));
  CHECK(all_text(log.dir.log()).find("\"why\":\"age\"") != std::string::npos);
  CHECK(log.write() == 0);
  log.check_rest();
}

TEST_CASE("a log whose beginning is gone is read, searched, continued and verified") {
  OldLog log(Level::every, 5);
  REQUIRE(log.keeps(log.all_but(3), [&] { return log.count() == 3; }));
  for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
  log.kill();
  const u64 first = log.first();
  REQUIRE(first > 0);
  Cursor cursor;
  LogLine line;
  REQUIRE(cursor.open(log.dir.log()) == 0);
  CHECK(cursor.first_index() == first);
  REQUIRE(cursor.next(line) == 1);
  CHECK((line.index == first && line.missing == 0));
  u64 index = 1, end = 0;
  CHECK(cursor.search().end(end) == 0);
  CHECK(end == log.sequence + 1 + 1 + 5);  // events, the attach line, the retain line, the first lines of five files
  CHECK(cursor.search().since("2000-01-01T00:00:00.000000000Z", index) == 0);
  CHECK(index == first);
  CHECK(cursor.search().until("2000-01-01T00:00:00.000000000Z", index) == 0);
  CHECK(index >= first);
  REQUIRE(cursor.seek(end - 1) == 0);
  REQUIRE(cursor.next(line) == 1);
  CHECK((line.index == end - 1 && line.missing == 0));
  REQUIRE(cursor.seek(first - 2) == 0);  // as a reader that goes on where it has ended, and comes too late
  REQUIRE(cursor.next(line) == 1);
  CHECK((line.index == first && line.missing == 2));
  for (const Level level : {Level::write, Level::every}) {
    log.level = level;
    log.begin();
    REQUIRE(log.writer->error == 0);
    CHECK(log.writer->recovered.next_index >= end);
    CHECK(log.write() == 0);
    log.check_rest();
    log.kill();
  }
  fs::remove(log_files(log.dir.log())[0]);  // no retain line covers this one
  Verdict verdict;
  REQUIRE(verify(log.dir.log(), verdict) == 0);
  CHECK_FALSE(verdict.proven);
  CHECK(verdict.deviation.expected.find("or a retain line that covers them") != std::string::npos);
  CHECK(verdict.deviation.found == "one that covers those before " + std::to_string(first));
}

TEST_CASE("a reader whose next files are removed says how many lines are missing; verify begins anew") {
  OldLog log(Level::every, 5);
  Cursor cursor;
  LogLine line;
  REQUIRE(cursor.open(log.dir.log()) == 0);
  REQUIRE(cursor.next(line) == 1);
  static OldLog* removed;
  removed = &log;
  // While verify reads the first file, the limits take it and the next two.
  static std::atomic<bool> taken;
  taken = false;
  const Replaced<&os::Calls::pread> reading([](int fd, void* data, std::size_t bytes, off_t at) {
    const ssize_t got = Replaced<&os::Calls::pread>::real(fd, data, bytes, at);
    if (!taken.exchange(true)) REQUIRE(removed->keeps(removed->all_but(2), [] { return removed->count() == 2; }));
    return got;
  });
  CHECK(proven(log.dir.log()));
  CHECK(taken);
  const u64 first = log.first();
  u64 read = 1, missing = 0;
  while (cursor.next(line) == 1) ++read, missing += line.missing;
  CHECK((missing > 0 && missing < first));
  CHECK(read + missing == log.next());
}
