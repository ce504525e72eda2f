// What may be sent of a log: whole lines below D, from the file that holds them durably.
#include "lib/fleet/log_feed.hpp"

#include <atomic>

#include "lib/log/files/compress.hpp"
#include "lib/os/error.hpp"
#include "tests/unit/fleet/support.hpp"

using namespace fleet_test;

namespace {

struct Feed {
  explicit Feed(const SmallLog& log) : feed(log.path()) { look(); }
  void look() {
    REQUIRE(feed.look_at_mark() == 0);
    REQUIRE(feed.list() == 0);
  }
  int next(const Position& from, std::size_t most = most_bytes) { return feed.next(from, most, chunk); }

  LogFeed feed;
  Chunk chunk;
};

const std::string first = name_of_file(1, 0), later = name_of_file(2, 5);

}  // namespace

TEST_CASE("lines below D are read, as far as a range goes, and none behind it") {
  SmallLog log;
  log.put(first, lines_of(0, 10));
  log.set_durable(3);
  Feed feed(log);
  REQUIRE(feed.next({first, 0, 0}) == 1);
  CHECK(feed.chunk.bytes == lines_of(0, 3));
  CHECK(feed.chunk.range == range_of(first, 0, lines_of(0, 3), 3));
  CHECK(feed.next({first, 21, 3}) == 0);
  log.set_durable(10);
  feed.look();
  REQUIRE(feed.next({first, 21, 3}, 20) == 1);  // two lines fit, and a half
  CHECK(feed.chunk.range == range_of(first, 21, lines_of(3, 5), 5, lines_of(0, 3)));
}

TEST_CASE("a line that is longer than a range comes in pieces, and only once all of it is durable") {
  SmallLog log;
  const std::string longer = std::string(50, 'x') + "\n";
  log.put(first, longer + lines_of(1, 3));
  log.set_durable(0);
  Feed feed(log);
  CHECK(feed.next({first, 0, 0}, 20) == 0);
  log.set_durable(3);
  feed.look();
  REQUIRE(feed.next({first, 0, 0}, 20) == 1);
  CHECK(feed.chunk.range == range_of(first, 0, std::string(20, 'x'), 0));
  REQUIRE(feed.next({first, 20, 0}, 20) == 1);
  REQUIRE(feed.next({first, 40, 0}, 20) == 1);
  CHECK(feed.chunk.bytes == std::string(10, 'x') + "\n" + lines_of(1, 2));
  CHECK(feed.chunk.range.next_index == 2);
}

TEST_CASE("a file ends where the next one begins, and the next one is read from its first byte") {
  SmallLog log;
  log.put(first, lines_of(0, 5) + "bytes behind its end\n");
  log.put(later, lines_of(5, 8));
  log.set_durable(8);
  Feed feed(log);
  REQUIRE(feed.next({first, 0, 0}) == 1);
  CHECK(feed.chunk.bytes == lines_of(0, 5));
  REQUIRE(feed.next({first, 35, 5}) == 1);
  CHECK(feed.chunk.range == range_of(later, 0, lines_of(5, 8), 8));
}

TEST_CASE("a file that another one replaces is left for the first byte of that one") {
  SmallLog log;
  log.put(first, lines_of(0, 6));
  log.put(name_of_file(2, 2), lines_of(2, 9));
  log.set_durable(9);
  Feed feed(log);
  REQUIRE(feed.next({first, 28, 4}) == 1);  // line 4 was next, and stands in the other file, behind lines 2 and 3
  CHECK(feed.chunk.range == range_of(name_of_file(2, 2), 0, lines_of(2, 9), 9));
  log.put(name_of_file(3, 0), lines_of(0, 9));  // behind the first one, which is superseded
  feed.look();
  REQUIRE(feed.next({first, 7, 1}) == 1);
  CHECK(feed.chunk.range.file == name_of_file(3, 0));
  CHECK(feed.chunk.range.begin == 0);
}

TEST_CASE("a compressed file is read as the plain one, also if it was compressed while it was open") {
  SmallLog log;
  log.put(first, lines_of(0, 5));
  log.put(later, lines_of(5, 8));
  log.set_durable(8);
  Feed feed(log);
  REQUIRE(feed.next({first, 0, 0}, 20) == 1);
  shmring::log::DirectorySync sync;
  const std::atomic<bool> stop{false};
  REQUIRE(shmring::log::compress(feed.feed.directory(), log.path(), feed.feed.files()[0], sync, stop) == 0);
  feed.look();
  REQUIRE(feed.next({first, 14, 2}) == 1);
  CHECK(feed.chunk.range == range_of(first, 14, lines_of(2, 5), 5, lines_of(0, 2)));
  u64 lines = 0;
  CHECK((feed.feed.count(first, 21, lines) == 0 && lines == 3));
  CHECK(feed.feed.count(first, 36, lines) == -ENODATA);
  CHECK(feed.feed.count(name_of_file(9, 0), 1, lines) == -ENOENT);
}

TEST_CASE("what no file holds, and a file that was cut below D, are errors that name it") {
  SmallLog log;
  log.put(later, lines_of(5, 8));
  log.set_durable(10);
  Feed feed(log);
  CHECK(feed.next({first, 7, 1}) == -ENODATA);
  CHECK(std::string(os::last_error()).find("no file of it holds line 1; it begins with line 5") != std::string::npos);
  CHECK(feed.next({later, 21, 8}) == -EUCLEAN);
  CHECK(std::string(os::last_error()).find("before the end of line 8, which is durable") != std::string::npos);
}

TEST_CASE("without a mark that is this place's nothing is durable") {
  SmallLog log;
  LogFeed feed(log.path());
  log.put(first, lines_of(0, 5));
  CHECK(feed.look_at_mark() == -ENOENT);
  log.set_durable(5);
  CHECK(feed.look_at_mark() == 0);
  CHECK(feed.durable() == 5);
  const std::string mark = content(log.file("mark"));
  log.put("mark", mark.substr(0, 200));
  CHECK(feed.look_at_mark() == -EBADMSG);
  CHECK(feed.durable() == 0);
  put_content(log.file("copy"), mark);
  fs::rename(log.file("copy"), log.file("mark"));  // another inode than it names
  CHECK(feed.look_at_mark() == -EBADMSG);
  CHECK(std::string(os::last_error()).find("written in another place") != std::string::npos);
  CHECK(feed.durable() == 0);
}
