// The files of a log in the archive: what is appended, compared, refused and repaired.
#include "lib/fleet/log_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

#include "lib/os/error.hpp"
#include "tests/unit/fleet/support.hpp"

using namespace fleet_test;

namespace {

const LogName name{"h", "r", "0123456789abcdef"};
const std::string first = name_of_file(1, 0), later = name_of_file(2, 5);

struct Fault {
  int data_skips = 0, data_syncs = 0, name_syncs = 0, writes = 0, error = EIO;  // skips: so many go well before
} fault;
std::vector<std::string> calls;  // data sync, name sync, write

int watched_data_sync(int fd) {
  calls.emplace_back("data");
  if (fault.data_skips > 0) {
    --fault.data_skips;
  } else if (fault.data_syncs > 0)
    return --fault.data_syncs, errno = fault.error, -1;
  return Replaced<&os::Calls::fdatasync>::real(fd);
}
int watched_name_sync(int fd) {
  calls.emplace_back("name");
  if (fault.name_syncs > 0) return --fault.name_syncs, errno = fault.error, -1;
  return Replaced<&os::Calls::fsync>::real(fd);
}
ssize_t watched_write(int fd, const void* data, std::size_t bytes, off_t at) {
  calls.emplace_back(bytes == 256 ? "record" : "write");
  if (fault.writes > 0 && bytes != 256) {
    --fault.writes;
    Replaced<&os::Calls::pwrite>::real(fd, data, bytes / 2, at);  // half of it is there
    return errno = fault.error, -1;
  }
  return Replaced<&os::Calls::pwrite>::real(fd, data, bytes, at);
}

struct Store {
  Store() {
    fault = {};
    fs::create_directory(root.log());
    REQUIRE(os::open_at(AT_FDCWD, root.log().c_str(), O_RDONLY | O_DIRECTORY, 0, directory) == 0);
    begin();
    calls.clear();
  }
  // As after a kill.
  void begin() {
    store.emplace(directory.get(), root.log(), name);
    error = store->open();
  }
  Put put(const Range& range, std::string_view bytes) { return store->put(range, bytes, text); }
  Put put_lines(u64 from, u64 to, Follows follows = Follows::sent) {
    const std::string before = lines_of(0, from);
    return put(range_of(first, before.size(), lines_of(from, to), to, before, follows), lines_of(from, to));
  }
  std::string file(const std::string& file_name) const { return store->path() + "/" + file_name; }

  Directory root;
  os::Fd directory;
  std::optional<LogStore> store;
  int error = 0;
  std::string text;
  Replaced<&os::Calls::fdatasync> data_sync{watched_data_sync};
  Replaced<&os::Calls::fsync> name_sync{watched_name_sync};
  Replaced<&os::Calls::pwrite> write{watched_write};
};

}  // namespace

TEST_CASE("a range is appended where the file ends, compared before that, and a gap behind it") {
  Store s;
  CHECK(s.put_lines(0, 3) == Put::gap);  // the archive has nothing, and nobody says that this is the beginning
  CHECK(s.put_lines(0, 3, Follows::nothing) == Put::appended);
  CHECK(s.put_lines(3, 4) == Put::appended);
  CHECK(s.put_lines(2, 6) == Put::appended);
  CHECK(s.put_lines(1, 5) == Put::repeated);
  CHECK(s.put_lines(7, 8) == Put::gap);
  CHECK(content(s.file(first)) == lines_of(0, 6));
  struct stat status {};
  REQUIRE(::stat(s.file(first).c_str(), &status) == 0);
  CHECK((status.st_mode & 0137) == 0);
  REQUIRE(::stat(s.store->path().c_str(), &status) == 0);
  CHECK((status.st_mode & 0027) == 0);
}

TEST_CASE("data, its name, and what is committed are synced in this order, and then the record counts") {
  Store s;
  s.put_lines(0, 3, Follows::nothing);
  CHECK(s.store->committed().bytes == 0);
  calls.clear();
  CHECK(s.store->commit() == 0);
  CHECK(calls == std::vector<std::string>{"data", "name", "record", "data"});
  CHECK(s.store->committed() == Committed{first, 21, 3, false, false});
  s.put_lines(3, 4);
  calls.clear();
  CHECK(s.store->commit() == 0);
  CHECK(calls == std::vector<std::string>{"data", "record", "data"});
  calls.clear();
  CHECK(s.store->commit() == 0);
  CHECK(calls.empty());
}

TEST_CASE("a start cuts back to what is committed, and removes a file of which nothing is") {
  Store s;
  s.put_lines(0, 3, Follows::nothing);
  s.store->commit();
  s.put_lines(3, 5);
  s.begin();
  CHECK(s.error == 0);
  CHECK(content(s.file(first)) == lines_of(0, 3));
  s.put_lines(3, 5);
  CHECK(s.put(range_of(later, 0, lines_of(5, 6), 6), lines_of(5, 6)) == Put::appended);
  s.begin();
  CHECK(!fs::exists(s.file(later)));
  CHECK(content(s.file(first)) == lines_of(0, 5));  // committed before the next file was begun
}

// Once there is a newer file, a power cut that undoes the cut would leave bytes that no host has sent.
TEST_CASE("a cut is synced, and so is that of an append that failed before a newer file is begun") {
  Store s;
  s.put_lines(0, 5, Follows::nothing);
  s.store->commit();
  s.put_lines(5, 6);
  s.store.reset();
  calls.clear();
  s.begin();
  CHECK(s.error == 0);
  CHECK(calls == std::vector<std::string>{"record", "data", "name", "data"});  // the record, and its name; the cut
  calls.clear();
  s.begin();
  CHECK(calls == std::vector<std::string>{"record", "data", "name"});  // nothing was to be cut
  fault.writes = 1, fault.error = ENOSPC;
  CHECK(s.put_lines(5, 6) == Put::full);
  calls.clear();
  CHECK(s.put(range_of(later, 0, lines_of(5, 6), 6), lines_of(5, 6)) == Put::appended);
  CHECK(calls == std::vector<std::string>{"data", "write"});
  CHECK(content(s.file(first)) == lines_of(0, 5));
  s.store->commit();
  s.put(range_of(later, 7, lines_of(6, 7), 7, lines_of(5, 6)), lines_of(6, 7));
  s.store.reset();
  fault = {}, fault.data_skips = fault.data_syncs = 1, fault.error = EIO;
  s.begin();
  CHECK(s.error == -EIO);
  CHECK(s.store->open() == 0);  // by a copy
  CHECK(content(s.file(later)) == lines_of(5, 6));
}

TEST_CASE("a file is begun only if its first line is not behind what is there, or a person gave that up") {
  Store s;
  s.put_lines(0, 5, Follows::nothing);
  const std::string behind = name_of_file(3, 7);
  CHECK(s.put(range_of(behind, 0, lines_of(7, 8), 8), lines_of(7, 8)) == Put::gap);
  CHECK(s.put(range_of(behind, 0, lines_of(7, 8), 8, {}, Follows::nothing), lines_of(7, 8)) == Put::gap);
  CHECK(s.put(range_of(later, 7, lines_of(6, 7), 7, lines_of(5, 6)), lines_of(6, 7)) == Put::gap);
  CHECK(s.put(range_of(later, 0, lines_of(5, 6), 6), lines_of(5, 6)) == Put::appended);
  CHECK(s.put(range_of(behind, 0, lines_of(7, 8), 8, {}, Follows::given_up), lines_of(7, 8)) == Put::appended);
  CHECK(s.store->commit() == 0);
  CHECK(s.store->committed().index == 8);
  CHECK(s.put(range_of(first, 0, lines_of(0, 2), 2), lines_of(0, 2)) == Put::repeated);
  CHECK(s.put(range_of(first, 0, "lime 0\n", 1), "lime 0\n") == Put::differs);
  CHECK(s.put(range_of(first, 35, lines_of(5, 9), 9, lines_of(0, 5)), lines_of(5, 9)) == Put::left);
  CHECK(s.put(range_of(first, 35, "a piece", 5, lines_of(0, 5)), "a piece") == Put::left);  // of a line that is there elsewhere
  fs::remove(s.file(first));  // whoever keeps the archive may remove old files
  CHECK(s.put(range_of(first, 0, lines_of(0, 2), 2), lines_of(0, 2)) == Put::repeated);
}

TEST_CASE("a file that repeats lines is committed when it has all that were there, and what is archived does not go back") {
  Store s;
  s.put_lines(0, 5, Follows::nothing);
  const std::string replacing = name_of_file(2, 3);
  CHECK(s.put(range_of(replacing, 0, lines_of(3, 4), 4), lines_of(3, 4)) == Put::appended);
  CHECK(s.store->is_repeating());
  CHECK(s.store->commit() == 0);
  CHECK(s.store->committed() == Committed{first, 35, 5, false, false});
  CHECK(s.put(range_of(replacing, 7, lines_of(4, 8), 8, lines_of(3, 4)), lines_of(4, 8)) == Put::appended);
  CHECK(s.store->commit() == 0);
  CHECK(s.store->committed() == Committed{replacing, 35, 8, false, false});
}

// The host's file is replaced at line 1, and soon again at line 4. It may have removed all below line 6 by then.
TEST_CASE("a file that only repeats lines makes way for the next one, and no reader finds a hole") {
  Store s;
  s.put_lines(0, 6, Follows::nothing);
  const std::string replacing = name_of_file(2, 1), again = name_of_file(3, 4);
  CHECK(s.put(range_of(replacing, 0, lines_of(1, 3), 3), lines_of(1, 3)) == Put::appended);
  CHECK(s.put(range_of(again, 0, lines_of(4, 8), 8), lines_of(4, 8)) == Put::appended);
  CHECK(s.store->commit() == 0);
  CHECK(s.store->committed() == Committed{again, 28, 8, false, false});
  CHECK(!fs::exists(s.file(replacing)));
  s.begin();
  CHECK(s.error == 0);
  CHECK(content(s.file(first)) == lines_of(0, 6));
}

TEST_CASE("what is wanted is behind what is committed, and a file that only repeats lines is given up for it") {
  Store s;
  s.put_lines(0, 5, Follows::nothing);
  CHECK(s.store->commit() == 0);
  const std::string replacing = name_of_file(2, 3);
  CHECK(s.put(range_of(replacing, 0, lines_of(3, 4), 4), lines_of(3, 4)) == Put::appended);
  CHECK(s.put(range_of(replacing, 14, lines_of(5, 6), 6, lines_of(4, 5)), lines_of(5, 6)) == Put::gap);
  CHECK(s.store->set_wanted() == 0);
  CHECK(s.store->commit() == 0);
  CHECK(s.store->committed() == Committed{first, 35, 5, true, false});
  CHECK(!fs::exists(s.file(replacing)));
  CHECK(s.put(range_of(replacing, 0, lines_of(3, 6), 6), lines_of(3, 6)) == Put::appended);
  CHECK(s.store->commit() == 0);
  CHECK(s.store->committed() == Committed{replacing, 21, 6, false, false});
}

TEST_CASE("what differs is named with its first byte, also where only the bytes before a range do") {
  Store s;
  s.put_lines(0, 5, Follows::nothing);
  std::string changed = lines_of(2, 6);
  changed[3] = 'X';
  CHECK(s.put(range_of(first, 14, changed, 6, lines_of(0, 2)), changed) == Put::differs);
  CHECK(s.text.find(first + ": what the host sends as bytes 14 to 42 differs from what is there, first at byte 17") !=
        std::string::npos);
  CHECK(s.put(range_of(first, 35, lines_of(5, 6), 6, "other bytes"), lines_of(5, 6)) == Put::differs);
  CHECK(content(s.file(first)) == lines_of(0, 5));
  s.store->keep_conflict(range_of(first, 14, changed, 6, lines_of(0, 2)), changed, "why");
  s.store->keep_conflict(range_of(first, 14, changed, 6, lines_of(0, 2)), "not the first one", "why");
  CHECK(content(s.file(first + ".conflict")) == "why\n" + changed);
}

TEST_CASE("a header that counts other lines than there are makes the message wrong") {
  Store s;
  CHECK(s.put(range_of(first, 0, lines_of(0, 3), 4, {}, Follows::nothing), lines_of(0, 3)) == Put::wrong);
  CHECK(s.put(range_of(first, 0, lines_of(0, 3), 3, {}, Follows::nothing), lines_of(0, 3)) == Put::appended);
  CHECK(s.put(range_of(first, 21, "half a line", 3, lines_of(0, 3)), "half a line") == Put::appended);
  CHECK(s.put(range_of(first, 32, "more\n", 3, lines_of(0, 3) + "half a line"), "more\n") == Put::wrong);
  CHECK(s.put(range_of(first, 32, "more\n", 4, lines_of(0, 3) + "half a line"), "more\n") == Put::appended);
}

TEST_CASE("a sync that fails is not asked for again: a copy of what is committed takes the file's place") {
  Store s;
  s.put_lines(0, 3, Follows::nothing);
  s.store->commit();
  const auto inode = [&] {
    struct stat status {};
    REQUIRE(::stat(s.file(first).c_str(), &status) == 0);
    return status.st_ino;
  };
  const ino_t failed = inode();
  const os::Fd kept(::open(s.file(first).c_str(), O_RDONLY));  // so that its number is not given again
  s.put_lines(3, 5);
  fault.data_syncs = 1;
  CHECK(s.store->commit() == -EIO);
  CHECK(std::string(os::last_error()).find(first + ": cannot sync it") != std::string::npos);
  CHECK(!s.store->is_open());
  CHECK(!s.store->is_uncommitted());
  CHECK(s.store->open() == 0);
  CHECK(inode() != failed);
  CHECK(content(s.file(first)) == lines_of(0, 3));
  CHECK(s.put_lines(3, 5) == Put::appended);
  CHECK(s.store->commit() == 0);
}

TEST_CASE("a copy whose name did not become durable is made once more, also by the next receiver") {
  Store s;
  s.put_lines(0, 3, Follows::nothing);
  s.store->commit();
  s.put_lines(3, 5);
  fault.data_syncs = 1;
  CHECK(s.store->commit() == -EIO);
  calls.clear();
  fault.name_syncs = 0;
  // The record, and its name; then the copy, and its name, of which the disk says that it failed.
  const Replaced<&os::Calls::renameat> rename([](int from, const char* old, int to, const char* now) {
    if (std::string_view(old) == "replace.tmp") fault.name_syncs = 1;
    return Replaced<&os::Calls::renameat>::real(from, old, to, now);
  });
  CHECK(s.store->open() == -EIO);
  Committed read;
  os::Fd directory;
  REQUIRE(os::open_at(AT_FDCWD, s.store->path().c_str(), O_RDONLY | O_DIRECTORY, 0, directory) == 0);
  CHECK(read_committed(directory.get(), read) == 0);
  CHECK(read.replace);
  os::calls.renameat = Replaced<&os::Calls::renameat>::real;
  struct stat before {
  }, after{};
  REQUIRE(::stat(s.file(first).c_str(), &before) == 0);
  const os::Fd kept(::open(s.file(first).c_str(), O_RDONLY));
  s.begin();
  CHECK(s.error == 0);
  REQUIRE(::stat(s.file(first).c_str(), &after) == 0);
  CHECK(before.st_ino != after.st_ino);
  CHECK(read_committed(directory.get(), read) == 0);
  CHECK(!read.replace);
}

TEST_CASE("a record that does not reach the disk is written anew, and what was committed before holds") {
  Store s;
  s.put_lines(0, 3, Follows::nothing);
  s.store->commit();
  s.put_lines(3, 5);
  fault.data_skips = fault.data_syncs = 1;
  CHECK(s.store->commit() == -EIO);
  CHECK(s.store->committed().bytes == 21);
  CHECK(s.store->open() == 0);
  CHECK(s.store->committed().bytes >= 21);
  CHECK(fs::file_size(s.file(first)) == s.store->committed().bytes);
}

TEST_CASE("a full disk loses nothing of what was appended before, and goes on") {
  Store s;
  s.put_lines(0, 3, Follows::nothing);
  fault.writes = 1, fault.error = ENOSPC;
  CHECK(s.put_lines(3, 5) == Put::full);
  CHECK(fs::file_size(s.file(first)) == 28);  // half of it
  CHECK(s.put_lines(3, 4) == Put::appended);  // shorter than what failed
  CHECK(s.store->commit() == 0);
  CHECK(content(s.file(first)) == lines_of(0, 4));
}

TEST_CASE("a directory that a crash cannot have left is refused, named, and left as it is") {
  Store s;
  s.put_lines(0, 3, Follows::nothing);
  s.store->commit();
  const std::string record = content(s.file("committed"));
  const auto refuses = [&](const std::string& why) {
    s.begin();
    CHECK(s.error == -EBADMSG);
    CHECK_MESSAGE(std::string(os::last_error()).find(why) != std::string::npos, os::last_error());
    CHECK(fs::exists(s.file(first)));
  };
  fs::remove(s.file("committed"));
  refuses("it has files of a log, but no file `committed`");
  put_content(s.file("committed"), std::string(1024, 'x'));
  refuses("neither of its records can be read");
  put_content(s.file("committed"), record);
  put_content(s.file(first), lines_of(0, 2));
  refuses("it has 14 bytes, and had 21 when they were acknowledged");
  put_content(s.file(first), lines_of(0, 3));
  s.begin();
  CHECK(s.error == 0);
}

TEST_CASE("one torn record leaves the one before") {
  Store s;
  s.put_lines(0, 3, Follows::nothing);
  s.store->commit();
  s.put_lines(3, 5);
  s.store->commit();
  std::string record = content(s.file("committed"));
  const std::size_t newest = record.find("\"bytes\":35");
  REQUIRE(newest != record.npos);
  record[newest + 8] = '9';
  put_content(s.file("committed"), record);
  s.begin();
  CHECK(s.error == 0);
  CHECK(s.store->committed().bytes == 21);
  CHECK(content(s.file(first)) == lines_of(0, 3));
}

TEST_CASE("an archive's path does not lead out of it by a link") {
  Store s;
  Directory elsewhere;
  fs::create_directory_symlink(elsewhere.path(), s.root.log() + "/linked");
  LogStore store(s.directory.get(), s.root.log(), {"linked", "r", "0123456789abcdef"});
  CHECK(store.open() < 0);
  CHECK(fs::is_empty(elsewhere.path()));
}

TEST_CASE("nobody is accused of what a failing disk has made of bytes that are not committed") {
  Store s;
  s.put_lines(0, 3, Follows::nothing);
  s.store->commit();
  s.put_lines(3, 5);
  {
    std::fstream file(s.file(first), std::ios::in | std::ios::out);  // the disk did not take them, and they are read back
    file.seekp(22), file.put('\0');
  }
  fault.data_syncs = 1;
  CHECK(s.put_lines(3, 5) == Put::failed);
  CHECK(s.store->open() == 0);
  CHECK(s.put_lines(3, 5) == Put::appended);
}
