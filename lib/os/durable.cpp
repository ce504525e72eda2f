// The verbs by which bytes and names come to survive a power cut: see durable.hpp.
#include "lib/os/durable.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "lib/os/file.hpp"

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

int sync_with_name(int directory) {
  if (const int error = sync_all(directory)) return error;
  Fd parent;
  const int error = open_at(directory, "..", O_RDONLY | O_DIRECTORY, 0, parent);
  if (error == -EACCES) return 0;
  return error == 0 ? sync_all(parent.get()) : error;
}

int rename_over(int directory, const char* temporary, const char* name) {
  return result(calls.renameat(directory, temporary, directory, name));
}

int rename_new(int directory, const char* temporary, const char* name) {
  struct stat before {
  }, now{};
  if (calls.fstatat(directory, temporary, &before, AT_SYMLINK_NOFOLLOW) != 0) return -errno;
  if (calls.renameat2(directory, temporary, directory, name, RENAME_NOREPLACE) == 0) return 0;
  int error = errno;
  if (error == EINVAL || error == ENOSYS) error = calls.linkat(directory, temporary, directory, name, 0) == 0 ? 0 : errno;
  const bool is_there = calls.fstatat(directory, name, &now, AT_SYMLINK_NOFOLLOW) == 0;
  if (!is_there || now.st_ino != before.st_ino || now.st_dev != before.st_dev) return error == 0 ? -EIO : -error;
  calls.unlinkat(directory, temporary, 0);
  return 0;
}

int reserve(int file, std::uint64_t from, std::uint64_t to) {
  int error = 0;
  do {
    error =
        calls.fallocate(file, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from), static_cast<off_t>(to - from)) == 0 ? 0 : -errno;
  } while (error == -EINTR);
  return error;
}

void give_back_reserve(int file, std::uint64_t bytes) {
  struct stat status {};
  if (calls.fstat(file, &status) == 0 && static_cast<std::uint64_t>(status.st_size) == bytes)
    calls.ftruncate(file, static_cast<off_t>(bytes));
}

}  // namespace shmring::os
