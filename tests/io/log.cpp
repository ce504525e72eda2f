// Every system call of the log fails once, with each error that is plausible for it: begin, append, recover, roll.
#include <doctest/doctest.h>

#include <atomic>
#include <fstream>

#include "lib/log/files/compress.hpp"
#include "lib/log/files/cursor.hpp"
#include "lib/log/files/verify.hpp"
#include "tests/io/scenario.hpp"
#include "tests/support/mode.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;
using namespace shmring::test;

namespace {

constexpr u64 sequences_of_small_batch = 14;  // 1 … 5 of one producer, 6 … 9 of the other, whose account starts at 5

// What a collector does: the same batch again, until it is in the log. The first error is what the caller has seen.
int append_at_last(TestLog& writer, const std::vector<Line>& lines, std::string& said) {
  const u64 index = writer.log.committed().index;
  int first = writer.append(lines), error = first;
  if (first != 0) said = os::last_error();
  for (int tries = 0; error != 0 && tries < 3; ++tries) {
    CHECK(writer.log.committed().index == index);
    error = writer.try_again();
  }
  CHECK(error == 0);
  return first;
}

// All that this log has ever to hold, whatever of it is there; 0, or the first error.
int write_log(const std::string& dir) {
  std::string said;
  TestLog writer(dir);
  if (writer.error != 0) return writer.error;
  int error = 0;
  if (writer.recovered.accounts.empty()) error = append_at_last(writer, small_batch(), said);
  const int later = append_at_last(writer, std::vector<Line>(2100, Note{"clock", 0, {}}), said);
  error = error != 0 ? error : later;
  if (error != 0) os::fail(0, "%s", said.c_str());
  return error;
}

// Of the log that unfailing calls have finished.
void check_whole(const std::string& dir) {
  REQUIRE(write_log(dir) == 0);
  Verdict verdict;
  REQUIRE(verify(dir, verdict) == 0);
  CHECK_MESSAGE(verdict.proven, verdict.deviation.expected, " / ", verdict.deviation.found);
  CHECK(verdict.torn_bytes == 0);
  CHECK(verdict.events + verdict.lost.total() == sequences_of_small_batch - 5);
}

struct TornLog {
  explicit TornLog(std::string torn) : torn(std::move(torn)) {}

  void prepare() {
    fs::remove_all(dir.log());
    TestLog writer(dir.log());
    REQUIRE(writer.append(small_batch()) == 0);
    text = all_text(dir.log());
    put_content(log_files(dir.log())[0], text + torn);
  }
  // Whole lines are never touched, and what was torn is where it was, or aside, or there was no room to keep it.
  void check(int result, bool no_room) {
    CHECK(all_text(dir.log()).starts_with(text));
    if (result == 0 && !no_room) REQUIRE(kept_aside(dir.log()).size() == 1);
    check_whole(dir.log());
    REQUIRE(kept_aside(dir.log()).size() <= 1);
    if (!kept_aside(dir.log()).empty()) CHECK(content(kept_aside(dir.log())[0]) == torn);
  }

  Directory dir;
  const std::string torn;
  std::string text;
};

// The lines of a log from this index on, each as often as a reader finds it.
std::string text_from(const std::string& dir, u64 index) {
  Cursor log;
  REQUIRE(log.open(dir) == 0);
  REQUIRE(log.seek(index) == 0);
  std::string text;
  LogLine line;
  while (log.next(line) == 1) text.append(line.text) += '\n';
  return text;
}

// A log whose file has room for one more line of 64 KiB, or less.
void almost_fill(const std::string& dir) {
  TestLog writer(dir);
  REQUIRE(writer.append(small_batch()) == 0);
  const std::string payload(64 << 10, 'x');
  const auto left = [&] { return FilePolicy{}.max_bytes - fs::file_size(log_files(dir)[0]); };
  std::vector<Line> lines;
  u64 sequence = 9;
  while (lines.size() < 2000) lines.push_back(event("audit", 11, ++sequence, payload));
  REQUIRE(writer.append(lines) == 0);
  while (left() > (66 << 10)) REQUIRE(writer.append({event("audit", 11, ++sequence, payload)}) == 0);
  writer.log.hurry();
  REQUIRE(writer.try_again() == 0);  // all of it is durable, as the mark says
}

}  // namespace

TEST_CASE("whichever system call of a new log fails, nothing is held, no line is there in part, and the log goes on after") {
  Directory dir;
  fail_each_call({"new log", dir.log(), [&] { fs::remove_all(dir.log()); }, [&] { return write_log(dir.log()); },
                  [&](int) { check_whole(dir.log()); }});
}

TEST_CASE("whichever system call of a recovery fails, no whole line is lost, the torn end is kept, and the next one works") {
  TornLog log("{\"v\":1,\"kind\":\"event\",\"ind");
  fail_each_call({"recovery of a torn log", log.dir.log(), [&] { log.prepare(); }, [&] { return write_log(log.dir.log()); },
                  [&](int result) { log.check(result, kept_aside(log.dir.log()).empty()); }});
}

TEST_CASE("whichever system call fails that moves a file without a line aside, the file before it goes on") {
  TornLog log("");
  const std::string name = "/20991231T235959Z-00000000000000000010.jsonl";
  for (const std::string& torn : {std::string(), std::string("{\"v\":1,")})
    fail_each_call({"recovery past a file without a line", log.dir.log(),
                    [&] {
                      log.prepare();
                      put_content(log.dir.log() + name, torn);
                    },
                    [&] { return write_log(log.dir.log()); },
                    [&](int) {
                      CHECK(all_text(log.dir.log()).starts_with(log.text));
                      check_whole(log.dir.log());
                      CHECK(kept_aside(log.dir.log()).size() == (torn.empty() ? 0 : 1));
                    }});
}

// Writes it into the file that is there, since each collector makes another.
static void put_mark(const std::string& dir, const std::string& kept) {
  Mark mark;
  struct stat status {};
  REQUIRE(parse_mark(kept, mark));
  REQUIRE(::stat((dir + "/mark").c_str(), &status) == 0);
  mark.inode = status.st_ino;
  const std::string text = mark_text(mark);
  std::fstream(dir + "/mark", std::ios::in | std::ios::out).write(text.data(), std::ssize(text));
}

TEST_CASE("whichever system call fails while the log goes on in a new file, each line is in it once, in either file") {
  Directory dir;
  almost_fill(dir.log());
  REQUIRE(log_files(dir.log()).size() == 1);
  const fs::path file = log_files(dir.log())[0];
  const u64 size = fs::file_size(file);
  const std::string last(64 << 10, 'y'), mark = content(dir.log() + "/mark");
  TestLog* writer = nullptr;
  u64 before = 0;
  const auto prepare = [&] {
    delete std::exchange(writer, nullptr);
    for (const fs::path& later : log_files(dir.log()))
      if (later != file) fs::remove(later);
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);  // it may be sealed
    fs::resize_file(file, size);
    put_mark(dir.log(), mark);
    writer = new TestLog(dir.log());
    REQUIRE(writer->error == 0);
    REQUIRE(log_files(dir.log()).size() == 1);
    before = writer->log.next_index();
  };
  int errors = 0;
  const auto run = [&] {
    std::string said;
    const u64 next = writer->ledger.accounts[1].through + 1;
    // Two lines of 64 KiB: the first one fills the file; then one that meets the new file, or tries again to begin it.
    const int first = append_at_last(*writer, {event("audit", 11, next, last), event("audit", 11, next + 1, last)}, said);
    errors += writer->log.roll_error() != 0;
    const int second = append_at_last(*writer, {event("audit", 11, next + 2, "z")}, said);
    writer->try_again();  // what failed may still be open
    if (first != 0 || second != 0) os::fail(0, "%s", said.c_str());
    return first != 0 ? first : second;
  };
  const auto after = [&](int) {
    const u64 through = writer->ledger.accounts[1].through;
    CHECK(writer->log.roll_error() == 0);
    CHECK(log_files(dir.log()).size() >= 2);  // more if a file is void, and another has its lines
    CHECK(content(log_files(dir.log()).back()).starts_with("{\"v\":1,\"kind\":\"accounts\","));
    const std::string tail = text_from(dir.log(), before);
    for (u64 sequence = through - 2; sequence <= through; ++sequence) {
      const std::string key = "\"seq\":" + std::to_string(sequence) + ",";
      CHECK(tail.find(key) != tail.npos);
      CHECK(tail.find(key) == tail.rfind(key));
    }
    Recovered recovered;
    delete std::exchange(writer, nullptr);
    TestLog again(dir.log());
    REQUIRE(again.error == 0);
    CHECK(again.recovered.accounts[1].through == through);
    if (by_mode(false, false, true)) {
      Verdict verdict;
      CHECK((verify(dir.log(), verdict) == 0 && verdict.proven));
    }
  };
  fail_each_call({"roll to a new file", dir.log(), prepare, run, after});
  delete writer;
  CHECK(errors > 0);
  Verdict verdict;
  CHECK((verify(dir.log(), verdict) == 0 && verdict.proven));
}

TEST_CASE("whichever system call of a compression fails, the log has its lines, and nothing of it is left that is not whole") {
  Directory dir;
  std::string lines;
  fail_each_call({"compression of a file", dir.log(),
                  [&] {
                    fs::remove_all(dir.log());
                    TestLog writer(dir.log());
                    REQUIRE(writer.append(small_batch()) == 0);
                    writer.log.begin_new_file(writer.accounts());
                    lines = all_text(dir.log());
                  },
                  [&] {
                    os::Fd directory;
                    std::vector<LogFile> files;
                    if (const int error = open_log_directory(dir.log(), directory)) return error;
                    if (const int error = list_log_files(directory.get(), dir.log(), files)) return error;
                    return compress(directory.get(), dir.log(), files[0], directory_sync, std::atomic<bool>(false));
                  },
                  [&](int result) {
                    Cursor log;
                    REQUIRE(log.open(dir.log()) == 0);
                    std::string found;
                    for (LogLine line; log.next(line) == 1;) found += std::string(line.text) + "\n";
                    CHECK(found == lines);
                    if (result == 0) CHECK(log_files(dir.log()).size() == 1);
                    check_whole(dir.log());
                  }});
}
