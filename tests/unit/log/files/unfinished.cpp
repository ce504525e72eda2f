// What a collector finds of a replacement that another one, which was killed, has not finished.
#include <doctest/doctest.h>

#include <fstream>

#include "lib/log/files/names.hpp"
#include "lib/log/files/restart.hpp"
#include "tests/unit/log/files/durable_log.hpp"

using namespace log_test;

TEST_CASE("a file whose lines are durable stays until the one that replaces it is sealed: the other's name may be lost") {
  DurableLog log(Level::every);
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  log.writer->log.begin_new_file(log.writer->accounts());
  for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
  const fs::path old = log_files(log.dir.log())[0];
  const u64 durable = log.durable();
  log.kill();
  // Another collector was killed behind the name of its replacement, which the directory's sync had not made durable.
  fs::permissions(old, fs::perms::owner_read | fs::perms::owner_write);
  const fs::path replacement = log.dir.log() + "/" + later_name(old.filename().string());
  fs::copy_file(old, replacement);
  const std::string text = content(old);
  log.begin();
  REQUIRE(log.writer->error == 0);
  CHECK(log.writer->recovered.durable == durable);
  CHECK(content(old) == text);
  CHECK(log.write() == 0);
  for (int i = 0; i < 3; ++i) log.writer->try_again();
  log.check();
}

TEST_CASE(
    "a replacement that is not sealed is replaced, also if its lines are durable: nobody may go on in a file without a name") {
  for (const bool has_accounts_within : {false, true}) {
    CAPTURE(has_accounts_within);  // if so, the replacement begins there
    DurableLog log(Level::every);
    for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
    if (has_accounts_within) log.writer->log.append(log.writer->accounts());
    CHECK(log.writer->try_again() == 0);
    // A write failed, so the file is replaced, though all its lines are durable; the directory does not take the new name.
    disk.writes = disk.name_syncs = 1;
    log.writer->append({event("pay", 10, ++log.sequence, "x")});
    const std::vector<fs::path> files = log_files(log.dir.log());
    REQUIRE(files.size() == 2);
    const fs::path replacement = std::ranges::max(files);
    REQUIRE(!is_sealed(replacement));
    REQUIRE(log.durable() == log.mark().durable);
    log.kill();
    log.sequence--;  // the line was in no file
    log.begin();
    REQUIRE(log.writer->error == 0);
    REQUIRE(log.writer->recovered.unsynced.size() == 1);
    CHECK(log.writer->recovered.unsynced[0].name == replacement.filename());
    CHECK(log.write() == 0);
    CHECK(!fs::exists(replacement));  // its successor has another name, which the directory has
    CHECK(log.durable() == log.next());
    log.check();
  }
}

TEST_CASE("a sealed file that a later replacement has superseded is explained by the next collector: its seal says nothing") {
  DurableLog log(Level::every);
  for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
  // A replacement that failed behind its seal, and the file that was made instead; then the power went.
  const fs::path sealed = log_files(log.dir.log())[0];
  const fs::path later = log.dir.log() + "/" + later_name(sealed.filename().string());
  fs::copy_file(sealed, later);
  fs::permissions(sealed, fs::perms::owner_read);
  log.reboot(false);
  for (int boots = 0; boots < 2; ++boots) {
    log.begin();
    REQUIRE(log.writer->error == 0);
    CHECK(log.write() == 0);
    for (int i = 0; i < 4; ++i) {
      log.writer->log.rotate();
      log.writer->log.begin_new_file(log.writer->accounts());
      CHECK(log.write() == 0);
    }
    log.check();
    if (boots == 0) log.reboot(false);
  }
  REQUIRE(log.voids.size() == 1);  // it was said once
  CHECK(log.voids[0].file == sealed.filename());
}

TEST_CASE("a file that was replaced in part stays: it has lines that were told durable, and the other one's name may be lost") {
  for (const std::string mark : {"earlier", "removed", "of this boot"}) {
    CAPTURE(mark);
    DurableLog log(Level::every);
    for (int i = 0; i < 2; ++i) CHECK(log.write() == 0);
    const std::string earlier = content(log.dir.log() + "/mark");
    log.writer->log.append(log.writer->accounts());
    for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
    if (mark == "of this boot") {  // it goes on in a replacement that the boot before had not sealed
      const fs::path old = log_files(log.dir.log())[0];
      fs::copy_file(old, log.dir.log() + "/" + later_name(old.filename().string()));
      log.reboot(false);
      log.begin();
      REQUIRE(log.writer->error == 0);
    }
    const fs::path file = log_files(log.dir.log()).back();
    const std::string text = content(file);
    // A write fails, so the file is replaced from the last accounts line on; the directory does not take the new name.
    disk.writes = disk.name_syncs = 1;
    log.writer->append({event("pay", 10, ++log.sequence, "x")});
    const auto first_index = [](const fs::path& name) { return first_index_of(name.filename().string()); };
    const fs::path replacement = std::ranges::max(log_files(log.dir.log()), {}, first_index);
    REQUIRE(first_index(replacement) > first_index(file));
    log.kill();
    log.sequence--;  // the line was in no file
    if (mark == "earlier") std::fstream(log.dir.log() + "/mark", std::ios::in | std::ios::out) << earlier;
    if (mark == "removed") fs::remove(log.dir.log() + "/mark");
    log.begin();
    REQUIRE(log.writer->error == 0);
    REQUIRE(log.writer->recovered.unsynced.size() == 1);
    CHECK(log.writer->recovered.unsynced[0].name == replacement.filename());
    CHECK(log.write() == 0);
    CHECK(content(file) == text);
    CHECK(log.durable() == log.next());
    log.check();
  }
}

namespace {

std::string rewritten;  // what was written in place into a file of the log since

ssize_t noted_write_at(int fd, const void* data, std::size_t bytes, off_t at) {
  if (bytes != mark_text(Mark{}).size()) rewritten.assign(static_cast<const char*>(data), bytes);
  return Replaced<&os::Calls::pwrite>::real(fd, data, bytes, at);
}

// The first start cuts the file, and its sync fails. Then the kernel takes the page for written, though the disk never got it.
void check_two_starts(DurableLog& log, const fs::path& file, const std::string& whole) {
  log.begin();
  CHECK(log.writer->error == -EIO);
  CHECK(content(file) == whole);
  log.kill();
  rewritten.clear();
  log.begin();
  REQUIRE(log.writer->error == 0);
  CHECK(!whole.empty());
  CHECK(rewritten == whole);
}

}  // namespace

TEST_CASE("a file that was cut, and whose sync failed, is written again at its end before a sync of it is believed") {
  DurableLog log(Level::write);
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  const fs::path file = log_files(log.dir.log())[0];
  log.reboot();
  const std::string whole = content(file);
  put_content(file, whole + "a page of another time");
  Replaced<&os::Calls::pwrite> noting(noted_write_at);
  disk.data_syncs = 1;
  check_two_starts(log, file, whole);
  CHECK(log.write() == 0);
  log.check();
}

namespace {

std::string failing_file;  // the sync of this one fails once

int failing_sync_of_file(int fd) {
  struct stat here {
  }, named{};
  ::fstat(fd, &here);
  if (!failing_file.empty() && ::stat(failing_file.c_str(), &named) == 0 && here.st_ino == named.st_ino)
    return failing_file.clear(), errno = EIO, -1;
  return Replaced<&os::Calls::fdatasync>::real(fd);
}

}  // namespace

TEST_CASE("so is one that a start of the same boot cut, though all that is left of it was durable before") {
  DurableLog log;
  for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
  CHECK(log.durable() == log.next());
  const fs::path file = log_files(log.dir.log())[0];
  const std::string whole = content(file);
  log.kill();
  put_content(file, whole + "a part of a line");
  Replaced<&os::Calls::pwrite> noting(noted_write_at);
  os::calls.fdatasync = failing_sync_of_file;  // DurableLog puts the real one back
  failing_file = file;
  check_two_starts(log, file, whole);
  log.kill();
  rewritten.clear();
  log.begin();  // it was synced, so the mark says nothing of a cut any more
  REQUIRE(log.writer->error == 0);
  CHECK(rewritten.empty());
  CHECK(log.write() == 0);
  log.check();
}
