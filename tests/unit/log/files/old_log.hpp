// A log of several files whose limits are looked at, over a disk whose calls are noted.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>

#include "tests/unit/log/files/durable_log.hpp"

namespace log_test {

inline constexpr u64 hour = 3600 * second, mib = u64{1} << 20, none = ~u64{0};

// What the disk was asked for, in order.
struct Calls {
  std::mutex mutex;
  std::vector<std::string> made;
  std::atomic<int> unlinks_left = -1;  // so many removals succeed; −1: all
  bool has_room_for_a_line = false;    // a disk that is full has it

  void add(std::string call) {
    const std::lock_guard lock(mutex);
    made.push_back(std::move(call));
  }
};
inline Calls* calls = nullptr;

inline int counted_unlink(int directory, const char* name, int flags) {
  u64 index;
  if (!is_log_file_name(name, index)) return Replaced<&os::Calls::unlinkat>::real(directory, name, flags);
  if (calls->unlinks_left == 0) return errno = EACCES, -1;
  if (calls->unlinks_left > 0) --calls->unlinks_left;
  calls->add("unlink " + std::to_string(index) + (std::string_view(name).ends_with(".zst") ? " zst" : ""));
  return Replaced<&os::Calls::unlinkat>::real(directory, name, flags);
}
inline ssize_t counted_write(int fd, const void* data, std::size_t bytes) {
  if (std::string_view(static_cast<const char*>(data), bytes).find("\"kind\":\"retain\"") != std::string_view::npos) {
    calls->add("line");
    if (calls->has_room_for_a_line) return Replaced<&os::Calls::write>::real(fd, data, bytes);
  }
  return failing_write(fd, data, bytes);
}
inline int counted_data_sync(int fd) {
  const int result = failing_data_sync(fd);
  calls->add(result == 0 ? "sync" : "sync failed");
  return result;
}
inline int counted_name_sync(int fd) {
  struct stat status {};
  ::fstat(fd, &status);
  if (S_ISDIR(status.st_mode)) calls->add("names");
  return failing_name_sync(fd);
}

// A log of several files, over a disk whose calls are noted.
struct OldLog : DurableLog {
  explicit OldLog(Level level = Level::every, int files = 4) : DurableLog(level) {
    calls = &noted;
    // The base puts the table right again.
    os::calls.write = counted_write, os::calls.fdatasync = counted_data_sync, os::calls.fsync = counted_name_sync;
    for (int file = 1; file < files; ++file) add_file();
    for (int i = 0; i < 3; ++i) CHECK(write() == 0);
    noted.made.clear();
  }
  ~OldLog() {
    writer.reset();
    calls = nullptr;
  }
  void add_file() {
    for (int i = 0; i < 3; ++i) CHECK(write() == 0);
    writer->log.begin_new_file(writer->accounts());
  }
  // The limits are looked at until this holds.
  bool keeps(const RetainLimits& limits, const std::function<bool()>& done, int most = 10'000, u64 now_utc_ns = 0) {
    writer->log.set_policy({.retain = limits});
    std::string text;
    for (int tries = 0; tries < most; ++tries) {
      writer->log.keep(now_utc_ns, text);
      writer->try_again();
      if (done()) return true;
      ::usleep(500);
    }
    return false;
  }
  bool has(const char* call) {
    const std::lock_guard lock(noted.mutex);
    return std::ranges::find(noted.made, call) != noted.made.end();
  }
  std::size_t count() const { return log_files(dir.log()).size(); }
  u64 first() const { return first_index_of(log_files(dir.log())[0].filename().string()); }
  // So many files are to stay.
  RetainLimits all_but(std::size_t stay) const {
    u64 bytes = 0;
    const std::vector<fs::path> files = log_files(dir.log());
    for (std::size_t i = files.size() - stay; i < files.size(); ++i) bytes += fs::file_size(files[i]);
    return {.age_ns = 0, .bytes = bytes + 400, .free = 0};  // and a retain line
  }
  // The collector is killed, so that nobody removes anything meanwhile. The lines that are left are those from the first index
  // on, without a hole, and verify agrees.
  void check_rest() {
    kill();
    Cursor log;
    REQUIRE(log.open(dir.log()) == 0);
    LogLine line;
    u64 index = first(), last = 0;
    while (log.next(line) == 1) {
      REQUIRE(line.whole);
      CHECK(line.text.find("\"index\":" + std::to_string(index++) + ",") != line.text.npos);
      const std::size_t at = line.text.find("\"seq\":");
      if (at != line.text.npos) last = std::stoull(std::string(line.text.substr(at + 6, 20)));
    }
    CHECK(last == sequence);
    CHECK(proven(dir.log()));
  }

  Calls noted;
  Replaced<&os::Calls::unlinkat> unlinking{counted_unlink};
};

}  // namespace log_test
