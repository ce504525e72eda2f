// What the sync thread does: see sync_job.hpp.
#include "lib/log/files/sync_job.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "lib/log/files/names.hpp"
#include "lib/os/durable.hpp"

namespace shmring::log {
namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 20;
constexpr mode_t write_bits = 0222;

// A file that could not be sealed is looked at again after a restart. That costs work and no truth.
void seal(const SyncedFile& file) {
  struct stat status {};
  if (os::calls.fstat(file.fd->get(), &status) == 0) os::calls.fchmod(file.fd->get(), status.st_mode & 07777 & ~write_bits);
}

SyncResult sync(const SyncJob& job, int directory) {
  for (const SyncedFile& file : job.files) {
    if (const int error = os::sync_data(file.fd->get())) return {error, file.name};
    struct stat status {};
    if (os::calls.fstat(file.fd->get(), &status) != 0) return {-errno, file.name};
    if (static_cast<u64>(status.st_size) < file.bytes) return {-EUCLEAN, file.name};
  }
  if (job.names)
    if (const int error = os::sync_directory(directory)) return {error, {}};
  for (const SyncedFile& file : job.files)
    if (file.is_closed) seal(file);
  return {};
}

int copy(const Bytes& bytes, int to) {
  if (bytes.text) return os::write_full(to, bytes.text->data() + bytes.from, bytes.text->size() - bytes.from);
  std::string block;
  for (u64 at = bytes.begin; at < bytes.end;) {
    block.resize(std::min<u64>(block_bytes, bytes.end - at));
    const ssize_t got = os::read_full(bytes.file->get(), block.data(), block.size(), at);
    if (got < 0) return static_cast<int>(got);
    if (got == 0) return -EIO;  // it had more when it was looked at
    if (const int error = os::write_full(to, block.data(), static_cast<std::size_t>(got))) return error;
    at += static_cast<u64>(got);
  }
  return 0;
}

// The failed file's owner and mode are the new file's, too.
int copy_all(const SyncJob& job, int directory) {
  os::calls.unlinkat(directory, replacement_name, 0);  // of an attempt that failed
  os::Fd file;
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW;
  if (const int error = os::open_at(directory, replacement_name, flags, 0600, file)) return error;
  struct stat status {};
  if (os::calls.fstatat(directory, job.failed.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    if (status.st_gid != 0) os::calls.fchown(file.get(), static_cast<uid_t>(-1), status.st_gid);
    os::calls.fchmod(file.get(), (status.st_mode & 0640) | 0600);
  }
  for (const Bytes& bytes : job.bytes)
    if (const int error = copy(bytes, file.get())) return error;
  if (const int error = os::sync_data(file.get())) return error;
  if (const int error = os::rename_new(directory, replacement_name, job.name.c_str())) return error;
  if (const int error = os::sync_directory(directory)) return error;
  seal({std::make_shared<os::Fd>(std::move(file)), job.name, 0, true});
  return 0;
}

// The failed file, and what another collector left that was killed here. Nothing is read of them, so they may stay if they
// cannot be removed.
void remove_superseded(const SyncJob& job, int directory) {
  std::vector<LogFile> files, superseded;
  if (list_log_files(directory, "", files, &superseded) != 0) return;
  for (const LogFile& file : superseded)
    if (file.first_index == first_index_of(job.name)) os::calls.unlinkat(directory, file.name.c_str(), 0);
}

}  // namespace

SyncResult perform(const SyncJob& job, int directory, const MarkFile& mark) {
  SyncResult result;
  if (job.replaces()) {
    result.error = copy_all(job, directory);
    if (result.error == 0 && job.unlinks_failed) remove_superseded(job, directory);
  } else {
    result = sync(job, directory);
  }
  // A mark that could not be written says less than is true.
  if (result.error == 0) (void)mark.write(job.mark);
  return result;
}

}  // namespace shmring::log
