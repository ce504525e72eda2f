// Which log a directory has: one that was begun anew is another one.
#include "lib/fleet/log_id.hpp"

#include "lib/os/error.hpp"
#include "tests/unit/fleet/support.hpp"

using namespace fleet_test;

namespace {

int id_of(const SmallLog& log, std::string& out) {
  os::Fd directory;
  std::vector<shmring::log::LogFile> files;
  REQUIRE(shmring::log::open_log_directory(log.path(), directory) == 0);
  REQUIRE(shmring::log::list_log_files(directory.get(), log.path(), files) == 0);
  return find_log_id(directory.get(), log.path(), files, out);
}

}  // namespace

TEST_CASE("the id is the hash of the first line, is kept, and is another one once the log was begun anew") {
  SmallLog log;
  std::string id, again;
  log.put(name_of_file(1, 0), lines_of(0, 3));
  REQUIRE(id_of(log, id) == 0);
  CHECK(id == log_id_of("line 0\n"));
  CHECK(content(log.file("log-id")) == id + "\n");
  CHECK(!fs::exists(log.file("log-id.tmp")));
  REQUIRE(id_of(log, again) == 0);
  CHECK(again == id);
  log.put(name_of_file(1, 0), "another beginning\n");
  REQUIRE(id_of(log, again) == 0);
  CHECK(again == log_id_of("another beginning\n"));
  CHECK(content(log.file("log-id")) == again + "\n");
}

TEST_CASE("once the beginning was removed, what was kept says which log this is") {
  SmallLog log;
  std::string id;
  log.put(name_of_file(1, 0), lines_of(0, 3));
  log.put(name_of_file(2, 3), lines_of(3, 5));
  REQUIRE(id_of(log, id) == 0);
  fs::remove(log.file(name_of_file(1, 0)));
  std::string again;
  REQUIRE(id_of(log, again) == 0);
  CHECK(again == id);
  fs::remove(log.file("log-id"));  // then the first line that is there
  REQUIRE(id_of(log, again) == 0);
  CHECK(again == log_id_of("line 3\n"));
}

TEST_CASE("a file that holds anything but an id is an error that names it") {
  SmallLog log;
  std::string id;
  log.put(name_of_file(1, 0), lines_of(0, 3));
  for (const char* text :
       {"", "0123456789abcdef", "0123456789ABCDEF\n", "0123456789abcde\n", "0123456789abcdef\n\n", "../../../../../\n"}) {
    log.put("log-id", text);
    CHECK(id_of(log, id) == -EBADMSG);
    CHECK(std::string(os::last_error()).find("log-id: it is not 16 hex digits") != std::string::npos);
  }
  fs::remove(log.file("log-id"));
  fs::create_symlink("/etc/passwd", log.file("log-id"));
  CHECK(id_of(log, id) < 0);
}

TEST_CASE("without a whole line there is no id yet") {
  SmallLog log;
  std::string id;
  log.put(name_of_file(1, 0), "line");
  CHECK(id_of(log, id) == -ENOENT);
  CHECK(!fs::exists(log.file("log-id")));
}

TEST_CASE("an id that does not reach the disk is not kept, and the error says so") {
  SmallLog log;
  std::string id;
  log.put(name_of_file(1, 0), lines_of(0, 3));
  const Replaced<&os::Calls::fdatasync> sync([](int) { return errno = EIO, -1; });
  CHECK(id_of(log, id) == -EIO);
  CHECK(!fs::exists(log.file("log-id")));
}
