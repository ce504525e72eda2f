// Compressed files of a log: made without a moment in which the lines are not there, read like others, and never believed.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <zstd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>

#include "lib/log/files/compress.hpp"
#include "lib/log/files/cursor.hpp"
#include "lib/log/files/verify.hpp"
#include "lib/log/files/zstd_source.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

namespace {

const std::atomic<bool> go_on{false};

// A log of two files, of which the first has as many events as asked for.
struct Log {
  explicit Log(int events, std::size_t payload = 1000) {
    std::vector<Line> lines{life(Life::attach, "pay", 10)};
    std::string text(payload, ' ');
    for (int i = 1; i <= events; ++i) {
      for (std::size_t at = 0; at < text.size(); ++at) text[at] = static_cast<char>('a' + (at * static_cast<u64>(i)) % 23);
      texts.push_back(text);
      lines.push_back(event("pay", 10, static_cast<u64>(i), texts.back()));
    }
    std::string first;
    u64 index = 0;
    Encoder encoder("ring");
    encoder.encode(Accounts{}, index++, first);
    for (const Line& line : lines) encoder.encode(line, index++, first);
    std::string second;
    encoder.encode(Accounts{0, {{"pay", 10, static_cast<u64>(events), true, {}}}}, index, second);
    fs::create_directory(dir.log());
    put_content(dir.log() + "/" + log_file_name(0, 0), first);
    put_content(dir.log() + "/" + log_file_name(1'000'000'000, index), second);
    text_of_first = first;
    REQUIRE(open_log_directory(dir.log(), directory) == 0);
    list();
  }
  void list() { REQUIRE(list_log_files(directory.get(), dir.log(), files) == 0); }
  int compress_first() { return compress(directory.get(), dir.log(), files[0], directory_sync, go_on); }
  std::string path(std::size_t file) const { return dir.log() + "/" + files[file].name; }

  Directory dir;
  os::Fd directory;
  std::vector<LogFile> files;
  std::deque<std::string> texts;
  std::string text_of_first;
};

// Reads a whole file. Returns 0, or the error.
int read_all(const Log& log, const LogFile& file, std::string& out) {
  std::unique_ptr<ByteSource> source;
  if (const int error = open_source(log.directory.get(), log.dir.log(), file, source)) return error;
  out.clear();
  std::vector<char> room(100'000);
  ssize_t got;
  while ((got = source->read(out.size(), room)) > 0) out.append(room.data(), static_cast<std::size_t>(got));
  return static_cast<int>(got);
}

std::string all_lines(const std::string& dir) {
  Cursor log;
  REQUIRE(log.open(dir) == 0);
  std::string out;
  LogLine line;
  while (log.next(line) == 1) out += std::string(line.text) + "\n";
  return out;
}

}  // namespace

TEST_CASE("a compressed file has the same lines, in frames cut at lines, for our readers and for any zstd program") {
  Log log(2000);
  const std::string whole = all_lines(log.dir.log());
  ::chmod(log.path(0).c_str(), 0440);
  REQUIRE(log.compress_first() == 0);
  CHECK_FALSE(fs::exists(log.path(0)));
  log.list();
  REQUIRE((log.files[0].is_compressed() && log.files.size() == 2));
  struct stat status {};
  REQUIRE(::stat(log.path(0).c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0440);
  CHECK(all_lines(log.dir.log()) == whole);
  Verdict v;
  REQUIRE(verify(log.dir.log(), v) == 0);
  CHECK((v.proven && v.events == 2000 && v.not_explained.empty()));
  const std::string packed = content(log.path(0));
  CHECK(packed.size() < log.text_of_first.size() / 4);
  std::string plain(log.text_of_first.size() + 1, '\0');
  plain.resize(ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size()));
  CHECK(plain == log.text_of_first);
  std::size_t frames = 0;
  for (std::size_t at = 0; at < packed.size(); ++frames) {
    const std::size_t bytes = ZSTD_findFrameCompressedSize(&packed[at], packed.size() - at);
    const u64 size = ZSTD_getFrameContentSize(&packed[at], packed.size() - at);
    if (at + bytes == packed.size()) break;  // the table
    std::string frame(size, '\0');
    ZSTD_decompress(frame.data(), size, &packed[at], bytes);
    CHECK((size <= frame_bytes && frame.ends_with("}\n")));
    at += bytes;
  }
  CHECK(frames == log.text_of_first.size() / frame_bytes + 1);
}

TEST_CASE("a line longer than a frame is a frame of its own") {
  Log log(3, 600'000);
  const std::string whole = all_lines(log.dir.log());
  REQUIRE(log.compress_first() == 0);
  CHECK(all_lines(log.dir.log()) == whole);
}

TEST_CASE("21: what stands behind a file's end is not compressed, and the plain file is read while both are there") {
  Log log(20);
  put_content(log.path(0), log.text_of_first + "what was torn");
  put_content(log.path(0) + ".zst", "torn");
  CHECK(all_lines(log.dir.log()) == log.text_of_first + content(log.path(1)));
  REQUIRE(log.compress_first() == 0);
  log.list();
  std::string plain;
  REQUIRE(read_all(log, log.files[0], plain) == 0);
  CHECK(plain == log.text_of_first);
}

TEST_CASE("a reader may begin at any line of a compressed file") {
  Log log(600);
  REQUIRE(log.compress_first() == 0);
  log.list();
  u64 offset = 0;
  for (const std::string& line : split_lines(log.text_of_first)) {
    Cursor cursor;
    LogLine found;
    REQUIRE(cursor.open_at(log.directory.get(), log.dir.log(), log.files[0], offset) == 0);
    REQUIRE(cursor.next(found) == 1);
    REQUIRE((found.text == line && found.byte == offset));
    offset += line.size() + 1;
  }
}

TEST_CASE("nothing is compressed that is not asked to be: the last file, one that lacks lines, or when it is told to stop") {
  Log log(20);
  CHECK(compress(log.directory.get(), log.dir.log(), log.files[1], directory_sync, go_on) == -EINVAL);
  const std::atomic<bool> stop{true};
  CHECK(compress(log.directory.get(), log.dir.log(), log.files[0], directory_sync, stop) == -ECANCELED);
  put_content(log.path(0), log.text_of_first.substr(0, log.text_of_first.size() - 1));
  CHECK(log.compress_first() == -EBADMSG);
  CHECK(std::string(os::last_error()).find("it has no line of index 21") != std::string::npos);
  CHECK(std::distance(fs::directory_iterator(log.dir.log()), {}) == 2);
}

TEST_CASE("a compressed file is compared with the original before it takes its place") {
  Log log(20);
  CallsRestored restored;
  static int writes;
  writes = 0;
  os::calls.write = [](int fd, const void* data, std::size_t bytes) -> ssize_t {
    std::string text(static_cast<const char*>(data), bytes);
    if (writes++ == 0) text[text.size() / 2] ^= 1;
    return ::write(fd, text.data(), bytes);
  };
  CHECK(log.compress_first() == -EBADMSG);
  CHECK(std::string(os::last_error()).find("compress.tmp: it is damaged: frame 0") != std::string::npos);
  os::calls.write = restored.kept.write;
  static std::string original, changed;
  original = log.path(0), changed = log.text_of_first;
  changed[100] ^= 1;
  os::calls.openat = [](int dir, const char* path, int flags, mode_t mode) {
    if (std::string_view(path) == "compress.tmp" && (flags & O_CREAT) == 0) put_content(original, changed);
    return ::openat(dir, path, flags, mode);
  };
  CHECK(log.compress_first() == -EIO);
  CHECK(std::string(os::last_error()).find("what was compressed is not what it says") != std::string::npos);
  CHECK(fs::exists(original));
  CHECK(std::distance(fs::directory_iterator(log.dir.log()), {}) == 2);
}

TEST_CASE("whatever byte of a compressed file is another, or missing, it reads as it was or is refused with its name") {
  Log log(700);
  REQUIRE(log.compress_first() == 0);
  log.list();
  const std::string good = content(log.path(0));
  std::string plain;
  u64 refused = 0;
  for (std::size_t at = 0; at < good.size(); at += at + 200 < good.size() ? 37 : 1) {
    for (const bool cut : {false, true}) {
      std::string bad = good;
      bad[at] ^= 1 << at % 8;
      if (cut) bad = good.substr(0, at);
      put_content(log.path(0), bad);
      const int got = read_all(log, log.files[0], plain);
      if (got == 0) CHECK((plain == log.text_of_first && !cut));
      if (got == 0) continue;
      CHECK(got == -EBADMSG);
      CHECK(std::string(os::last_error()).find(log.files[0].name + ": it is damaged: ") != std::string::npos);
      ++refused;
    }
  }
  CHECK(refused > good.size() / 37);
}

TEST_CASE("a table that promises more than the file has is refused before anything is allocated for it") {
  Log log(20);
  REQUIRE(log.compress_first() == 0);
  log.list();
  const std::string good = content(log.path(0));
  const std::size_t entry = good.size() - 9 - 8;
  const auto with = [&](std::size_t at, u32 value) {
    std::string bad = good;
    std::memcpy(&bad[at], &value, sizeof value);
    put_content(log.path(0), bad);
    std::string plain;
    CHECK(read_all(log, log.files[0], plain) == -EBADMSG);
    return std::string(os::last_error());
  };
  CHECK(with(good.size() - 9, 0x7fffffff).find("for 2147483647 frames") != std::string::npos);
  CHECK(with(entry + 4, 0xffffffff).find("frame 0 has") != std::string::npos);
  CHECK(with(entry, 0xffffffff).find("frame 0 has 4294967295 bytes") != std::string::npos);
  CHECK(with(entry + 4, 1 << 20).find("frame 0: it is not as long as the table says") != std::string::npos);
  CHECK(with(good.size() - 4, 0).find("no table of frames") != std::string::npos);
}

TEST_CASE("a collector cuts nothing from a compressed file that has become the last one") {
  Log log(20);
  REQUIRE(log.compress_first() == 0);
  fs::remove(log.path(1));
  log.list();
  const std::string before = content(log.path(0));
  CHECK(TestLog(log.dir.log()).error == -EBADMSG);
  CHECK((content(log.path(0)) == before && log.files.size() == 1));
}
