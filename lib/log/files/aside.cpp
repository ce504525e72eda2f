// What is cut off a log: see aside.hpp.
#include "lib/log/files/aside.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "lib/log/files/names.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

// A name that nothing has. Of two starts within a second, or with a clock that was set back, both may cut at one index.
std::string aside_name(int directory, u64 index) {
  std::string name;
  struct stat status {};
  u64 time_ns = os::utc_now_ns();
  do {
    name = "torn-" + std::to_string(index) + "-" + compact_time(time_ns) + ".txt";
    time_ns += os::second_ns;
  } while (os::calls.fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0);
  return name;
}

int copy(int directory, int from, u64 begin, u64 end, const char* name) {
  os::Fd aside;
  if (const int error = os::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600, aside)) return error;
  std::vector<char> block(os::block_bytes);
  for (u64 at = begin; at < end;) {
    const ssize_t got = os::read_full(from, block.data(), std::min<u64>(block.size(), end - at), at);
    if (got <= 0) return got < 0 ? static_cast<int>(got) : -EIO;
    if (const int error = os::write_full(aside.get(), block.data(), static_cast<std::size_t>(got))) return error;
    at += static_cast<u64>(got);
  }
  return 0;
}

}  // namespace

int cut_aside(int directory, const std::string& dir, const std::string& name, u64 whole, u64 bytes, u64 index,
              std::string& aside) {
  os::Fd file;
  if (const int error = open_log_file(directory, dir, name, O_RDWR, file)) return error;
  aside = aside_name(directory, index);
  int error = copy(directory, file.get(), whole, bytes, aside.c_str());
  if (error != 0) {
    // A full disk must not keep the log from going on. Nobody was ever told that the torn bytes were stored.
    os::calls.unlinkat(directory, aside.c_str(), 0);
    aside.clear();
    if (error != -ENOSPC && error != -EDQUOT) return file_error(error, dir, name, "keep its torn end in a file beside it");
  }
  error = os::result(os::calls.ftruncate(file.get(), static_cast<off_t>(whole)));
  if (error == 0) return 0;
  // The bytes are still in the log, and the next recovery keeps them, once.
  if (!aside.empty()) os::calls.unlinkat(directory, aside.c_str(), 0);
  return file_error(error, dir, name, "cut its torn end");
}

int move_aside(int directory, const std::string& dir, const std::string& name, u64 bytes, u64 index, std::string& aside) {
  int error = 0;
  if (bytes == 0) {
    error = os::result(os::calls.unlinkat(directory, name.c_str(), 0));
  } else {
    aside = aside_name(directory, index);
    error = os::rename_new(directory, name.c_str(), aside.c_str());
    // It has a second name by now, and the first one may have stayed.
    if (error == 0 && os::calls.unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) error = -errno;
  }
  return error == 0 ? 0 : file_error(error, dir, name, "move it aside");
}

}  // namespace shmring::log
