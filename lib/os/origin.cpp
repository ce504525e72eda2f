// The link from a log to its segment, see origin.hpp. Invariant: the link only tells where to look, and nothing else is
// believed of it.
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

// Returns 0 and the link's text as `path`, −ENOENT if there is no link or its text is not a collector's, or −EINVAL if it is
// not a link.
int recorded(const std::string& log_dir, const std::string& ring, std::string& path) {
  char text[PATH_MAX];
  const ssize_t bytes = calls.readlink(link_of(log_dir).c_str(), text, sizeof text);
  if (bytes < 0) return errno == ENOTDIR ? -ENOENT : -errno;
  path.assign(text, static_cast<std::size_t>(bytes));
  return bytes < PATH_MAX && path.starts_with('/') && path.ends_with("/" + file_name(ring)) ? 0 : -ENOENT;
}

bool is_same_file(const std::string& one, const std::string& other) {
  struct stat first {
  }, second{};
  return calls.fstatat(AT_FDCWD, one.c_str(), &first, AT_SYMLINK_NOFOLLOW) == 0 &&
         calls.fstatat(AT_FDCWD, other.c_str(), &second, AT_SYMLINK_NOFOLLOW) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

// Returns 0 if no ring is there to which producers could be attached, 1 if one is, or −EACCES if that cannot be seen.
int is_there(const std::string& path) {
  Segment segment;
  std::vector<std::string> findings;
  const int error = open_readonly(path, segment, findings);
  if (error == -EACCES) return error;
  return error == 0 && findings.empty() ? 1 : 0;
}

}  // namespace

int check_origin(const std::string& log_dir, const std::string& ring) {
  if (!valid_name(ring)) return 0;  // attach reports it
  std::string here, there;
  if (const int error = place_of(ring, here)) return error;
  if (recorded(log_dir, ring, there) != 0 || there == here || is_same_file(there, here)) return 0;
  const int found = is_there(there);
  if (found == 0) return 0;
  const std::string directory = there.substr(0, there.rfind('/'));
  return fail(
      EINVAL, "log %.100s: its ring is %.100s, which %s, expected %.100s: start with SHMRING_DIR=%.100s, or give another log",
      log_dir.c_str(), there.c_str(), found < 0 ? "may still be there" : "is still there", here.c_str(), directory.c_str());
}

int record_origin(const std::string& log_dir, const std::string& ring) {
  std::string here, there;
  if (const int error = place_of(ring, here)) return error;
  const std::string link = link_of(log_dir), next = link + ".next";
  int error = recorded(log_dir, ring, there);
  if (error == 0 && (there == here || is_same_file(there, here))) return 0;
  if (error == 0 || error == -ENOENT) {
    calls.unlinkat(AT_FDCWD, next.c_str(), 0);  // left by a process that died here
    const bool done = calls.symlinkat(here.c_str(), AT_FDCWD, next.c_str()) == 0 &&
                      calls.renameat(AT_FDCWD, next.c_str(), AT_FDCWD, link.c_str()) == 0;
    error = done ? 0 : -errno;
  }
  if (error == 0) return 0;
  return fail(-error, "log %.200s: cannot make the link `segment` in it to %.200s: %s", log_dir.c_str(), here.c_str(),
              std::strerror(-error));
}

}  // namespace shmring::os
