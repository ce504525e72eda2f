// What the sync thread does: see sync_job.hpp.
#include "lib/log/files/sync_job.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/log/files/names.hpp"
#include "lib/os/durable.hpp"

namespace shmring::log {
namespace {

SyncResult sync(const SyncJob& job, const SyncedDirectory& directory) {
  for (const SyncedFile& file : job.files) {
    if (const int error = os::sync_data(file.fd->get())) return {error, file.name};
    struct stat status {};
    if (os::calls.fstat(file.fd->get(), &status) != 0) return {-errno, file.name};
    if (static_cast<u64>(status.st_size) < file.bytes) return {-EUCLEAN, file.name};
  }
  if (job.names)
    if (const int error = directory.sync->for_names(directory.fd.get())) return {error, {}, true};
  for (const SyncedFile& file : job.files) {
    if (!file.is_closed) continue;
    os::give_back_reserve(file.fd->get(), file.bytes);
    seal(file.fd->get());
  }
  return {};
}

SyncResult copy_file(const Bytes& bytes, int directory, int to) {
  os::Fd from;
  if (const int error = open_log_file(directory, ".", bytes.file, O_RDONLY, from))
    return {error, {}, false, error == -ENOENT || error == -EBADMSG};
  std::string block;
  for (u64 at = bytes.begin; at < bytes.end;) {
    block.resize(std::min<u64>(os::block_bytes, bytes.end - at));
    const ssize_t got = os::read_full(from.get(), block.data(), block.size(), at);
    if (got < 0) return {static_cast<int>(got), {}, false, got == -EIO};
    // It had more when it was looked at, or the disk did not take a page, and the kernel has dropped it since.
    if (got == 0 || std::memchr(block.data(), '\0', static_cast<std::size_t>(got)) != nullptr)
      return {-EUCLEAN, {}, false, true};
    if (const int error = os::write_full(to, block.data(), static_cast<std::size_t>(got))) return {error, {}};
    at += static_cast<u64>(got);
  }
  return {};
}

// A name above all that begin with the same index, so that what it names has superseded them.
std::string name_above_all(const SyncJob& job, int directory) {
  std::vector<LogFile> files, superseded;
  std::string name = log_file_name(job.time_ns, job.first), top;
  if (list_log_files(directory, "", files, &superseded) != 0) return {};
  files.insert(files.end(), superseded.begin(), superseded.end());
  for (const LogFile& file : files)
    if (file.first_index == job.first) top = std::max(top, std::string(file.plain_name()));
  return name <= top ? later_name(top) : name;
}

// The failed file's group and mode are the new file's, too. It is sealed behind its name, so that nobody believes it while that
// may be lost, and its seal is durable before its bytes count: after a power cut, what comes before a sealed file is not looked
// at, and what the failed file then says may be anything.
SyncResult copy_all(const SyncJob& job, const SyncedDirectory& synced) {
  const int directory = synced.fd.get();
  os::calls.unlinkat(directory, replacement_name, 0);  // of an attempt that failed
  const auto file = std::make_shared<os::Fd>();
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW;
  if (const int error = os::open_at(directory, replacement_name, flags, 0600, *file)) return {error, {}};
  struct stat status {};
  if (os::calls.fstatat(directory, job.failed.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    if (status.st_gid != 0) os::calls.fchown(file->get(), static_cast<uid_t>(-1), status.st_gid);
    os::calls.fchmod(file->get(), (status.st_mode & 0640) | 0600);
  }
  for (const Bytes& bytes : job.bytes) {
    if (!bytes.text) {
      if (SyncResult copied = copy_file(bytes, directory, file->get()); copied.error != 0) return copied;
      continue;
    }
    if (const int error = os::write_full(file->get(), bytes.text->data() + bytes.from, bytes.text->size() - bytes.from))
      return {error, {}};
  }
  if (const int error = os::sync_data(file->get())) return {error, {}};
  const std::string name = name_above_all(job, directory);
  if (name.empty()) return {-EOVERFLOW, {}};
  if (const int error = os::rename_new(directory, replacement_name, name.c_str())) return {error, {}};
  if (const int error = synced.sync->for_names(directory)) return {error, {}, true};
  seal(file->get());
  return {os::sync_all(file->get()), {}};  // its mode
}

// What the new file has superseded, and what another collector left that was killed here. Nothing is read of these files, so
// they may stay if they cannot be removed. Then the log names them, the failed one by its own incident.
std::vector<std::string> remove_superseded(const SyncJob& job, int directory) {
  std::vector<LogFile> files, superseded;
  std::vector<std::string> left;
  if (list_log_files(directory, "", files, &superseded) != 0) return left;
  for (const LogFile& file : superseded) {
    if (file.first_index != job.first) continue;
    const int error = os::result(os::calls.unlinkat(directory, file.name.c_str(), 0));
    if (error != 0 && error != -ENOENT && file.name != job.failed) left.push_back(file.name);
  }
  return left;
}

// Whoever cuts the file, or writes to it, is left alone with it.
void give_back_room(const SyncJob& job, int directory) {
  os::Fd file;
  struct stat status {};
  constexpr int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK;
  if (job.is_cut || os::open_at(directory, job.failed.c_str(), flags, 0, file) != 0) return;
  if (os::calls.fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode))
    os::give_back_reserve(file.get(), static_cast<u64>(status.st_size));
}

}  // namespace

void seal(int file) {
  struct stat status {};
  if (os::calls.fstat(file, &status) == 0) os::calls.fchmod(file, status.st_mode & 07777 & ~write_bits);
}

SyncResult perform(const SyncJob& job, const SyncedDirectory& directory, const MarkFile& mark) {
  SyncResult result = job.replaces() ? copy_all(job, directory) : sync(job, directory);
  if (result.error != 0) return result;
  if (job.replaces()) {
    result.left = remove_superseded(job, directory.fd.get());
    give_back_room(job, directory.fd.get());
  }
  (void)mark.write(job.mark);  // a mark that could not be written says less than is true
  return result;
}

}  // namespace shmring::log
