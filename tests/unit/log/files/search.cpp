// Lines found by halving: each index, each time, in plain and in compressed files, and with few bytes read.
#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "lib/log/files/compress.hpp"
#include "lib/log/files/cursor.hpp"
#include "lib/log/format/parse.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

namespace {

constexpr u64 second = 1'000'000'000, lines_of_file = 3000, files_of_log = 4, accounts_every = 100;

// One line each second, the first one at second 100 000; an accounts line at each hundredth.
u64 time_of(u64 index) { return (100'000 + index) * second; }
std::string text_of_time(u64 ns) {
  const auto text = format_time(static_cast<i64>(ns));
  return {text.data(), text.size()};
}

std::string text_of(u64 index) {
  static const std::string payload(300, 'x');
  std::string out;
  Line line = Accounts{time_of(index), {}};
  if (index % accounts_every != 0) {
    Event value = event("p", 7, index, payload);
    value.time_ns = time_of(index);
    line = value;
  }
  Encoder("ring").encode(line, index, out);
  return out;
}

u64 bytes_read;

struct Log {
  explicit Log(bool compressed) {
    fs::create_directory(dir.log());
    for (u64 file = 0; file < files_of_log; ++file) {
      std::string text;
      for (u64 i = 0; i < lines_of_file; ++i) text += text_of(file * lines_of_file + i);
      put_content(dir.log() + "/" + log_file_name(time_of(file * lines_of_file), file * lines_of_file), text);
      size += text.size();
    }
    os::Fd directory;
    std::vector<LogFile> files;
    REQUIRE(open_log_directory(dir.log(), directory) == 0);
    REQUIRE(list_log_files(directory.get(), dir.log(), files) == 0);
    for (const LogFile& file : files)
      if (compressed && file.end != no_end)
        REQUIRE(compress(directory.get(), dir.log(), file, directory_sync, std::atomic<bool>(false)) == 0);
    REQUIRE(cursor.open(dir.log()) == 0);
    bytes_read = 0;
    os::calls.pread = [](int fd, void* to, std::size_t bytes, off_t at) {
      const ssize_t got = ::pread(fd, to, bytes, at);
      if (got > 0) bytes_read += static_cast<u64>(got);
      return got;
    };
  }
  // Returns the index that the next line's text has.
  u64 next() {
    LogLine line;
    Parsed parsed;
    REQUIRE(cursor.next(line) == 1);
    REQUIRE(parse_head(line.text, parsed));
    CHECK((parsed.index == line.index && line.number == line.index - line.first_index + 1));
    return parsed.index;
  }

  CallsRestored restored;
  Directory dir;
  u64 size = 0;
  Cursor cursor;
};

constexpr u64 all = lines_of_file * files_of_log;

}  // namespace

TEST_CASE("each index is found, with little read of a big log, whether its files are compressed or not") {
  for (const bool compressed : {false, true}) {
    Log log(compressed);
    u64 tries = 0;
    for (u64 index = 0; index < all; index += compressed || index > lines_of_file ? 331 : 1, ++tries) {
      REQUIRE(log.cursor.seek(index) == 0);
      CHECK(log.next() == index);
    }
    CHECK(bytes_read / tries < log.size / 10);
    REQUIRE(log.cursor.seek(all) == 0);
    LogLine line;
    CHECK(log.cursor.next(line) == 0);
    u64 end = 0;
    bytes_read = 0;
    REQUIRE(log.cursor.search().end(end) == 0);
    CHECK((end == all && bytes_read < log.size / 10));
  }
}

TEST_CASE("where lines of a time begin and end is found: never too late or too early, and with little read") {
  for (const bool compressed : {false, true}) {
    Log log(compressed);
    const Search search = log.cursor.search();
    u64 tries = 0;
    for (u64 index = 0; index < all; index += 97, ++tries) {
      u64 from = 0, to = 0;
      REQUIRE(search.since(text_of_time(time_of(index)), from) == 0);
      REQUIRE(search.until(text_of_time(time_of(index)), to) == 0);
      CHECK(from <= std::max<u64>(index, 60) - 60);
      CHECK(from + 60 + accounts_every + 400 >= index);
      const u64 last = index + 3600;  // an hour
      CHECK((to == no_end || to >= last));
      if (last + accounts_every + 400 < all) CHECK(to <= last + accounts_every + 400);
    }
    CHECK(bytes_read / tries < log.size / 5);
  }
}

TEST_CASE("the last line is found behind a torn end, alone, and not in an empty file") {
  Directory dir;
  const auto end_of = [&](const std::string& text) {
    const std::string name = log_file_name(0, 200);
    put_content(dir.path() + "/" + name, text);
    Cursor cursor;
    u64 end = 0;
    REQUIRE(cursor.open(dir.path()) == 0);
    REQUIRE(cursor.search().end(end) == 0);
    return end;
  };
  CHECK(end_of("") == 200);
  CHECK(end_of("{\"v\":1") == 200);
  CHECK(end_of(text_of(200)) == 201);
  CHECK(end_of(text_of(200) + text_of(201)) == 202);
  CHECK(end_of(text_of(200) + text_of(201) + "{\"v\":1") == 202);
  CHECK(end_of(text_of(200) + "damaged\n") == 202);
}

TEST_CASE("damage on the way makes a search begin earlier, and the line is found by counting") {
  Log log(false);
  log.cursor = Cursor();
  const std::string path = log_files(log.dir.log())[1].string(), good = content(path);
  const std::size_t middle = good.find('\n', good.size() / 2) + 1;
  const u64 behind = lines_of_file + split_lines(good.substr(0, middle)).size() + 1;
  for (const std::string& bad : {std::string("{\"v\":2"), std::string("{\"v\":1,\"kind\":\"event\",\"index\":9,\"time\"")}) {
    std::string text = good;
    text.replace(middle, bad.starts_with("{\"v\":1") ? text.find(",\"time\"", middle) + 7 - middle : bad.size(), bad);
    text.insert(text.find("xx", middle), good.size() - text.size(), 'x');  // the first half is as long as it was
    put_content(path, text);
    REQUIRE(log.cursor.open(log.dir.log()) == 0);
    REQUIRE(log.cursor.seek(behind) == 0);
    CHECK(log.next() == behind);
  }
}

TEST_CASE("a file that is compressed after it was listed is read all the same, and no line twice") {
  Log log(false);
  os::Fd directory;
  std::vector<LogFile> files;
  REQUIRE(open_log_directory(log.dir.log(), directory) == 0);
  REQUIRE(list_log_files(directory.get(), log.dir.log(), files) == 0);
  REQUIRE(compress(directory.get(), log.dir.log(), files[1], directory_sync, std::atomic<bool>(false)) == 0);
  REQUIRE(log.cursor.seek(lines_of_file + 10) == 0);
  CHECK(log.next() == lines_of_file + 10);
  REQUIRE(log.cursor.seek(0) == 0);
  for (u64 index = 0; index < all; ++index) {
    if (index == 10 || index == lines_of_file)
      REQUIRE(compress(directory.get(), log.dir.log(), files[index == 10 ? 0 : 2], directory_sync, std::atomic<bool>(false)) ==
              0);
    REQUIRE(log.next() == index);
  }
}
