// The verbs by which bytes and names come to survive a power cut: see durable.hpp.
#include "lib/os/durable.hpp"

#include <cerrno>
#include <cstdio>

#include "lib/os/calls.hpp"

namespace shmring::os {
namespace {

int until_done(int (*call)(int), int fd) {
  while (call(fd) != 0) {
    if (errno != EINTR) return -errno;
  }
  return 0;
}

}  // namespace

int sync_data(int file) { return until_done(calls.fdatasync, file); }

int sync_all(int file_or_directory) { return until_done(calls.fsync, file_or_directory); }

int rename_new(int directory, const char* temporary, const char* name) {
  if (calls.renameat2(directory, temporary, directory, name, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -errno;
  if (calls.linkat(directory, temporary, directory, name, 0) != 0) return -errno;
  return calls.unlinkat(directory, temporary, 0) == 0 ? 0 : -errno;
}

}  // namespace shmring::os
