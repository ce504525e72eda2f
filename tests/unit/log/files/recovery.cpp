// Recovery from the log alone: whatever the end of the log looks like, the accounts and the next index are right.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/log/files/verify.hpp"
#include "lib/log/format/parse.hpp"
#include "tests/support/mode.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

namespace {

u64 bytes_read;

bool same(const std::vector<RecoveredAccount>& found, const std::vector<AccountState>& expected) {
  return std::equal(found.begin(), found.end(), expected.begin(), expected.end(),
                    [](const RecoveredAccount& a, const AccountState& b) {
                      return a.producer == b.producer && a.incarnation == b.incarnation && a.through == b.through &&
                             a.open == b.open && a.causes == b.causes;
                    });
}

// A log in `dir` of the small batch and what it says; returns its text.
std::string small_log(const std::string& dir) {
  TestLog writer(dir);
  REQUIRE(writer.append(small_batch()) == 0);
  return all_text(dir);
}

// A second file after the first, as a roll makes it, with `text` in it.
void add_file(const std::string& dir, u64 first_index, std::string_view text) {
  char name[64];
  std::snprintf(name, sizeof name, "/20991231T235959Z-%020llu.jsonl", static_cast<unsigned long long>(first_index));
  put_content(dir + name, text);
}

}  // namespace

TEST_CASE("an empty directory is a new log: no accounts, index 0, nothing cut") {
  Directory dir;
  TestLog writer(dir.log());
  REQUIRE(writer.error == 0);
  CHECK(writer.recovered.accounts.empty());
  CHECK(writer.recovered.next_index == 0);
  CHECK(writer.recovered.file.empty());
}

TEST_CASE("attach opens, events and losses advance, closing lines close, gone drops: the accounts are those of the lines") {
  Directory dir;
  small_log(dir.log());
  {
    TestLog writer(dir.log());
    REQUIRE(writer.error == 0);
    PlainLedger expected;
    for (const Line& line : small_batch()) expected.apply(line);
    CHECK(same(writer.recovered.accounts, expected.accounts));
    CHECK(writer.recovered.next_index == 10);
    CHECK(writer.recovered.lines_since_accounts == 9);
    CHECK(writer.recovered.cut_bytes == 0);
    CHECK(writer.recovered.aside.empty());
    REQUIRE(writer.append({Gone{"audit", 11, 9, 0}, life(Life::attach, "new", 12)}) == 0);
  }
  TestLog writer(dir.log());
  REQUIRE(writer.error == 0);
  REQUIRE(writer.recovered.accounts.size() == 2);
  CHECK(writer.recovered.accounts[0].incarnation == 10);
  CHECK(writer.recovered.accounts[1].incarnation == 12);
  CHECK(proven(dir.log()));
}

TEST_CASE(
    "a log cut at every byte of its last two lines is recovered to its whole lines, and its index goes on without a "
    "hole") {
  Directory dir;
  const std::string text = small_log(dir.log());
  const std::vector<Line> batch = small_batch();
  const std::string name = log_files(dir.log())[0].filename().string();
  const auto lines = split_lines(text);
  const std::size_t from = text.size() - lines[8].size() - lines[9].size() - 2;
  for (std::size_t size = from; size <= text.size(); size += test::by_mode(3, 1, 1)) {
    if (!test::is_of_share(size, 2)) continue;
    CAPTURE(size);
    Directory cut;
    fs::create_directory(cut.log());
    put_content(cut.log() + "/" + name, std::string_view(text).substr(0, size));
    const std::string kept = text.substr(0, size);
    const auto whole = static_cast<std::size_t>(std::count(kept.begin(), kept.end(), '\n'));
    const std::string torn = kept.substr(kept.rfind('\n') + 1);
    PlainLedger expected;
    for (std::size_t i = 0; i + 1 < whole; ++i) expected.apply(batch[i]);
    {
      TestLog writer(cut.log());
      REQUIRE(writer.error == 0);
      CHECK(same(writer.recovered.accounts, expected.accounts));
      CHECK(writer.recovered.next_index == whole);
      CHECK(writer.recovered.cut_bytes == torn.size());
      CHECK(all_text(cut.log()) + torn == kept);
      REQUIRE(kept_aside(cut.log()).size() == (torn.empty() ? 0 : 1));
      if (!torn.empty()) {
        CHECK(writer.recovered.aside.starts_with("torn-" + std::to_string(whole) + "-"));
        CHECK(content(kept_aside(cut.log())[0]) == torn);
        CHECK(kept_aside(cut.log())[0].filename() == writer.recovered.aside);
      }
      REQUIRE(writer.append({batch.begin() + static_cast<long>(whole) - 1, batch.end()}) == 0);
    }
    CHECK(all_text(cut.log()) == text);
    CHECK(proven(cut.log()));
  }
}

TEST_CASE("a last line with its newline that is not a line is torn too; a fragment after such a line is damage") {
  Directory dir;
  const std::string text = small_log(dir.log());
  const fs::path file = log_files(dir.log())[0];
  for (const std::string& bad : {std::string("\n"), std::string("x\n"), std::string(100, '\0') + "\n",
                                 std::string("{\"v\":1,\"kind\":\"accounts\",\"index\":10\n"),
                                 std::string("{\"v\":1,\"kind\":\"mystery\",\"index\":10}\n")}) {
    CAPTURE(bad);
    put_content(file, text + bad);
    {
      TestLog writer(dir.log());
      REQUIRE(writer.error == 0);
      CHECK(writer.recovered.cut_bytes == bad.size());
      CHECK(writer.recovered.next_index == 10);
      CHECK(all_text(dir.log()) == text);
    }
    if (bad.starts_with('\0')) continue;  // a page that was lost, which is cut
    put_content(file, text + bad + "fragment");
    TestLog writer(dir.log());
    CHECK(writer.error == -EBADMSG);
    CHECK(all_text(dir.log()) == text + bad + "fragment");
  }
}

TEST_CASE("a last file without a whole line is moved aside, and the one before it goes on") {
  for (const std::string& torn : {std::string(), std::string("{\"v\":1,\"kind\":\"acc"), std::string("nonsense\n")}) {
    CAPTURE(torn);
    Directory dir;
    const std::string text = small_log(dir.log());
    add_file(dir.log(), 10, torn);
    TestLog writer(dir.log());
    REQUIRE(writer.error == 0);
    CHECK(writer.recovered.next_index == 10);
    CHECK(writer.recovered.accounts.size() == 2);
    CHECK(writer.recovered.cut_bytes == torn.size());
    CHECK(log_files(dir.log()).size() == 1);
    REQUIRE(kept_aside(dir.log()).size() == (torn.empty() ? 0 : 1));
    if (!torn.empty()) CHECK(content(kept_aside(dir.log())[0]) == torn);
    REQUIRE(writer.append({event("audit", 11, 10, "on")}) == 0);
    CHECK(all_text(dir.log()).starts_with(text));
    CHECK(proven(dir.log()));
  }
}

TEST_CASE("the only file without a whole line: a new log if it began with index 0, refused if earlier files are missing") {
  Directory dir;
  fs::create_directory(dir.log());
  add_file(dir.log(), 0, "{\"v\":1,");
  {
    TestLog writer(dir.log());
    REQUIRE(writer.error == 0);
    CHECK(writer.recovered.next_index == 0);
    CHECK(kept_aside(dir.log()).size() == 1);
    CHECK(proven(dir.log()));
  }
  Directory late;
  fs::create_directory(late.log());
  add_file(late.log(), 500, "{\"v\":1,");
  TestLog writer(late.log());
  CHECK(writer.error == -EBADMSG);
  CHECK(log_files(late.log()).size() == 1);
}

TEST_CASE("damage behind the last accounts line is refused with file, line and byte, and nothing is changed") {
  Directory dir;
  const std::string text = small_log(dir.log());
  const fs::path file = log_files(dir.log())[0];
  const auto lines = split_lines(text);
  const std::size_t third = lines[0].size() + lines[1].size() + 2;
  const auto refused = [&](std::string damaged, const std::string& line) {
    put_content(file, damaged);
    TestLog writer(dir.log());
    CHECK(writer.error == -EBADMSG);
    const std::string said = os::last_error();
    INFO(said);
    CHECK(said.find(file.string() + ": line " + line) != std::string::npos);
    CHECK(said.find("shmring verify") != std::string::npos);
    CHECK(all_text(dir.log()) == damaged);
    CHECK(kept_aside(dir.log()).empty());
  };
  std::string flipped = text;
  flipped[third + 3] ^= 1;
  refused(flipped, "3 (byte " + std::to_string(third) + ")");
  refused(text.substr(0, third) + text.substr(third + lines[2].size() + 1), "3 ");  // index hole
  refused(text.substr(lines[0].size() + 1), "1 (byte 0)");                          // no accounts line
  refused(lines[0] + "\n" + lines[1].substr(0, lines[1].find("attach")) + "gone" +  // gone before attach
              lines[1].substr(lines[1].find("attach") + 6, lines[1].find(",\"pid\"") - lines[1].find("attach") - 6) +
              ",\"through\":0}\n",
          "2 ");
  const auto attach = [&](u64 index) {
    std::string line;
    Encoder("ring").encode(life(Life::attach, "pay", 10), index, line);
    return line;
  };
  std::string over, gone;
  Accounts accounts{0, {}, {}};
  accounts.over.add(10);
  Encoder("ring").encode(accounts, 0, over);
  refused(over + attach(1), "2 ");
  Encoder("ring").encode(Gone{"pay", 10, 0, 0}, 2, gone);
  refused(lines[0] + "\n" + attach(1) + gone + attach(3), "4 ");
}

TEST_CASE("what is over is recovered from the last accounts line, and from the gone lines after it") {
  Directory dir;
  {
    TestLog writer(dir.log());
    writer.over.add(7);
    REQUIRE(writer.append(std::vector<Line>(3000, Note{"clock", 0, {}})) == 0);  // an accounts line behind them
    REQUIRE(writer.append({life(Life::attach, "pay", 10), Gone{"pay", 10, 0, 0}}) == 0);
  }
  TestLog writer(dir.log());
  REQUIRE(writer.error == 0);
  const std::map<u64, u64> expected{{7, 7}, {10, 10}};
  CHECK(writer.recovered.over.ranges() == expected);
  CHECK(writer.recovered.known(1).over == writer.recovered.over);
}

TEST_CASE("a log that is refused keeps a last file without a whole line where it is") {
  Directory dir;
  std::string damaged = small_log(dir.log());
  damaged[damaged.find('\n') + 4] ^= 1;
  put_content(log_files(dir.log())[0], damaged);
  add_file(dir.log(), 10, "nonsense");
  TestLog writer(dir.log());
  CHECK(writer.error == -EBADMSG);
  CHECK(log_files(dir.log()).size() == 2);
  CHECK(kept_aside(dir.log()).empty());
}

TEST_CASE("recovery reads from the last accounts line on, whatever the log's size") {
  Directory dir;
  {
    TestLog writer(dir.log());
    REQUIRE(writer.append({life(Life::attach, "pay", 10)}) == 0);
    u64 sequence = 0;
    for (int batch = 0; batch < 100; ++batch) {
      std::vector<Line> lines;
      for (int i = 0; i < 1000; ++i) lines.push_back(event("pay", 10, ++sequence, "some payload of a usual length"));
      REQUIRE(writer.append(lines) == 0);
    }
    writer.log.hurry();
    writer.try_again();  // what is not durable is read, too
  }
  const u64 size = fs::file_size(log_files(dir.log())[0]);
  REQUIRE(size > 20'000'000);
  CallsRestored restored;
  bytes_read = 0;
  os::calls.pread = [](int fd, void* buffer, std::size_t bytes, off_t at) {
    const ssize_t got = ::pread(fd, buffer, bytes, at);
    bytes_read += got > 0 ? static_cast<u64>(got) : 0;
    return got;
  };
  TestLog writer(dir.log());
  REQUIRE(writer.error == 0);
  CHECK(writer.recovered.accounts[0].through == 100'000);
  CHECK(bytes_read < 3'000'000);  // twice 4096 lines of 210 bytes, and blocks
}

TEST_CASE("a last file that has reached the default size is followed by a new one that begins with the recovered accounts") {
  Directory dir;
  const std::string text = small_log(dir.log());
  std::string filler;
  filler.reserve(FilePolicy{}.max_bytes + (1 << 20));
  const std::string payload(64 << 10, 'x');
  u64 index = 10, sequence = 9;
  while (filler.size() < FilePolicy{}.max_bytes)
    Encoder("ring").encode(event("audit", 11, ++sequence, payload), index++, filler);
  put_content(log_files(dir.log())[0], text + filler);
  {
    CallsRestored restored;
    os::calls.write = [](int, const void*, std::size_t) -> ssize_t { return errno = ENOSPC, -1; };
    TestLog full_disk(dir.log());
    CHECK(full_disk.error == 0);
    CHECK(full_disk.log.roll_error() == -ENOSPC);
    CHECK(log_files(dir.log()).size() == 1);
  }
  TestLog writer(dir.log());
  REQUIRE(writer.error == 0);
  CHECK(writer.log.roll_error() == 0);
  CHECK(writer.log.next_index() == index + 1);
  REQUIRE(writer.append({event("audit", 11, sequence + 1, "on")}) == 0);
  CHECK(log_files(dir.log()).size() == 2);
  CHECK(proven(dir.log()));
}

TEST_CASE("an accounts line is found wherever it lies against the blocks of the backward search") {
  Directory dir;
  { REQUIRE(TestLog(dir.log()).error == 0); }
  const fs::path file = log_files(dir.log())[0];
  const std::string first = content(file);
  std::string second;
  Encoder("ring").encode(Accounts{0, {{"pay", 10, 7, true, {}}}}, 2, second);
  const std::string unread = "what stands before it is not read again\n";
  const std::size_t block = (64 << 10) - second.size();  // its newline before it at the edge of the search's first block
  for (std::size_t distance = block - 40; distance < block + 4; ++distance) {
    std::string last;
    Encoder("ring").encode(event("pay", 10, 8, ""), 3, last);
    const std::size_t padding = distance - last.size();
    last.clear();
    const std::string payload(padding, 'x');
    Encoder("ring").encode(event("pay", 10, 8, payload), 3, last);
    REQUIRE(last.size() == distance);
    put_content(file, first + unread + second + last);
    TestLog writer(dir.log());
    REQUIRE(writer.error == 0);
    CHECK(writer.recovered.lines_since_accounts == 1);
    CHECK(writer.recovered.accounts[0].through == 8);
  }
}

TEST_CASE("a torn end longer than any block is kept whole") {
  Directory dir;
  const std::string text = small_log(dir.log());
  std::string torn(200'000, 'x');
  for (std::size_t i = 0; i < torn.size(); i += 3) torn[i] = static_cast<char>('a' + i % 26);
  put_content(log_files(dir.log())[0], text + torn);
  TestLog writer(dir.log());
  REQUIRE(writer.error == 0);
  CHECK(writer.recovered.cut_bytes == torn.size());
  REQUIRE(kept_aside(dir.log()).size() == 1);
  CHECK(content(kept_aside(dir.log())[0]) == torn);
  CHECK(all_text(dir.log()) == text);
}

TEST_CASE("restarts do not put off the next accounts line: one stands at least every 4096 lines") {
  Directory dir;
  u64 sequence = 0;
  for (int restart = 0; restart < 4; ++restart) {
    TestLog writer(dir.log());
    REQUIRE(writer.error == 0);
    std::vector<Line> lines;
    if (restart == 0) lines.push_back(life(Life::attach, "pay", 10));
    for (int i = 0; i < 2000; ++i) lines.push_back(event("pay", 10, ++sequence, "x"));
    REQUIRE(writer.append(lines) == 0);
  }
  const u64 most = most_lines_between_accounts(dir.log());
  CHECK(most < 4096);
  CHECK(proven(dir.log()));
}

TEST_CASE("a full disk does not keep the log from going on: the torn end is cut without being kept") {
  Directory dir;
  const std::string text = small_log(dir.log());
  put_content(log_files(dir.log())[0], text + "torn");
  CallsRestored restored;
  os::calls.write = [](int, const void*, std::size_t) -> ssize_t { return errno = ENOSPC, -1; };
  TestLog writer(dir.log());
  REQUIRE(writer.error == 0);
  CHECK(writer.recovered.cut_bytes == 4);
  CHECK(writer.recovered.aside.empty());
  CHECK(kept_aside(dir.log()).empty());
  CHECK(all_text(dir.log()) == text);
}

TEST_CASE("the last file is the one with the highest index, also when the clock in its name has gone back") {
  Directory dir;
  const std::string text = small_log(dir.log());
  std::string next;
  Encoder("ring").encode(Accounts{0, {{"audit", 11, 9, true, causes({{Cause::died, 1}, {Cause::overwritten, 1}})}}}, 10, next);
  put_content(dir.log() + "/19700101T000000Z-00000000000000000010.jsonl", next);
  TestLog writer(dir.log());
  REQUIRE(writer.error == 0);
  CHECK(writer.recovered.next_index == 11);
  CHECK(writer.recovered.file == "19700101T000000Z-00000000000000000010.jsonl");
  CHECK(proven(dir.log()));
}
