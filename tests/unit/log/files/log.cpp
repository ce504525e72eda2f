// The writer of a log: files, accounts lines, and batches that are whole or not there.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/log/files/names.hpp"
#include "lib/log/files/verify.hpp"
#include "lib/log/format/parse.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

namespace {

// What the replaced calls do: the n-th write fails, or takes half; cutting back fails so many times.
struct Fault {
  int writes = 0, fail_at = -1, short_at = -1, error = ENOSPC, cuts_that_fail = 0;
} fault;

ssize_t faulty_write(int fd, const void* data, std::size_t bytes) {
  const int n = fault.writes++;
  if (n == fault.fail_at) return errno = fault.error, -1;
  if (n == fault.short_at) return ::write(fd, data, bytes / 2);
  return ::write(fd, data, bytes);
}

int faulty_cut(int fd, off_t bytes) {
  if (fault.cuts_that_fail > 0) return --fault.cuts_that_fail, errno = EPERM, -1;
  return ::ftruncate(fd, bytes);
}

// No file may have more bytes.
off_t most_bytes;

ssize_t write_within_the_limit(int fd, const void* data, std::size_t bytes) {
  const off_t left = most_bytes - ::lseek(fd, 0, SEEK_END);
  if (left <= 0) return errno = EFBIG, -1;
  return ::write(fd, data, std::min(bytes, static_cast<std::size_t>(left)));
}

struct Limited : CallsRestored {
  explicit Limited(off_t bytes) {
    most_bytes = bytes;
    os::calls.write = write_within_the_limit;
  }
};

struct Faulty : CallsRestored {
  Faulty() {
    fault = {};
    os::calls.write = faulty_write;
    os::calls.ftruncate = faulty_cut;
  }
};

u64 lines_in(const std::string& dir) {
  const std::string text = all_text(dir);
  return static_cast<u64>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE(
    "a new log has its directory at 0700 and one file at 0600, named by its first index, that begins with an accounts "
    "line") {
  Directory dir;
  TestLog writer(dir.log());
  REQUIRE(writer.error == 0);
  const auto files = log_files(dir.log());
  REQUIRE(files.size() == 1);
  u64 first = 1;
  CHECK(is_log_file_name(files[0].filename().string(), first));
  CHECK(first == 0);
  CHECK((fs::status(dir.log()).permissions() & fs::perms::all) == fs::perms::owner_all);
  CHECK((fs::status(files[0]).permissions() & fs::perms::all) == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(content(files[0]).starts_with("{\"v\":1,\"kind\":\"accounts\",\"index\":0,"));
  CHECK(content(files[0]).ends_with(",\"ring\":\"ring\",\"accounts\":[],\"clean\":true}\n"));
  CHECK(writer.log.next_index() == 1);
}

TEST_CASE("names of log files are told from all others") {
  u64 index;
  CHECK(is_log_file_name("20261124T220008Z-00000000000000004096.jsonl", index));
  CHECK(index == 4096);
  CHECK(is_log_file_name("20261124T220008Z-18446744073709551614.jsonl", index));
  CHECK(is_log_file_name("20261124T220008Z-00000000000000004096.jsonl.zst", index));
  CHECK(index == 4096);
  for (std::string_view other :
       {"20261124T220008Z-18446744073709551615.jsonl", "20261124T220008Z-18446744073709551616.jsonl",
        "20261124T220008Z-00000000000000004096.jsonl.zst.zst", "20261124T220008Z-0000000000000000409.jsonl",
        "torn-5-20261124T220008Z.txt", "20261124t220008Z-00000000000000004096.jsonl", ".", ""}) {
    CAPTURE(other);
    CHECK_FALSE(is_log_file_name(other, index));
  }
}

TEST_CASE("lines take the next indexes, and a batch is one write") {
  Directory dir;
  TestLog writer(dir.log());
  Faulty faulty;
  REQUIRE(writer.append(small_batch()) == 0);
  CHECK(fault.writes == 1);
  CHECK(writer.log.next_index() == 10);
  const auto lines = split_lines(all_text(dir.log()));
  REQUIRE(lines.size() == 10);
  Parsed parsed;
  Mistake mistake;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    REQUIRE(parse(lines[i], parsed, mistake));
    CHECK(parsed.index == i);
  }
  CHECK(writer.try_again() == 0);  // nothing waits
  CHECK(proven(dir.log()));
}

TEST_CASE("a write that fails leaves file and index as they were, and the same batch can be appended again") {
  for (const int error : {ENOSPC, EDQUOT}) {
    for (const bool half_first : {false, true}) {
      for (int n = 0; n < 3; ++n) {
        CAPTURE(error);
        CAPTURE(half_first);
        CAPTURE(n);
        Directory dir;
        TestLog writer(dir.log());
        REQUIRE(writer.append({life(Life::attach, "pay", 10)}) == 0);
        Faulty faulty;
        fault.error = error;
        fault.short_at = half_first ? n : -1;
        fault.fail_at = half_first ? n + 1 : n;
        for (u64 i = 1; i <= 3; ++i) {
          const Line line = event("pay", 10, i, "payload");
          const std::string before = all_text(dir.log());
          const u64 index = writer.log.committed().index;
          int result = writer.append({line});
          if (result != 0) {
            CHECK(result == -error);
            CHECK(std::string(os::last_error()).find(log_files(dir.log())[0].string()) != std::string::npos);
            CHECK(all_text(dir.log()) == before);
            CHECK(writer.log.committed().index == index);
            result = writer.try_again();
          }
          REQUIRE(result == 0);
        }
        CHECK(fault.writes == (half_first ? 5 : 4));
        CHECK(lines_in(dir.log()) == 5);
        CHECK(proven(dir.log()));
      }
    }
  }
}

TEST_CASE("where cutting back fails as well, the next append cuts first and writes nothing before it could") {
  Directory dir;
  TestLog writer(dir.log());
  REQUIRE(writer.append({life(Life::attach, "pay", 10)}) == 0);
  const std::string before = all_text(dir.log());
  Faulty faulty;
  fault.short_at = 0, fault.fail_at = 1, fault.cuts_that_fail = 2;
  const std::vector<Line> batch{event("pay", 10, 1, "payload")};
  writer.ledger.apply(batch[0]);
  CHECK(writer.append(batch, RingId{}) == -ENOSPC);
  CHECK(all_text(dir.log()).size() > before.size());
  CHECK(writer.try_again() == -EPERM);
  CHECK(fault.writes == 2);
  CHECK(writer.try_again() == 0);
  CHECK(lines_in(dir.log()) == 3);
  CHECK(proven(dir.log()));
}

TEST_CASE("a write that is interrupted or takes nothing is repeated or refused, never repeated for ever") {
  Directory dir;
  TestLog writer(dir.log());
  Faulty faulty;
  fault.fail_at = 0, fault.error = EINTR;
  CHECK(writer.append({life(Life::attach, "pay", 10)}) == 0);
  os::calls.write = [](int, const void*, std::size_t) -> ssize_t { return 0; };
  CHECK(writer.append({event("pay", 10, 1, "x")}) == -EIO);
  CHECK(lines_in(dir.log()) == 2);
}

TEST_CASE(
    "a file of the default size is followed by a new one that begins with the accounts of that moment, the index goes on") {
  Directory dir;
  const std::string payload(64 << 10, 'x');
  u64 sequence = 0;
  {
    TestLog writer(dir.log());
    REQUIRE(writer.append({life(Life::attach, "pay", 10), loss("pay", 10, 1, 2, causes({{Cause::full, 2}}))}) == 0);
    sequence = 2;
    while (log_files(dir.log()).size() == 1) {
      std::vector<Line> lines;
      for (int i = 0; i < 100; ++i) lines.push_back(event("pay", 10, ++sequence, payload));
      REQUIRE(writer.append(lines) == 0);
      REQUIRE(sequence < 3000);
    }
    CHECK(writer.log.roll_error() == 0);
    REQUIRE(writer.append({event("pay", 10, ++sequence, "after")}) == 0);
  }
  const auto files = log_files(dir.log());
  REQUIRE(files.size() == 2);
  CHECK(fs::file_size(files[0]) >= FilePolicy{}.max_bytes);
  CHECK(fs::file_size(files[0]) < FilePolicy{}.max_bytes + 101 * (64 << 10));
  const auto lines = split_lines(content(files[1]));
  CHECK(lines[0].find("\"accounts\":[{\"producer\":\"pay\",\"inc\":10,\"through\":" + std::to_string(sequence - 1) +
                      ",\"open\":true,\"causes\":{\"full\":2}}]") != std::string::npos);
  CHECK(proven(dir.log()));
  TestLog again(dir.log());
  REQUIRE(again.error == 0);
  CHECK(again.recovered.file == files[1].filename().string());
  CHECK(again.recovered.accounts[0].through == sequence);
}

TEST_CASE("a new file that cannot be begun leaves the log in the old one, says so, and is tried again") {
  Directory dir;
  const std::string payload(64 << 10, 'x');
  TestLog writer(dir.log());
  writer.log.set_policy({.max_bytes = u64{64} << 20, .group = {}});
  REQUIRE(writer.append({life(Life::attach, "pay", 10)}) == 0);
  CallsRestored restored;
  static int opened;
  opened = 0;
  os::calls.openat = [](int, const char*, int, mode_t) { return ++opened, errno = EMFILE, -1; };
  std::vector<Line> lines;
  for (u64 i = 1; i <= 1100; ++i) lines.push_back(event("pay", 10, i, payload));
  REQUIRE(writer.append(lines) == 0);
  CHECK(opened == 1);
  CHECK(writer.log.roll_error() == -EMFILE);
  CHECK(log_files(dir.log()).size() == 1);
  os::calls = restored.kept;
  fault = {};
  fault.fail_at = 1;  // the new file's first line
  os::calls.write = faulty_write;
  REQUIRE(writer.append({event("pay", 10, 1101, "x")}) == 0);
  CHECK(writer.log.roll_error() == -ENOSPC);
  CHECK(log_files(dir.log()).size() == 1);
  REQUIRE(writer.append({event("pay", 10, 1102, "x")}) == 0);
  CHECK(writer.log.roll_error() == 0);
  CHECK(log_files(dir.log()).size() == 2);
  CHECK(proven(dir.log()));
}

TEST_CASE(
    "where a file may not grow further, the same lines go into a new one, which begins with what the log says without them") {
  Directory dir;
  u64 sequence = 0;
  {
    TestLog writer(dir.log());
    REQUIRE(writer.append({life(Life::attach, "pay", 10)}) == 0);
    const Limited limited(3'000);
    for (int batch = 0; batch < 20; ++batch) {
      const u64 first = sequence + 1, inc = 20 + static_cast<u64>(batch);
      REQUIRE(writer.append({event("pay", 10, first, "one"), loss("pay", 10, first + 1, first + 2, causes({{Cause::full, 2}})),
                             life(Life::attach, "short", inc), life(Life::died, "short", inc)}) == 0);
      std::erase_if(writer.ledger.accounts, [](const AccountState& account) { return !account.open; });
      writer.over.add(inc);
      sequence += 3;
    }
    CHECK(log_files(dir.log()).size() > 5);
    for (const fs::path& file : log_files(dir.log())) CHECK(fs::file_size(file) <= 3'000);
    const auto lines = split_lines(all_text(dir.log()));
    const auto of_accounts = static_cast<std::size_t>(std::ranges::count_if(lines, is_accounts_line));
    CHECK(lines.size() - of_accounts == 1 + 20 * 4);
    CHECK(of_accounts <= 2 * log_files(dir.log()).size());
    CHECK(proven(dir.log()));
  }
  TestLog again(dir.log());
  REQUIRE(again.error == 0);
  CHECK(again.recovered.accounts[0].through == sequence);
}

TEST_CASE("a batch that fits into no file is refused, leaves one new file and no line, and is stored when files may grow") {
  Directory dir;
  TestLog writer(dir.log());
  REQUIRE(writer.append({life(Life::attach, "pay", 10)}) == 0);
  std::vector<Line> batch;
  for (u64 i = 1; i <= 10; ++i) batch.push_back(event("pay", 10, i, "payload"));
  for (const Line& line : batch) writer.ledger.apply(line);
  {
    const Limited limited(1'000);
    for (int tries = 0; tries < 3; ++tries) {
      CHECK((tries == 0 ? writer.append(batch, RingId{}) : writer.try_again()) == -EFBIG);
      CHECK(std::string(os::last_error()).find("ulimit -f") != std::string::npos);
      CHECK(log_files(dir.log()).size() == 2);
      CHECK(lines_in(dir.log()) == 3);
      CHECK(proven(dir.log()));
    }
  }
  CHECK(writer.try_again() == 0);
  CHECK(log_files(dir.log()).size() == 2);
  CHECK(lines_in(dir.log()) == 13);
  CHECK(proven(dir.log()));
}

TEST_CASE(
    "a new file whose first line does not fit is none, and a file that could not be cut back is, before a new one is begun") {
  Directory dir;
  TestLog writer(dir.log());
  REQUIRE(writer.append({life(Life::attach, "pay", 10)}) == 0);
  const std::vector<Line> batch{event("pay", 10, 1, "payload")};
  writer.ledger.apply(batch[0]);
  {
    const Limited limited(50);
    CHECK(writer.append(batch, RingId{}) == -EFBIG);
    CHECK(std::string(os::last_error()).find("ulimit -f") != std::string::npos);
    CHECK(log_files(dir.log()).size() == 1);
  }
  Faulty faulty;
  fault.error = EFBIG, fault.short_at = 0, fault.fail_at = 1, fault.cuts_that_fail = 1;
  CHECK(writer.try_again() == -EFBIG);
  CHECK(log_files(dir.log()).size() == 1);
  fault.writes = 0, fault.short_at = -1, fault.fail_at = 0;
  CHECK(writer.try_again() == 0);
  CHECK(log_files(dir.log()).size() == 2);
  CHECK(lines_in(dir.log()) == 4);
  CHECK(proven(dir.log()));
}

TEST_CASE("no new file is begun behind a log that does not say what was written to it") {
  Directory dir;
  TestLog writer(dir.log());
  const u64 first_line = fs::file_size(log_files(dir.log())[0]);
  REQUIRE(writer.append({life(Life::attach, "pay", 10), event("pay", 10, 1, "payload")}) == 0);
  fs::resize_file(log_files(dir.log())[0], first_line);
  Faulty faulty;
  fault.error = EFBIG, fault.fail_at = 0;
  CHECK(writer.append({event("pay", 10, 2, "payload")}) == -ESTALE);
  CHECK(log_files(dir.log()).size() == 1);
}

TEST_CASE("one writer a log: the second is refused with the first one's process, and may come when that has ended") {
  Directory dir;
  {
    TestLog first(dir.log());
    REQUIRE(first.error == 0);
    TestLog second(dir.log());
    CHECK(second.error == -EBUSY);
    const std::string text = os::last_error();
    CHECK(text.find(dir.log()) != std::string::npos);
    if (!content("/proc/locks").empty()) CHECK(text.find("process " + std::to_string(getpid())) != std::string::npos);
  }
  TestLog third(dir.log());
  CHECK(third.error == 0);
}

TEST_CASE("who made the directory, but found it locked, does not remove it") {
  static Directory dir;
  static Writer rival;
  test::Replaced<&os::Calls::flock> late([](int fd, int operation) {
    const auto real = test::Replaced<&os::Calls::flock>::real;
    os::calls.flock = real;
    REQUIRE(rival.claim(dir.log(), "ring") == 0);
    return real(fd, operation);
  });
  Writer writer;
  CHECK(writer.claim(dir.log(), "ring") == -EBUSY);
  writer.remove_unused();
  CHECK(fs::is_directory(dir.log()));
  rival.remove_unused();
  CHECK(fs::is_directory(dir.log()));  // it had not made it
}

TEST_CASE("a directory that is removed before it is locked is made again, but not without end") {
  static Directory dir;
  static int removals;
  test::Replaced<&os::Calls::flock> late([](int fd, int operation) {
    if (removals > 0) --removals, fs::remove(dir.log());
    return test::Replaced<&os::Calls::flock>::real(fd, operation);
  });
  removals = 3;
  {
    TestLog log(dir.log());
    CHECK(log.error == 0);
    CHECK(removals == 0);
    CHECK(log_files(dir.log()).size() == 1);
  }
  fs::remove_all(dir.log());
  removals = 1000;
  TestLog log(dir.log());
  CHECK(log.error == -EAGAIN);
  CHECK(std::string(os::last_error()).find(dir.log()) != std::string::npos);
}

TEST_CASE("a directory that cannot be made, is a file, or belongs to another ring is refused by name") {
  Directory dir;
  TestLog no_parent(dir.path() + "/a/b");
  CHECK(no_parent.error == -ENOENT);
  CHECK(std::string(os::last_error()).find(dir.path() + "/a/b") != std::string::npos);
  put_content(dir.path() + "/file", "x");
  TestLog file(dir.path() + "/file");
  CHECK(file.error == -ENOTDIR);
  { REQUIRE(TestLog(dir.log()).error == 0); }
  TestLog other(dir.log(), "other");
  CHECK(other.error == -EINVAL);
  CHECK(std::string(os::last_error()).find("ring, not of other") != std::string::npos);
}
