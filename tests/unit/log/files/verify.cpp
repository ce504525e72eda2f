// Verify: a whole log is proven with its numbers, and every damage is named by file and line.
#include "lib/log/files/verify.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "tests/support/mode.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

namespace {

using Lines = std::vector<std::string>;

// Lines of two files, and the directory they are put into.
struct TwoFiles {
  TwoFiles() {
    fs::create_directory(dir.log());
    std::vector<Line> lines = small_batch();  // indexes 1 … 9
    lines.insert(lines.begin(), Accounts{});
    lines.push_back(Accounts{0,
                             {{"audit", 11, 9, true, causes({{Cause::died, 1}, {Cause::overwritten, 1}})},
                              {"pay", 10, 5, false, causes({{Cause::full, 2}, {Cause::refused, 1}})}}});
    for (const Line& line : lines) first.push_back(text(line));
    for (const Line& line :
         std::vector<Line>{Accounts{0, {{"audit", 11, 9, true, causes({{Cause::died, 1}, {Cause::overwritten, 1}})}}},
                           life(Life::attach, "late", 12), event("late", 12, 1, "x"), event("audit", 11, 10, "y"),
                           life(Life::detach, "late", 12, 1), Gone{"audit", 11, 10, 0}, life(Life::attach, "open", 13),
                           event("open", 13, 1, "z"), Note{"stop", 0, {{"reason", "asked to", false}}}}) {
      second.push_back(text(line));
    }
  }

  std::string text(const Line& line) {
    std::string out;
    Encoder("ring").encode(line, next_index++, out);
    out.pop_back();
    return out;
  }

  void put(const std::string& name, const Lines& lines) {
    std::string all;
    for (const std::string& line : lines) all += line + "\n";
    put_content(dir.log() + "/" + name, all);
  }

  Verdict verdict() {
    put(first_name, first);
    put(second_name, second);
    return again();
  }
  Verdict again() {
    Verdict out;
    REQUIRE(verify(dir.log(), out) == 0);
    return out;
  }

  Directory dir;
  u64 next_index = 0;
  Lines first, second;
  std::string first_name = log_file_name(1'000'000'000, 0), second_name = log_file_name(2'000'000'000, 11);
};

void replace(std::string& text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != text.npos);
  text.replace(at, from.size(), to);
}

struct Damage {
  std::string what;
  std::function<void(TwoFiles&)> make;
  bool in_first;
  u64 line, incarnation, sequence;
  const char* expected;
};

// Lines of the first file: 1 accounts, 2 attach 10, 3 event 10/1, 4 loss 10/2-4, 5 attach 11 from 5, 6 event 11/6,
// 7 event 10/5, 8 died 10, 9 event 11/7, 10 loss 11/8-9, 11 accounts. Of the second: 1 accounts, 2 attach 12,
// 3 event 12/1, 4 event 11/10, 5 detach 12, 6 gone 11, 7 attach 13, 8 event 13/1, 9 stop.
const Damage damages[] = {
    {"a line deleted", [](TwoFiles& l) { l.first.erase(l.first.begin() + 2); }, true, 3, 0, 0, "index 2"},
    {"a line duplicated", [](TwoFiles& l) { l.first.insert(l.first.begin() + 3, l.first[2]); }, true, 4, 0, 0, "index 3"},
    {"two lines swapped", [](TwoFiles& l) { std::swap(l.first[2], l.first[3]); }, true, 3, 0, 0, "index 2"},
    {"an index hole between files", [](TwoFiles& l) { l.first.pop_back(); }, false, 1, 0, 0, "begins with index 10"},
    {"a sequence changed", [](TwoFiles& l) { replace(l.first[5], "\"seq\":6", "\"seq\":7"); }, true, 6, 11, 7, "seq 6"},
    {"a sequence a second time", [](TwoFiles& l) { replace(l.first[8], "\"seq\":7", "\"seq\":6"); }, true, 9, 11, 6, "seq 7"},
    {"a loss from one too late", [](TwoFiles& l) { replace(l.first[3], "\"first\":2", "\"first\":3"); }, true, 4, 10, 3,
     "a loss from 2"},
    {"a loss range one too long", [](TwoFiles& l) { replace(l.first[3], "\"last\":4", "\"last\":5"); }, true, 4, 10, 2,
     "count 4"},
    {"a loss range backwards", [](TwoFiles& l) { replace(l.first[3], "\"last\":4", "\"last\":1"); }, true, 4, 10, 2,
     "last ≥ 2"},
    {"a loss count wrong", [](TwoFiles& l) { replace(l.first[3], "\"count\":3", "\"count\":2"); }, true, 4, 10, 2, "count 3"},
    {"a cause sum wrong", [](TwoFiles& l) { replace(l.first[3], "\"full\":2", "\"full\":3"); }, true, 4, 10, 2, "add up to 3"},
    {"causes that wrap around",
     [](TwoFiles& l) { replace(l.first[3], "\"full\":2", "\"full\":18446744073709551615,\"too_big\":3"); }, true, 4, 10, 2,
     "add up to 3"},
    {"an event after its closing line", [](TwoFiles& l) { replace(l.second[7], "\"inc\":13", "\"inc\":12"); }, false, 8, 12, 1,
     "nothing after its closing line"},
    {"an event of an account that an accounts line has dropped",
     [](TwoFiles& l) { replace(l.second[3], "\"audit\",\"inc\":11", "\"pay\",\"inc\":10"); }, false, 4, 10, 10,
     "nothing of an incarnation that is over"},
    {"an event after its gone line", [](TwoFiles& l) { replace(l.second[7], "\"open\",\"inc\":13", "\"audit\",\"inc\":11"); },
     false, 8, 11, 1, "nothing after its gone line"},
    {"an attach line twice", [](TwoFiles& l) { replace(l.second[6], "\"inc\":13", "\"inc\":12"); }, false, 7, 12, 0,
     "attaches once"},
    {"an event without an attach line", [](TwoFiles& l) { replace(l.first[1], "\"inc\":10", "\"inc\":9"); }, true, 3, 10, 1,
     "its attach line before it"},
    {"an attach line from elsewhere", [](TwoFiles& l) { replace(l.first[4], "\"from\":5", "\"from\":4"); }, true, 6, 11, 6,
     "seq 5"},
    {"a closing line's last wrong", [](TwoFiles& l) { replace(l.first[7], "\"last\":5", "\"last\":6"); }, true, 8, 10, 5,
     "last 5"},
    {"a closing line's total wrong", [](TwoFiles& l) { replace(l.first[7], "\"full\":2", "\"full\":3"); }, true, 8, 10, 5,
     "full 2, refused 1"},
    {"a closing line that forgets a named cause",
     [](TwoFiles& l) { replace(l.first[7], "\"full\":2,\"too_big\":1", "\"too_big\":3"); }, true, 8, 10, 5,
     "full 2, refused 1"},
    {"a closing line that calls a refusal died", [](TwoFiles& l) { replace(l.first[7], "\"too_big\":1", "\"died\":1"); }, true,
     8, 10, 5, "full 2, refused 1"},
    {"a gone line's through wrong", [](TwoFiles& l) { replace(l.second[5], "\"through\":10", "\"through\":9"); }, false, 6, 11,
     10, "through 10"},
    {"another producer's name", [](TwoFiles& l) { replace(l.first[6], "\"pay\"", "\"bay\""); }, true, 7, 10, 5, "producer pay"},
    {"another ring", [](TwoFiles& l) { replace(l.first[6], "\"ring\":\"ring\"", "\"ring\":\"sing\""); }, true, 7, 0, 0,
     "ring ring"},
    {"a key's byte flipped", [](TwoFiles& l) { l.first[6][2] ^= 1; }, true, 7, 0, 0, "{\"v\":1,\"kind\":"},
    {"a control character in a payload",
     [](TwoFiles& l) {
       replace(l.first[6], "five",
               "fi\x1b"
               "e");
     },
     true, 7, 0, 0, "a JSON value"},
    {"a raw C1 control in a payload",
     [](TwoFiles& l) {
       replace(l.first[6], "five",
               "fi\xc2\x9b"
               "e");
     },
     true, 7, 0, 0, "a JSON value"},
    {"an unknown kind of an account's line", [](TwoFiles& l) { replace(l.second[7], "\"event\"", "\"evens\""); }, false, 8, 0,
     0, "a known kind"},
    {"an empty line", [](TwoFiles& l) { l.first.insert(l.first.begin() + 4, ""); }, true, 5, 0, 0, "{\"v\":1,\"kind\":"},
    {"an account's through wrong", [](TwoFiles& l) { replace(l.first[10], "\"through\":9", "\"through\":8"); }, true, 11, 11, 8,
     "through 9"},
    {"an account's causes wrong", [](TwoFiles& l) { replace(l.first[10], "\"died\":1", "\"died\":2"); }, true, 11, 11, 9,
     "causes "},
    {"an account said open that is closed", [](TwoFiles& l) { replace(l.first[10], "\"open\":false", "\"open\":true"); }, true,
     11, 10, 5, "closed"},
    {"an account that is not there", [](TwoFiles& l) { replace(l.first[10], "\"inc\":10", "\"inc\":99"); }, true, 11, 99, 5,
     "only accounts that the log knows"},
    {"an open account left out", [](TwoFiles& l) { l.second[0] = l.second[0].substr(0, l.second[0].find('[')) + "[]}"; }, false,
     1, 0, 0, "all 1 open accounts"},
    {"an account listed twice",
     [](TwoFiles& l) {
       const std::string list = l.second[0].substr(l.second[0].find('[') + 1, l.second[0].size() - l.second[0].find('[') - 3);
       replace(l.second[0], "[" + list, "[" + list + "," + list);
     },
     false, 1, 11, 9, "each account once"},
    {"accounts before index 0",
     [](TwoFiles& l) {
       replace(l.first[0], "[]", "[{\"producer\":\"a\",\"inc\":1,\"through\":0,\"open\":true,\"causes\":{}}]");
     },
     true, 1, 1, 0, "no accounts before"},
    {"over, though it is open", [](TwoFiles& l) { replace(l.first[10], "]}", "],\"over\":[[10,11]]}"); }, true, 11, 10, 0,
     "closed or are gone"},
    {"over, and its account", [](TwoFiles& l) { replace(l.first[10], "]}", "],\"over\":[[10,10]]}"); }, true, 11, 10, 5,
     "or that it is over"},
    {"over, though the log does not know it", [](TwoFiles& l) { replace(l.second[0], "]}", "],\"over\":[[10,10],[12,12]]}"); },
     false, 1, 12, 0, "closed or are gone"},
    {"over before index 0", [](TwoFiles& l) { replace(l.first[0], "]}", "],\"over\":[[1,2]]}"); }, true, 1, 1, 0,
     "before the log's first line"},
    {"a file's first line not an accounts line",
     [](TwoFiles& l) {
       l.second[0] = l.text(Note{"clock", 0, {}});
       replace(l.second[0], "\"index\":20", "\"index\":11");
     },
     false, 1, 0, 0, "an accounts line at a file's beginning"},
    {"a file's name with another index", [](TwoFiles& l) { l.second_name = log_file_name(0, 12); }, false, 1, 0, 0,
     "begins with index 11"},
    {"the first file's name with another index", [](TwoFiles& l) { l.first_name = log_file_name(0, 1); }, true, 1, 0, 0,
     "index 1"},
};

}  // namespace

TEST_CASE("a whole log is proven: lines, files, indexes, attempted = logged + lost by cause, accounts") {
  TwoFiles log;
  const Verdict v = log.verdict();
  INFO(v.deviation.file << ":" << v.deviation.line << " " << v.deviation.expected << " / " << v.deviation.found);
  REQUIRE(v.proven);
  CHECK((v.ring == "ring" && v.files == 2 && v.lines == 20 && v.first_index == 0 && v.last_index == 19));
  CHECK(v.events == 7);
  CHECK(v.lost == causes({{Cause::full, 2}, {Cause::refused, 1}, {Cause::died, 1}, {Cause::overwritten, 1}}));
  CHECK((v.closed == 2 && v.open == 1 && v.gone == 1 && v.torn_bytes == 0));
}

TEST_CASE("each deliberate damage is found at its file and line, with incarnation and sequence and what was expected") {
  CHECK(std::size(damages) >= 12);
  for (const Damage& damage : damages) {
    CAPTURE(damage.what);
    TwoFiles log;
    damage.make(log);
    const Verdict v = log.verdict();
    CHECK_FALSE(v.proven);
    CHECK(v.deviation.file == (damage.in_first ? log.first_name : log.second_name));
    CHECK(v.deviation.line == damage.line);
    CHECK(v.deviation.incarnation == damage.incarnation);
    CHECK(v.deviation.sequence == damage.sequence);
    CHECK(v.deviation.expected.find(damage.expected) != std::string::npos);
    CHECK(v.deviation.found != "");
    CHECK(v.deviation.found.find_first_of("\x1b\x9b\n") == std::string::npos);
    const Lines& file = damage.in_first ? log.first : log.second;
    u64 byte = 0;
    for (u64 i = 0; i + 1 < damage.line; ++i) byte += file[i].size() + 1;
    CHECK(v.deviation.byte == byte);
  }
}

TEST_CASE("a byte flipped anywhere in the keys, names and numbers of any line is found") {
  TwoFiles log;
  REQUIRE(log.verdict().proven);
  const std::string text = content(log.dir.log() + "/" + log.first_name);
  u64 unseen = 0;
  std::string line;
  for (std::size_t at = 0; at < text.size(); at += test::by_mode(5, 1, 1)) {
    if (!test::is_of_share(at, 3)) continue;
    std::string flipped = text;
    flipped[at] ^= 1;
    put_content(log.dir.log() + "/" + log.first_name, flipped);
    const Verdict v = log.again();
    if (!v.proven || v.not_understood > 0) continue;
    // What nothing else in the log says cannot be proven without signatures: times, payloads, and where a producer ran.
    const std::size_t begin = text.rfind('\n', at) + 1;
    const std::size_t key = text.rfind(",\"", at);
    const std::string_view name = std::string_view(text).substr(std::max(begin, key) + 2, 4);
    const bool unproven = name == "time" || name == "data" || name == "pos\"" || name == "type" || name == "sev\"" ||
                          name == "lane" || name == "pid\"" || name == "uid\"" || name == "exe\"" || name == "nest";
    CHECK_MESSAGE(unproven, "byte ", at, " after ", std::string(name));
    ++unseen;
  }
  CHECK(unseen > 0);
}

TEST_CASE(
    "a missing file is found: in the middle at the next file's first line, the first one unless a retain line covers it") {
  TwoFiles log;
  REQUIRE(log.verdict().proven);
  log.next_index = 20;
  const std::string third = log_file_name(3'000'000'000, 20);
  log.put(third, {log.text(Accounts{0, {{"open", 13, 1, true, {}}}}), log.text(event("open", 13, 2, "on"))});
  REQUIRE(log.again().proven);
  fs::remove(log.dir.log() + "/" + log.second_name);
  Verdict v = log.again();
  CHECK_FALSE(v.proven);
  CHECK(v.deviation.file == third);
  CHECK(v.deviation.line == 1);
  CHECK(v.deviation.expected == "a file that begins with index 11");
  fs::remove(log.dir.log() + "/" + log.first_name);
  v = log.again();
  CHECK((!v.proven && v.deviation.file == third && v.deviation.line == 1));
  CHECK(v.deviation.expected == "the lines before index 20, or a retain line that covers them");
  for (const u64 before : {u64{19}, u64{20}}) {
    log.next_index = 20;
    log.put(third, {log.text(Accounts{0, {{"open", 13, 1, true, {}}}}), log.text(event("open", 13, 2, "on")),
                    log.text(Note{"retain", 0, {{"before", std::to_string(before), true}, {"why", "age"}}})});
    v = log.again();
    CHECK(v.proven == (before == 20));
  }
  CHECK((v.first_index == 20 && v.last_index == 22 && v.events == 1 && v.open == 1));
}

TEST_CASE(
    "a torn end of the last file is said and not counted; in the range of an earlier file it is a deviation; so is "
    "a file without a line") {
  TwoFiles log;
  REQUIRE(log.verdict().proven);
  const std::string first = log.dir.log() + "/" + log.first_name, second = log.dir.log() + "/" + log.second_name;
  const std::string whole = content(second);
  for (std::size_t size = whole.size() - 60; size < whole.size(); ++size) {
    put_content(second, whole.substr(0, size));
    const Verdict v = log.again();
    CHECK(v.proven);
    CHECK(v.lines == 19);
    CHECK(v.torn_bytes == size - (whole.rfind('\n', whole.size() - 2) + 1));
  }
  put_content(second, whole);
  const Lines lines = log.first;
  log.first.pop_back();
  log.put(log.first_name, log.first);
  put_content(first, content(first) + "{\"v\":1");
  Verdict v = log.again();
  CHECK_FALSE(v.proven);
  CHECK((v.deviation.file == log.first_name && v.deviation.line == 11 && v.deviation.found == "6 bytes without a newline"));
  log.put(log.first_name, lines);
  put_content(first, content(first) + "{\"v\":1");
  v = log.again();
  CHECK((v.proven && v.not_explained.size() == 1 && v.not_explained[0].line == 12));  // behind its range
  log.put(log.first_name, lines);
  log.put(log_file_name(1'500'000'000, 10), {});
  v = log.again();
  CHECK_FALSE(v.proven);
  CHECK((v.deviation.expected == "a file that begins with index 10" && v.deviation.found == "its name says 11"));
}

TEST_CASE("what is no log at all is told from a log with a deviation") {
  Directory dir;
  Verdict v;
  CHECK(verify(dir.path() + "/absent", v) == -ENOENT);
  CHECK(std::string(os::last_error()).find(dir.path() + "/absent") != std::string::npos);
  CHECK(verify(dir.path(), v) == -ENOENT);
  put_content(dir.path() + "/file", "");
  CHECK(verify(dir.path() + "/file", v) == -ENOTDIR);
  const std::string name = dir.path() + "/" + log_file_name(0, 0);
  put_content(name, std::string(1000, '\0'));
  REQUIRE(verify(dir.path(), v) == 0);
  CHECK((!v.proven && !v.readable && v.deviation.line == 1));
  put_content(name, "\x1b[2J\n");
  REQUIRE(verify(dir.path(), v) == 0);
  CHECK((!v.proven && !v.readable && v.deviation.line == 1));
  CHECK(v.deviation.found == "\\u001b[2J");
  TwoFiles log;
  replace(log.first[3], "\"last\":4", "\"last\":5");
  CHECK(log.verdict().readable);
}

TEST_CASE("an I/O error is an error with the file's name, not a deviation") {
  TwoFiles log;
  REQUIRE(log.verdict().proven);
  CallsRestored restored;
  os::calls.pread = [](int, void*, std::size_t, off_t) -> ssize_t { return errno = EIO, -1; };
  Verdict v;
  CHECK(verify(log.dir.log(), v) == -EIO);
  CHECK(std::string(os::last_error()).find(log.first_name) != std::string::npos);
}

TEST_CASE("a line longer than any block is read whole") {
  Directory dir;
  TestLog writer(dir.log());
  const std::string payload(3 << 20, '\x01');
  REQUIRE(writer.append({life(Life::attach, "pay", 10), event("pay", 10, 1, payload), event("pay", 10, 2, "x")}) == 0);
  Verdict v;
  REQUIRE(verify(dir.log(), v) == 0);
  CHECK((v.proven && v.events == 2));
}

TEST_CASE("a closed account may be named by accounts lines until one of them names it no more, and by none after that") {
  TwoFiles log;
  const Line without = Accounts{0, {{"open", 13, 1, true, {}}}};
  const Line with = Accounts{0, {{"late", 12, 1, false, {}}, {"open", 13, 1, true, {}}}};
  for (const Line* line : {&with, &with, &without, &without}) log.second.push_back(log.text(*line));
  CHECK(log.verdict().proven);
  log.second.push_back(log.text(with));
  const Verdict found = log.verdict();
  CHECK_FALSE(found.proven);
  CHECK(found.deviation.incarnation == 12);
  CHECK(found.deviation.expected == "nothing of an incarnation that is over");
}
