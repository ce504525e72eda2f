// Rings without a name, see ghost.hpp. Invariant: a link of /proc only tells where to look; what is opened is checked as any
// ring.
#include "lib/os/ghost.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "lib/os/error.hpp"
#include "lib/os/process.hpp"

namespace shmring::os {
namespace {

// The names in a folder. 0 or −errno.
int names_in(const std::string& path, std::vector<std::string>& out) {
  Fd folder;
  if (const int error = open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY, 0, folder)) return error;
  DIR* const entries = calls.fdopendir(folder.get());
  if (entries == nullptr) return -errno;
  folder.release();
  errno = 0;
  while (const dirent* const entry = calls.readdir(entries)) out.emplace_back(entry->d_name);
  const int error = errno;
  calls.closedir(entries);
  return -error;
}

// What a link says; "" and errno where it cannot be read. A path that is longer than this is no ring's.
std::string link_text(const std::string& path) {
  char text[512];
  const ssize_t bytes = calls.readlink(path.c_str(), text, sizeof text);
  return bytes > 0 ? std::string(text, static_cast<std::size_t>(bytes)) : std::string();
}

int refuse(std::string_view ring, u32 pid, int error) {
  return fail(-error, "ring %.*s: cannot open what process %u has mapped of it: %s", static_cast<int>(ring.size()), ring.data(),
              pid, std::strerror(-error));
}

}  // namespace

bool is_running(u32 pid, u64 start_time) {
  const std::optional<u64> start = start_time_of(pid);
  return start && start_time != 0 && *start == start_time;
}

int open_ghost(std::string_view ring, const ring::RingId& identity, u32 pid, Segment& out, const char* owner) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/map_files/";
  const std::string wanted = "/" + file_name(std::string(ring)) + " (deleted)";
  std::vector<std::string> names;
  if (const int error = names_in(folder, names)) return refuse(ring, pid, error);
  int refused = -ENOENT;
  for (const std::string& name : names) {
    errno = 0;
    const std::string target = link_text(folder + name);
    if (target.empty() && (errno == EPERM || errno == EACCES)) refused = -errno;
    if (!target.ends_with(wanted)) continue;
    Fd fd;
    if (const int error = open_at(AT_FDCWD, (folder + name).c_str(), O_RDWR | O_NONBLOCK, 0, fd)) {
      refused = error;
      continue;
    }
    Segment segment;
    if (const int error = attach_open(ring, std::move(fd), segment, owner)) {
      refused = error;
      continue;
    }
    if (segment.ring.identity != identity) continue;  // a ring of that name before it or behind it
    if (!unlinked(segment)) return refuse(ring, pid, -EEXIST);
    out = std::move(segment);
    return 0;
  }
  return refuse(ring, pid, refused);
}

}  // namespace shmring::os
