// A log with a level of durability, over a disk whose calls a test makes fail. Jobs are done at once. Each append moves the
// clock by a second.
//
// Invariant: one DurableLog at a time, since the calls that it replaces are in one table.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "lib/log/files/cursor.hpp"
#include "lib/log/files/mark.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/unit/log/support.hpp"

namespace log_test {

using shmring::test::Replaced;

inline constexpr u64 millisecond = 1'000'000, second = 1'000'000'000;

// Which calls fail, and with what; 0: none. They count down.
struct Disk {
  int data_syncs = 0, name_syncs = 0, writes = 0, error = EIO;
};
inline Disk disk;

inline int failing_data_sync(int fd) {
  if (disk.data_syncs > 0) return --disk.data_syncs, errno = disk.error, -1;
  return Replaced<&os::Calls::fdatasync>::real(fd);
}
inline int failing_name_sync(int fd) {
  struct stat status {};
  ::fstat(fd, &status);
  if (S_ISDIR(status.st_mode) && disk.name_syncs > 0) return --disk.name_syncs, errno = disk.error, -1;
  return Replaced<&os::Calls::fsync>::real(fd);
}
inline ssize_t failing_write(int fd, const void* data, std::size_t bytes) {
  if (disk.writes > 0) return --disk.writes, errno = disk.error, -1;
  return Replaced<&os::Calls::write>::real(fd, data, bytes);
}

inline SyncPolicy at(Level level) {
  SyncPolicy policy;
  policy.level = level;
  return policy;
}

inline bool is_sealed(const fs::path& file) {
  return (fs::status(file).permissions() & fs::perms::owner_write) == fs::perms::none;
}

struct DurableLog {
  explicit DurableLog(Level level = Level::every) : level(level) { begin(); }

  void begin() {
    writer = std::make_unique<TestLog>(dir.log(), "ring", RingId{}, at(level));
    if (writer->recovered.next_index == 0 && writer->error == 0) {
      CHECK(writer->append({life(Life::attach, "pay", 10)}) == 0);
    } else if (writer->error == 0) {
      sequence = writer->recovered.accounts[0].through;
    }
  }
  // As after a kill: nothing of the process is left.
  void kill() { writer.reset(); }
  // One event, and what a collector does behind it.
  int write() {
    const int error = writer->append({event("pay", 10, ++sequence, "x")});
    while (writer->log.has_pending() && tries++ < 10) writer->try_again();
    while (const auto voided = writer->log.take_voided()) {
      voids.push_back(*voided);
      note(*voided);
    }
    return error;
  }
  void note(const Voided& voided) {
    writer->log.append(
        std::vector<Line>{
            Note{"incident", 0, {{"file", voided.file}, {"void", std::to_string(voided.from), true}, {"code", voided.code}}}},
        RingId{});
    writer->try_again();
  }
  // One event that is written and not synced.
  void write_unsynced(std::string_view payload = "x") {
    const Line line = event("pay", 10, ++sequence, payload);
    writer->ledger.apply(line);
    writer->log.append({&line, 1}, RingId{});
    REQUIRE(writer->log.write() == 0);
  }
  // Begins a file of which nothing reaches the disk, and is killed.
  void begin_file_and_kill() {
    disk.data_syncs = 1'000'000;
    writer->log.begin_new_file(writer->accounts());
    kill();
    disk.data_syncs = 0;
  }
  Mark mark() const {
    Mark mark;
    os::Fd directory;
    REQUIRE(open_log_directory(dir.log(), directory) == 0);
    REQUIRE(read_mark(directory.get(), mark) == MarkSays::this_place);
    return mark;
  }
  // As after a reboot: the mark is of another boot. What the disk has is what a test makes of the files.
  void reboot(bool names_accounts = true) {
    kill();
    Mark before = mark();
    before.boot[0] ^= 1;
    if (!names_accounts) before.file.clear(), before.accounts = before.byte = 0;
    const std::string text = mark_text(before);
    std::fstream(dir.log() + "/mark", std::ios::in | std::ios::out).write(text.data(), std::ssize(text));  // in place
  }
  u64 durable() const { return writer->log.committed().durable; }
  u64 next() const { return writer->log.committed().index; }
  // Each sequence is in the log once, as a reader finds it, and verify has nothing to say.
  void check() const {
    Cursor log;
    REQUIRE(log.open(dir.log()) == 0);
    std::vector<u64> found;
    LogLine line;
    u64 index = 0;
    while (log.next(line) == 1) {
      REQUIRE(line.whole);
      CHECK(line.text.find("\"index\":" + std::to_string(index++) + ",") != line.text.npos);
      const std::size_t at = line.text.find("\"seq\":");
      if (at != line.text.npos) found.push_back(std::stoull(std::string(line.text.substr(at + 6, 20))));
    }
    REQUIRE(found.size() == sequence);
    for (u64 i = 0; i < sequence; ++i) CHECK(found[i] == i + 1);
    CHECK(proven(dir.log()));
  }

  Level level;
  Directory dir;
  std::unique_ptr<TestLog> writer;
  std::vector<Voided> voids;
  u64 sequence = 0;
  int tries = 0;
  Replaced<&os::Calls::fdatasync> data_sync{failing_data_sync};
  Replaced<&os::Calls::fsync> name_sync{failing_name_sync};
  Replaced<&os::Calls::write> writing{failing_write};

  DurableLog(const DurableLog&) = delete;
  ~DurableLog() { disk = {}; }
};

}  // namespace log_test
