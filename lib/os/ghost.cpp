// Rings without a name, see ghost.hpp. Invariant: a link of /proc only tells where to look. What is opened is checked like any
// ring.
#include "lib/os/ghost.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "lib/os/error.hpp"
#include "lib/os/place.hpp"
#include "lib/os/process.hpp"

namespace shmring::os {
namespace {

int names_at(const std::string& path, std::vector<std::string>& out) {
  Fd folder;
  const int error = open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY, 0, folder);
  return error != 0 ? error : names_in(std::move(folder), out);
}

// Returns what a link says, or "" and errno if it cannot be read. A path longer than this belongs to no ring.
std::string link_text(const std::string& path) {
  char text[512];
  const ssize_t bytes = calls.readlink(path.c_str(), text, sizeof text);
  return bytes > 0 ? std::string(text, static_cast<std::size_t>(bytes)) : std::string();
}

// Opens the file that a link of /proc refers to if it is a regular one. Nothing else is opened, whatever the link says.
int open_regular(const std::string& link, Fd& out) {
  Fd place;
  if (const int error = open_at(AT_FDCWD, link.c_str(), O_PATH, 0, place)) return error;
  struct stat status {};
  if (calls.fstat(place.get(), &status) != 0) return -errno;
  if (!S_ISREG(status.st_mode)) return -ENOENT;
  return open_at(AT_FDCWD, ("/proc/self/fd/" + std::to_string(place.get())).c_str(), O_RDWR, 0, out);
}

struct Wanted {
  std::string ring, folder, file;  // file: of the ring, with the slash before it
  ring::RingId identity;
  u32 pid;
  const char* owner;
};

// Accepts the names that a ring may have had: its own, or another one in the same folder.
bool may_be(const Wanted& wanted, std::string_view target) {
  constexpr std::string_view deleted = " (deleted)";
  const bool in_folder = target.starts_with(wanted.folder) && target.find('/', wanted.folder.size()) == target.npos;
  if (target.ends_with(deleted)) target.remove_suffix(deleted.size());
  return in_folder || target.ends_with(wanted.file);
}

int refuse(const Wanted& wanted, int error) {
  return fail(-error, "ring %s: cannot open what process %u has mapped of it: %s", wanted.ring.c_str(), wanted.pid,
              std::strerror(-error));
}

// Searches the mappings of one task. If a ring is refused, the text is set.
int find_in(const Wanted& wanted, const std::string& task, Segment& out) {
  const std::string folder = "/proc/" + task + "/map_files/";
  std::vector<std::string> names;
  if (const int error = names_at(folder, names)) return refuse(wanted, error);
  int refused = -ENOENT;
  for (const std::string& name : names) {
    errno = 0;
    const std::string target = link_text(folder + name);
    if (target.empty() && (errno == EPERM || errno == EACCES)) return refuse(wanted, -errno);
    if (!may_be(wanted, target)) continue;
    Fd file;
    Segment segment;
    int error = open_regular(folder + name, file);
    if (error != 0 && error != -ENOENT) refused = refuse(wanted, error);
    if (error != 0) continue;
    if (error = attach_open(wanted.ring, std::move(file), segment, wanted.owner); error != 0) {
      if (target.ends_with(wanted.file + " (deleted)")) refused = error;
      continue;
    }
    if (segment.ring.identity != wanted.identity) continue;  // another ring
    if (!unlinked(segment)) return refuse(wanted, -EEXIST);
    out = std::move(segment);
    return 0;
  }
  return refused;
}

}  // namespace

Running is_running(u32 pid, u64 start_time) {
  if (start_time != 0) {
    if (const std::optional<u64> start = start_time_of(pid)) return *start == start_time ? Running::yes : Running::no;
  }
  return calls.kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH && start_time != 0 ? Running::no : Running::unknown;
}

// Each task is searched, because the one that the process is named after may have ended, and then shows no mappings.
int open_ghost(std::string_view ring, const ring::RingId& identity, u32 pid, Segment& out, const char* owner) {
  Wanted wanted{std::string(ring), "", "/" + file_name(std::string(ring)), identity, pid, owner};
  Fd directory;
  if (const int error = open_directory(wanted.ring, wanted.folder, directory)) return error;
  wanted.folder += "/";
  std::vector<std::string> tasks;
  if (const int error = names_at("/proc/" + std::to_string(pid) + "/task", tasks)) return refuse(wanted, error);
  for (const std::string& task : tasks) {
    if (task.starts_with('.')) continue;
    const int error = find_in(wanted, task, out);
    if (error == 0) return 0;
    if (error != -ENOENT) return error;
  }
  return refuse(wanted, -ENOENT);
}

}  // namespace shmring::os
