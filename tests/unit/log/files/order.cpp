// The order of a log's files: a file ends where the next one's first index says, and each index is read once.
#include <doctest/doctest.h>

#include <cerrno>
#include <fstream>

#include "lib/log/files/cursor.hpp"
#include "lib/log/files/verify.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

namespace {

using Lines = std::vector<std::string>;

std::string name(u64 second, u64 index) { return log_file_name(second * 1'000'000'000, index); }

// The lines of a log by index: an attach line, events of one producer, and an accounts line at each tenth.
struct Replaced {
  Replaced() { fs::create_directory(dir.log()); }

  static std::string text(u64 from, u64 to) {
    std::string out;
    Encoder encoder("ring");
    u64 sequence = 0, index = 0;
    for (; index < to; ++index) {
      Line value = event("pay", 10, sequence + 1, "x");
      if (index == 0) value = Accounts{};
      if (index == 1) value = life(Life::attach, "pay", 10);
      if (index > 0 && index % 10 == 0) value = Accounts{0, {{"pay", 10, sequence, true, {}}}};
      sequence += index > 1 && index % 10 != 0;
      std::string one;
      encoder.encode(value, index, one);
      if (index >= from) out += one;
    }
    return out;
  }
  static std::string incident(u64 index, std::string_view code, const std::string& file, u64 from) {
    std::string out;
    Encoder("ring").encode(
        Note{"incident", 0, {{"code", std::string(code)}, {"file", file}, {"void", std::to_string(from), true}}}, index, out);
    return out;
  }
  void put(const std::string& file, const std::string& text) { put_content(dir.log() + "/" + file, text); }
  Verdict verdict() const {
    Verdict out;
    REQUIRE(verify(dir.log(), out) == 0);
    return out;
  }

  Directory dir;
};

Lines read(Cursor& log) {
  Lines out;
  LogLine line;
  int got;
  while ((got = log.next(line)) == 1) out.push_back(line.whole ? std::string(line.text) : "torn");
  CHECK(got == 0);
  return out;
}

std::string names(const std::vector<LogFile>& files) {
  std::string out;
  for (const LogFile& file : files) out += file.name.substr(14, 2) + "-" + std::to_string(file.first_index) + " ";
  return out;
}

}  // namespace

TEST_CASE(
    "files stand in the order of index and name, an empty range is superseded, and the plain file is taken before the other") {
  Directory dir;
  for (const auto& [second, index] : {std::pair{3, 0}, {1, 0}, {2, 0}, {9, 7}, {4, 20}, {5, 20}})
    put_content(dir.path() + "/" + name(static_cast<u64>(second), static_cast<u64>(index)), "");
  put_content(dir.path() + "/" + name(9, 7) + ".zst", "");
  put_content(dir.path() + "/" + name(8, 12) + ".zst", "");
  os::Fd directory;
  REQUIRE(open_log_directory(dir.path(), directory) == 0);
  std::vector<LogFile> files, superseded;
  REQUIRE(list_log_files(directory.get(), dir.path(), files, &superseded) == 0);
  CHECK(names(files) == "3Z-0 9Z-7 8Z-12 5Z-20 ");
  CHECK(names(superseded) == "1Z-0 2Z-0 4Z-20 ");
  CHECK((!files[1].is_compressed() && files[2].is_compressed()));
  CHECK((files[0].end == 7 && files[1].end == 12 && files[2].end == 20 && files[3].end == no_end));
}

TEST_CASE("a file is read up to its end, whatever stands behind it, and the file that replaces its rest goes on") {
  for (const std::string& rest :
       {std::string(), Replaced::text(10, 15), Replaced::text(10, 15) + "{\"v\":1", std::string("\0\0x", 3)}) {
    Replaced log;
    log.put(name(1, 0), Replaced::text(0, 10) + rest);
    log.put(name(2, 10), Replaced::text(10, 20));
    log.put(name(3, 20), Replaced::text(20, 25));
    Cursor cursor;
    REQUIRE(cursor.open(log.dir.log()) == 0);
    CHECK(read(cursor) == split_lines(Replaced::text(0, 25)));
    const auto overlaps = cursor.take_overlaps();
    REQUIRE(overlaps.size() == (rest.empty() ? 0 : 1));
    if (!rest.empty()) CHECK((overlaps[0].line == 11 && overlaps[0].byte == Replaced::text(0, 10).size()));
  }
}

TEST_CASE("a reader that follows meets no line again in the file that replaces the one it has read") {
  Replaced log;
  log.put(name(1, 0), Replaced::text(0, 18));
  Cursor cursor;
  REQUIRE(cursor.open(log.dir.log()) == 0);
  CHECK(read(cursor).size() == 18);
  SUBCASE("of its rest, which is longer by now") {
    log.put(name(2, 10), Replaced::text(10, 20));
    log.put(name(3, 20), Replaced::text(20, 22));
    CHECK(read(cursor) == split_lines(Replaced::text(18, 22)));
  }
  SUBCASE("of its rest, which has not come so far yet") {
    log.put(name(2, 10), Replaced::text(10, 15));
    CHECK(read(cursor).empty());
    log.put(name(2, 10), Replaced::text(10, 19));
    CHECK(read(cursor) == split_lines(Replaced::text(18, 19)));
  }
  SUBCASE("of all of it, and the old one is gone") {
    log.put(name(2, 0), Replaced::text(0, 20));
    fs::remove(log.dir.log() + "/" + name(1, 0));
    CHECK(read(cursor) == split_lines(Replaced::text(18, 20)));
  }
  SUBCASE("of its beginning that it has read: the old one is read on to where it ended") {
    log.put(name(3, 20), Replaced::text(20, 22));
    log.put(name(1, 0), Replaced::text(0, 20));
    log.put(name(2, 0), Replaced::text(0, 20));
    CHECK(read(cursor) == split_lines(Replaced::text(18, 22)));
  }
}

TEST_CASE("a file that is removed between its listing and its opening is not an error if another one has its lines") {
  Replaced log;
  log.put(name(1, 0), Replaced::text(0, 10));
  log.put(name(2, 10), Replaced::text(10, 20));
  log.put(name(4, 20), Replaced::text(20, 30));
  Cursor cursor;
  REQUIRE(cursor.open(log.dir.log()) == 0);
  log.put(name(3, 10), Replaced::text(10, 20));
  fs::remove(log.dir.log() + "/" + name(2, 10));
  CHECK(read(cursor) == split_lines(Replaced::text(0, 30)));
}

TEST_CASE("verify takes an overlap that an incident explains, or that is in the last three files, and no other") {
  Replaced log;
  const std::string old = name(1, 0);
  const auto put = [&](const std::string& note) {
    log.put(old, Replaced::text(0, 15));
    log.put(name(2, 10), Replaced::text(10, 20));
    log.put(name(3, 20), Replaced::text(20, 30) + note);
  };
  put("");
  Verdict v = log.verdict();
  CHECK((v.proven && v.lines == 30 && v.events == 26));
  REQUIRE(v.not_explained.size() == 1);
  CHECK((v.not_explained[0].file.name == old && v.not_explained[0].line == 11));
  put(Replaced::incident(30, "sync_failed", old, 10));
  v = log.verdict();
  CHECK((v.proven && v.not_explained.empty()));
  const auto fourth = [&](const std::string& note) {
    put(note);
    log.put(name(4, note.empty() ? 30 : 31), [&] {
      std::string out;
      Encoder("ring").encode(Accounts{0, {{"pay", 10, 26, true, {}}}}, note.empty() ? 30 : 31, out);
      return out;
    }());
    return log.verdict();
  };
  CHECK(fourth(Replaced::incident(30, "file_cut", old, 10)).proven);
  CHECK(fourth(Replaced::incident(30, "file_cut", old, 9)).proven);
  for (const std::string& note :
       {std::string(), Replaced::incident(30, "sync_failed", old, 11), Replaced::incident(30, "sync_failed", name(2, 10), 10),
        Replaced::incident(30, "disk_full", old, 10)}) {
    fs::remove(log.dir.log() + "/" + name(4, 30));
    fs::remove(log.dir.log() + "/" + name(4, 31));
    v = fourth(note);
    CHECK((!v.proven && v.deviation.file == old && v.deviation.line == 11));
    CHECK(v.deviation.expected == "an incident that names this file: a later file begins with index 10");
  }
}

TEST_CASE("a superseded file may hold anything, and verify wants it explained like an overlap") {
  Replaced log;
  const std::string old = name(1, 0);
  log.put(old, "no line of a log");
  log.put(name(2, 0), Replaced::text(0, 10));
  log.put(name(3, 10), Replaced::text(10, 20));
  Verdict v = log.verdict();
  CHECK((v.proven && v.files == 2 && v.not_explained.size() == 1));
  log.put(name(4, 20), Replaced::text(20, 30));
  v = log.verdict();
  CHECK((!v.proven && v.deviation.file == old && v.deviation.found == "none, and a superseded file"));
  log.put(name(4, 20), Replaced::text(20, 30) + Replaced::incident(30, "sync_failed", old, 0));
  v = log.verdict();
  CHECK((v.proven && v.not_explained.empty()));
}

TEST_CASE("a reader that follows meets every line once, across files, while they are written") {
  Directory dir;
  fs::create_directory(dir.log());
  const auto path = [&](u64 index) { return dir.log() + "/" + log_file_name(index * 1'000'000'000, index); };
  const auto add = [](const std::string& file, std::string_view text) {
    std::ofstream(file, std::ios::app | std::ios::binary) << text;
  };
  add(path(0), "a\nb");
  Cursor log;
  REQUIRE(log.open(dir.log()) == 0);
  std::string seen;
  const auto drain = [&] {
    LogLine line;
    int got;
    while ((got = log.next(line)) == 1) seen += std::string(line.text) + (line.whole ? "." : "!");
    return got;
  };
  CHECK(drain() == 0);
  CHECK(seen == "a.");
  CHECK(log.tail_bytes() == 1);
  add(path(0), "c\nd");
  CHECK(drain() == 0);
  add(path(0), "\ne\n");  // written after the last look, and before the next file came
  add(path(5), "f\n");
  add(path(6), "g\ntorn");
  add(path(8), "");
  CHECK(drain() == 0);
  add(path(8), "h\n");
  CHECK(drain() == 0);
  CHECK(seen == "a.bc.d.e.f.g.!h.");
}

TEST_CASE("lines that come after the last look at a file and before the next file is seen are not passed over") {
  Directory dir;
  static std::string first, second;
  first = dir.path() + "/" + log_file_name(0, 0), second = dir.path() + "/" + log_file_name(0, 2);
  put_content(first, "a\n");
  Cursor log;
  REQUIRE(log.open(dir.path()) == 0);
  CallsRestored restored;
  os::calls.fdopendir = [](int fd) {
    put_content(first, "a\nb\n");
    put_content(second, "c\n");
    return ::fdopendir(fd);
  };
  std::string seen;
  for (LogLine line; log.next(line) == 1;) seen += line.text;
  CHECK(seen == "abc");
}
