// A disk that is full at each byte, and then has room again: no line is torn, the log says it, and goes on. Also what is taken
// of a disk before it is needed, and given back.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "tests/support/mode.hpp"
#include "tests/unit/log/files/durable_log.hpp"

using namespace log_test;

namespace {

// A disk with room for so many bytes in the file that is written. Room that was reserved is there.
struct Full {
  bool can_reserve;
  u64 capacity, reserved;
};
Full full;

int reserve_room(int, int, off_t at, off_t bytes) {
  if (!full.can_reserve) return errno = EOPNOTSUPP, -1;
  const auto end = static_cast<u64>(at + bytes);
  if (end > full.capacity) return errno = ENOSPC, -1;
  return full.reserved = std::max(full.reserved, end), 0;
}

// Takes what there is room for, and then nothing.
ssize_t write_what_fits(int fd, const void* data, std::size_t bytes) {
  struct stat status {};
  ::fstat(fd, &status);
  const u64 end = std::max(full.capacity, full.reserved), left = end - std::min(end, static_cast<u64>(status.st_size));
  if (left == 0) return errno = ENOSPC, -1;
  return ::write(fd, data, std::min<std::size_t>(bytes, left));
}

const Line& incident() {
  static const Line line = Note{"incident", 0, {{"what", "the disk is full"}, {"code", "log_failing"}}};
  return line;
}

bool has_whole_lines(const fs::path& file) {
  const std::string text = content(file);
  return text.ends_with('\n') && text.find('\0') == text.npos;
}

// The room is used up when the file has so many bytes more than it had, and comes back later.
void fill_and_free(bool can_reserve, u64 more) {
  CAPTURE(can_reserve);
  CAPTURE(more);
  full = {false, ~u64{0}, 0};
  DurableLog log;
  Replaced<&os::Calls::fallocate> reserve(reserve_room);
  os::calls.write = write_what_fits;  // DurableLog puts the real ones back
  os::calls.fdatasync = [](int) { return 0; };
  FilePolicy small;
  small.max_bytes = 64 << 10;  // so the steps are small
  log.writer->log.set_policy(small);
  full.can_reserve = can_reserve;
  log.writer->log.begin_new_file(log.writer->accounts());
  REQUIRE(log.write() == 0);
  const fs::path file = log_files(log.dir.log())[1];
  full.capacity = std::max(full.reserved, fs::file_size(file)) + more;
  const std::string payload(100, 'x');  // a line refers to it
  int error = 0;
  while (error == 0) {
    const Line line = event("pay", 10, ++log.sequence, payload);
    log.writer->ledger.apply(line);
    error = log.writer->append({&line, 1}, RingId{});
    REQUIRE(log.sequence < 200);
    CHECK(has_whole_lines(file));
  }
  CHECK(error == -ENOSPC);
  const bool fits = log.writer->log.write_urgent(incident()) == 0;
  if (can_reserve) CHECK(fits);  // the room was kept for it
  CHECK(has_whole_lines(file));
  CHECK((content(file).find("the disk is full") != std::string::npos) == fits);
  const u64 next = log.next();
  for (int i = 0; i < 3; ++i) CHECK(log.writer->try_again() == -ENOSPC);
  CHECK(log.next() == next);
  CHECK(has_whole_lines(file));
  full.capacity = ~u64{0};
  CHECK(log.writer->try_again() == 0);
  CHECK(log.durable() == log.next());
  CHECK(log.write() == 0);
  CHECK(log.voids.empty());
  log.check();
}

u64 bytes_on_disk(const fs::path& file) {
  struct stat status {};
  ::stat(file.c_str(), &status);
  return static_cast<u64>(status.st_blocks) * 512;
}

// On real file systems, those of them that can reserve room: a log with one line, in a directory of its own.
template <class F>
void on_each_file_system(F body) {
  for (const std::string place : {"/dev/shm", "/tmp"}) {
    CAPTURE(place);
    std::string name = place + "/shmring-reserve-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    {
      TestLog writer(name, "ring", {}, at(Level::every));
      const bool can_reserve = writer.log.reserve_error() == 0;
      if (!can_reserve) MESSAGE("no room can be reserved in ", place);
      CHECK(writer.append({life(Life::attach, "pay", 10)}) == 0);
      if (can_reserve) body(writer, name);
    }
    fs::remove_all(name);
  }
}

}  // namespace

TEST_CASE("22: a disk that is full at each byte, and then has room: an incident, no torn line, and the log goes on") {
  for (const bool can_reserve : {true, false})
    for (u64 more = 0; more < 700; more += test::by_mode<u64>(7, 1, 1))
      if (test::is_of_share(more, 6)) fill_and_free(can_reserve, more);
}

TEST_CASE("a batch is not begun if there is no room for it and for a line that says so") {
  full = {true, ~u64{0}, 0};
  DurableLog log;
  Replaced<&os::Calls::fallocate> reserve(reserve_room);
  CHECK(log.write() == 0);
  const u64 before = log.next();
  full.capacity = 0;
  const std::string large(16 << 20, 'x');  // more than was taken when the file was begun
  CHECK(log.writer->append({event("pay", 10, ++log.sequence, large)}) == -ENOSPC);
  CHECK(log.next() == before);
  full.capacity = ~u64{0};
  CHECK(log.writer->try_again() == 0);
  CHECK(full.reserved >= (u64{16} << 20) + (u64{1} << 20));
  log.check();
}

TEST_CASE("no new file is begun while a part of a line that did not fit cannot be cut from the old one") {
  full = {false, ~u64{0}, 0};
  DurableLog log;
  CHECK(log.write() == 0);
  const fs::path file = log_files(log.dir.log())[0];
  full.capacity = fs::file_size(file) + 10;
  os::calls.write = write_what_fits;  // DurableLog puts the real ones back
  {
    const Replaced<&os::Calls::ftruncate> cut([](int, off_t) { return errno = EIO, -1; });
    CHECK(log.writer->log.write_urgent(incident()) == -ENOSPC);
    CHECK_FALSE(has_whole_lines(file));
    full.capacity = ~u64{0};
    log.writer->log.begin_new_file(log.writer->accounts());
    CHECK(log.writer->log.roll_error() == -EIO);
    CHECK(log_files(log.dir.log()).size() == 1);
  }
  log.writer->log.begin_new_file(log.writer->accounts());
  CHECK(log.writer->log.roll_error() == 0);
  CHECK(has_whole_lines(file));
  CHECK(log.write() == 0);
  CHECK(log_files(log.dir.log()).size() == 2);
  log.check();
}

TEST_CASE("a log is not begun, nor a file, where there is no room for more than its first line") {
  full = {true, 100'000, 0};
  Replaced<&os::Calls::fallocate> reserve(reserve_room);
  Directory dir;
  TestLog writer(dir.log());
  CHECK(writer.error == -ENOSPC);
  CHECK(log_files(dir.log()).empty());
  CHECK(std::string(os::last_error()).find("make room in it") != std::string::npos);
}

TEST_CASE("what the disk cannot reserve is reported, and the log is written without") {
  for (const int error : {EOPNOTSUPP, EFBIG, EIO}) {
    static int failure;
    failure = error;
    Replaced<&os::Calls::fallocate> reserve([](int, int, off_t, off_t) { return errno = failure, -1; });
    DurableLog log;
    for (int i = 0; i < 5; ++i) CHECK(log.write() == 0);
    CHECK(log.writer->log.reserve_error() == -error);
    log.check();
  }
}

TEST_CASE("a file that is written has room for more on the disk, a closed one and one that is ended have not") {
  on_each_file_system([](TestLog& writer, const std::string& name) {
    const fs::path first = log_files(name)[0];
    CHECK(bytes_on_disk(first) >= u64{8} << 20);
    CHECK(fs::file_size(first) < 10'000);
    writer.log.begin_new_file(writer.accounts());
    CHECK(writer.append({event("pay", 10, 1, "x")}) == 0);
    const fs::path second = log_files(name)[1];
    CHECK(bytes_on_disk(first) <= 16'384);
    CHECK(bytes_on_disk(second) >= u64{8} << 20);
    writer.log.give_back_reserve();
    CHECK(bytes_on_disk(second) <= 16'384);
    CHECK(proven(name));
  });
}

TEST_CASE("a void file gives its room back when what it was to say is durable in another one") {
  on_each_file_system([](TestLog& writer, const std::string& name) {
    writer.log.append(writer.accounts());
    writer.try_again();
    const fs::path failed = log_files(name)[0];
    static int failures;
    failures = 2;
    const Replaced<&os::Calls::fdatasync> syncing(
        [](int fd) { return failures > 0 ? --failures, errno = EIO, -1 : Replaced<&os::Calls::fdatasync>::real(fd); });
    CHECK(writer.append({event("pay", 10, 1, "x")}) == 0);
    CHECK(failures == 0);  // also that of the first replacement
    CHECK(bytes_on_disk(failed) >= u64{8} << 20);
    const std::string text = content(failed);
    for (int i = 0; i < 3; ++i) writer.try_again();
    CHECK(writer.log.committed().durable == writer.log.committed().index);
    CHECK(bytes_on_disk(failed) <= 16'384);
    CHECK(content(failed) == text);
    CHECK(proven(name));
  });
}
