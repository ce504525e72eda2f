// Single histories of power cuts, each of which broke a log while one rule of restart or of the sync job was missing. What the
// disk has kept, and what it had of before, is what a test makes of the files. The numbers are those of the histories that the
// design names.
#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "lib/log/files/restart.hpp"
#include "lib/log/files/verify.hpp"
#include "tests/unit/log/files/durable_log.hpp"

using namespace log_test;

namespace {

// Modes that were set since the file was last synced, as they had been before: a power cut may bring them back.
std::map<ino_t, mode_t> modes_of_before;

ino_t inode_of(int fd) {
  struct stat status {};
  ::fstat(fd, &status);
  return status.st_ino;
}
int set_mode(int fd, mode_t mode) {
  struct stat status {};
  ::fstat(fd, &status);
  modes_of_before.emplace(status.st_ino, status.st_mode & 07777);
  return Replaced<&os::Calls::fchmod>::real(fd, mode);
}
int sync_with_mode(int fd) {
  modes_of_before.erase(inode_of(fd));
  return failing_name_sync(fd);
}
void lose_unsynced_modes(const std::string& dir) {
  for (const fs::path& file : log_files(dir)) {
    struct stat status {};
    ::stat(file.c_str(), &status);
    const auto before = modes_of_before.find(status.st_ino);
    if (before != modes_of_before.end()) ::chmod(file.c_str(), before->second);
  }
}

// The file whose size was cut since it was last synced: what was cut off may come back.
struct {
  ino_t inode = 0;
  bool may_come_back = false;
} cut_file;

int cut(int fd, off_t bytes) {
  cut_file = {inode_of(fd), true};
  return Replaced<&os::Calls::ftruncate>::real(fd, bytes);
}
int sync_what_was_cut(int fd) {
  const int result = failing_data_sync(fd);
  if (result == 0 && inode_of(fd) == cut_file.inode) cut_file.may_come_back = false;
  return result;
}

void add(const fs::path& file, std::string_view text) { std::ofstream(file, std::ios::app | std::ios::binary) << text; }

std::string last_line(const fs::path& file) {
  const std::string text = content(file);
  return text.substr(text.rfind('\n', text.size() - 2) + 1);
}

}  // namespace

TEST_CASE("a replacement's seal is durable before its lines count: what the failed file says by then may be anything") {
  modes_of_before.clear();
  DurableLog log;
  const Replaced<&os::Calls::fchmod> setting(set_mode);
  os::calls.fsync = sync_with_mode;  // DurableLog puts the real one back
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  const fs::path failed = log_files(log.dir.log())[0];
  log.writer->log.append(log.writer->accounts());
  log.writer->try_again();
  disk.data_syncs = 1;
  log.writer->append({event("pay", 10, ++log.sequence, "x")});
  REQUIRE(log_files(log.dir.log()).size() >= 2);
  REQUIRE(log.mark().durable == log.durable());
  log.reboot(false);
  lose_unsynced_modes(log.dir.log());
  put_content(failed, content(failed).substr(0, 100));
  log.begin();
  REQUIRE_MESSAGE(log.writer->error == 0, os::last_error());
  CHECK(log.writer->recovered.accounts[0].through == log.sequence);
}

TEST_CASE("6: a power cut behind a replacement's rename, before the directory's sync: either file is there, whole to D") {
  for (const bool has_name : {true, false}) {
    CAPTURE(has_name);
    DurableLog log;
    for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
    const u64 durable = log.durable();
    const fs::path failed = log_files(log.dir.log())[0];
    const auto synced = fs::file_size(failed);
    disk.data_syncs = 1, disk.name_syncs = 1'000'000;
    log.writer->append({event("pay", 10, ++log.sequence, "x")});
    disk.name_syncs = 0;
    std::vector<fs::path> files = log_files(log.dir.log());
    REQUIRE(files.size() == 2);
    const fs::path replacement = files[0] == failed ? files[1] : files[0];
    log.reboot();
    if (!has_name) fs::rename(replacement, log.dir.log() + "/replace.tmp");
    const auto written = fs::file_size(failed);
    fs::resize_file(failed, synced);
    fs::resize_file(failed, written);  // zeros: it was this page that the disk did not take
    log.begin();
    REQUIRE_MESSAGE(log.writer->error == 0, os::last_error());
    CHECK(log.writer->recovered.next_index == durable + (has_name ? 1 : 0));
    CHECK(!fs::exists(log.dir.log() + "/replace.tmp"));
    for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
    log.check();
  }
}

TEST_CASE("what a restart has cut is gone from the disk before anything is appended there, whichever start it was") {
  for (const bool first_start_fails : {false, true}) {
    CAPTURE(first_start_fails);
    DurableLog log(Level::interval);
    for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
    log.writer->log.sync(log.writer->now_ns + second);
    const fs::path file = log_files(log.dir.log())[0];
    const auto synced = fs::file_size(file);
    for (int i = 0; i < 3; ++i) log.write_unsynced();
    std::string written = content(file);
    const std::size_t end_of_first = written.find('\n', synced) + 1;
    const Replaced<&os::Calls::ftruncate> cutting(cut);
    os::calls.fdatasync = sync_what_was_cut;  // DurableLog puts the real one back
    log.reboot();
    put_content(file, written.substr(0, synced) + std::string(end_of_first - synced, '\0') + written.substr(end_of_first));
    if (first_start_fails) {
      disk.data_syncs = 1;
      log.begin();
      REQUIRE(log.writer->error == -EIO);
      log.kill();
    }
    log.begin();
    REQUIRE(log.writer->error == 0);
    CHECK(cut_file.inode != 0);
    CHECK(log.sequence == 5);
    log.write_unsynced("y");  // of the same length
    REQUIRE(fs::file_size(file) == end_of_first);
    log.reboot();
    if (cut_file.may_come_back) add(file, written.substr(end_of_first));
    log.begin();
    REQUIRE(log.writer->error == 0);
    CHECK(log.sequence == 6);
    CHECK(log.write() == 0);
    log.check();
  }
}

TEST_CASE("what a start without a mark has cut is synced by the next one, if that one's sync failed") {
  for (const char* mark : {"gone", "torn"}) {
    CAPTURE(mark);
    DurableLog log(Level::interval);
    CHECK(log.write() == 0);
    log.writer->log.sync(log.writer->now_ns + second);
    const fs::path file = log_files(log.dir.log())[0], text = log.dir.log() + "/mark";
    const auto synced = fs::file_size(file);
    log.write_unsynced();
    fs::resize_file(file, synced + 20);
    const Replaced<&os::Calls::ftruncate> cutting(cut);
    os::calls.fdatasync = sync_what_was_cut;  // DurableLog puts the real one back
    log.kill();
    cut_file = {};
    for (const bool fails : {true, false}) {
      mark == std::string("gone") ? (void)fs::remove(text) : fs::resize_file(text, 100);
      disk.data_syncs = fails ? 1 : 0;
      log.begin();
      REQUIRE(log.writer->error == (fails ? -EIO : 0));
      CHECK(cut_file.inode != 0);
      CHECK(cut_file.may_come_back == fails);
      if (fails) log.kill();
    }
    CHECK(log.write() == 0);
    log.check();
  }
}

TEST_CASE("after a boot, a file that may only be appended to is gone on with") {
  DurableLog log(Level::interval);
  CHECK(log.write() == 0);
  log.reboot();
  const Replaced<&os::Calls::openat> append_only([](int at, const char* name, int flags, mode_t mode) {
    const bool may_write = (flags & O_ACCMODE) == O_RDONLY || (flags & O_APPEND) != 0;
    if (std::string_view(name).ends_with(".jsonl") && !may_write) return errno = EPERM, -1;
    return Replaced<&os::Calls::openat>::real(at, name, flags, mode);
  });
  log.begin();
  REQUIRE(log.writer->error == 0);
  CHECK(log.write() == 0);
  log.check();
}

TEST_CASE("a file that was closed where D is, and was not sealed, is replaced: bytes that were cut off it may come back") {
  DurableLog log;
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  REQUIRE(log.durable() == log.next());
  const fs::path closed = log_files(log.dir.log())[0];
  const std::string torn = last_line(closed).substr(0, 50);
  log.begin_file_and_kill();
  log.begin();
  REQUIRE(log.writer->error == 0);
  for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
  for (int i = 0; i < 3; ++i) {
    log.writer->log.begin_new_file(log.writer->accounts());
    CHECK(log.write() == 0);
  }
  if (fs::exists(closed) && !is_sealed(closed)) add(closed, torn);
  log.check();
  CHECK(log.voids.size() == 2);
}

TEST_CASE("11: where a cut leaves nothing of a file, what stands behind the end of the one before goes, too") {
  DurableLog log;
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  const u64 durable = log.durable();
  log.begin_file_and_kill();
  const auto files = log_files(log.dir.log());
  REQUIRE(files.size() == 2);
  log.reboot();
  // A write was cut back there before the next file was begun. The disk did not take the cut, nor all of what was cut.
  const std::string line = last_line(files[0]);
  add(files[0], std::string(line.size() - 1, '\0') + "\n" + line);
  fs::resize_file(files[1], 0);
  log.begin();
  REQUIRE_MESSAGE(log.writer->error == 0, os::last_error());
  CHECK(log.writer->recovered.next_index == durable);
  CHECK(log_files(log.dir.log()).size() == 1);
  CHECK(kept_aside(log.dir.log()).size() == 1);
  CHECK(log.write() == 0);
  log.check();
}

TEST_CASE(
    "a log of which nothing was durable, and whose first file a power cut took, begins anew, and does not go on without") {
  DurableLog log(Level::write);
  for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
  log.begin_file_and_kill();
  const auto files = log_files(log.dir.log());
  REQUIRE(files.size() == 2);
  REQUIRE(log.mark().durable == 0);
  log.reboot();
  fs::remove(files[0]);
  log.begin();
  REQUIRE(log.writer->error == 0);
  CHECK(log.writer->recovered.next_index == 0);
  CHECK(kept_aside(log.dir.log()).size() == 1);
  log.sequence = 0;
  CHECK(log.write() == 0);
  log.check();
}

TEST_CASE("where a power cut leaves zeros of the first file and no byte of the second, both go, and the log begins anew") {
  DurableLog log(Level::write);
  for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
  log.begin_file_and_kill();
  const auto files = log_files(log.dir.log());
  REQUIRE(files.size() == 2);
  REQUIRE(log.mark().durable == 0);
  log.reboot();
  put_content(files[0], std::string(fs::file_size(files[0]), '\0'));
  fs::resize_file(files[1], 0);
  log.begin();
  REQUIRE_MESSAGE(log.writer->error == 0, os::last_error());
  CHECK(log.writer->recovered.next_index == 0);
  CHECK(kept_aside(log.dir.log()).size() == 1);  // of the other, nothing is there to be kept
  log.sequence = 0;
  CHECK(log.write() == 0);
  log.check();
}
