// The link from a log to its segment, see origin.hpp. Invariant: it is read as a text, never opened.
#include "lib/os/origin.hpp"

#include <fcntl.h>
#include <limits.h>

#include <cerrno>
#include <cstring>

#include "lib/os/error.hpp"
#include "lib/os/segment.hpp"

namespace shmring::os {
namespace {

std::string link_of(const std::string& log_dir) { return log_dir + "/segment"; }

int place_of(const std::string& ring, std::string& path) {
  Fd directory;
  const int error = open_directory(ring, path, directory);
  path += "/" + file_name(ring);
  return error;
}

// "": none, or what is no absolute path.
std::string recorded(const std::string& log_dir) {
  char path[PATH_MAX];
  const ssize_t bytes = calls.readlink(link_of(log_dir).c_str(), path, sizeof path);
  if (bytes <= 0 || bytes == sizeof path || path[0] != '/') return "";
  return {path, static_cast<std::size_t>(bytes)};
}

bool status_of(const std::string& path, struct stat& out) {
  return calls.fstatat(AT_FDCWD, path.c_str(), &out, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace

int check_origin(const std::string& log_dir, const std::string& ring) {
  if (!valid_name(ring)) return 0;  // attach says so
  std::string here;
  if (const int error = place_of(ring, here)) return error;
  const std::string there = recorded(log_dir);
  struct stat first {}, ours {};
  if (there.empty() || there == here || !status_of(there, first)) return 0;
  // One place may have two paths.
  if (status_of(here, ours) && ours.st_dev == first.st_dev && ours.st_ino == first.st_ino) return 0;
  const std::string directory = there.substr(0, there.rfind('/'));
  return fail(EINVAL,
              "log %.200s: it is of the ring at %.200s, which is still there, expected %.200s: start with SHMRING_DIR=%.200s, "
              "or give another log; if that ring is over, remove it: SHMRING_DIR=%.200s shmring rm %.80s",
              log_dir.c_str(), there.c_str(), here.c_str(), directory.c_str(), directory.c_str(), ring.c_str());
}

int record_origin(const std::string& log_dir, const std::string& ring) {
  std::string here;
  if (const int error = place_of(ring, here)) return error;
  if (recorded(log_dir) == here) return 0;
  const std::string link = link_of(log_dir);
  calls.unlinkat(AT_FDCWD, link.c_str(), 0);
  if (calls.symlinkat(here.c_str(), AT_FDCWD, link.c_str()) == 0) return 0;
  return fail(errno, "log %.200s: cannot link segment to %.200s: %s", log_dir.c_str(), here.c_str(), std::strerror(errno));
}

}  // namespace shmring::os
