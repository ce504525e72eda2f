// The file of a log that is written: see writer.hpp.
#include "lib/log/files/writer.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "lib/log/files/names.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr int claim_attempts = 100;
// Room is taken in steps of this size, or a 16th of a file's limit if that is less; so files with a small limit do not take
// much more than they need. An eighth of it is kept for lines that say that the disk is full.
constexpr u64 reserve_step = u64{8} << 20;
constexpr u64 least_kept = u64{4} << 10;

// Returns the process that holds a flock on the file with this inode, from /proc/locks, or 0 if it cannot be seen from here.
int lock_holder(u64 inode) {
  std::string text;
  if (os::read_small("/proc/locks", text, std::size_t{1} << 20) != 0) return 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    // "12: FLOCK ADVISORY WRITE 3456 08:01:789", and more: the pid, and behind the device the inode.
    std::istringstream words(text.substr(at, end - at));
    std::string number, kind, advisory, access, place;
    int pid = 0;
    words >> number >> kind >> advisory >> access >> pid >> place;
    if (words && kind == "FLOCK" && place.substr(place.rfind(':') + 1) == std::to_string(inode)) return pid;
    at = end + 1;
  }
  return 0;
}

const char* advice_for(int error) {
  if (error == -ENOSPC || error == -EDQUOT) return "; free space on that file system";
  return error == -EFBIG ? "; raise the limit for a file's size (ulimit -f, systemd: LimitFSIZE)" : "";
}

}  // namespace

int Writer::fail(int error, const char* what) const {
  return os::fail(-error, "log %s/%s: cannot %s: %s%s", dir_.c_str(), file_name_.c_str(), what, std::strerror(-error),
                  advice_for(error));
}

int Writer::claim(const std::string& dir, std::string_view ring) {
  dir_ = dir, ring_ = ring;
  bool removed = false;
  for (int attempts = 0; attempts < claim_attempts; ++attempts) {
    if (const int error = lock_directory(removed)) return error;
    if (!removed) return share(directory_.get(), 0750);
  }
  return os::fail(EAGAIN, "log %s: the directory was removed each time that it was locked; see who removes it, and try again",
                  dir_.c_str());
}

// Whoever made the directory removes it if nothing was written, and may do so between our opening it and our locking it. Then
// `removed` is true.
int Writer::lock_directory(bool& removed) {
  created_ = os::calls.mkdirat(AT_FDCWD, dir_.c_str(), 0700) == 0;
  if (!created_ && errno != EEXIST) return fail(-errno, "create the directory");
  int error = open_log_directory(dir_, directory_);
  removed = error == -ENOENT;
  if (removed) return 0;
  if (error == 0) error = lock();
  if (error != 0) {
    created_ = false;  // another has it by now, and may be about to make its first file
    return error;
  }
  struct stat status {};
  if (os::calls.fstat(directory_.get(), &status) != 0) return fail(-errno, "read the directory's status");
  removed = status.st_nlink == 0;
  return 0;
}

void Writer::remove_unused() const {
  std::vector<LogFile> files;
  if (!created_ || list_log_files(directory_.get(), dir_, files) != 0 || !files.empty()) return;
  remove_mark(directory_.get());
  os::calls.unlinkat(AT_FDCWD, dir_.c_str(), AT_REMOVEDIR);
}

int Writer::open(const Recovered& recovered) {
  u64 first = 0;
  const bool has_one_line = is_log_file_name(recovered.file, first) && recovered.next_index == first + 1;
  file_name_ = recovered.file, file_bytes_ = recovered.file_bytes, first_line_bytes_ = has_one_line ? file_bytes_ : 0;
  file_ = std::make_shared<os::Fd>();
  const int error = open_log_file(directory_.get(), dir_, file_name_, O_RDWR | O_APPEND, *file_);
  return error != 0 ? error : share(file_->get(), 0640);
}

int Writer::lock() {
  if (os::calls.flock(directory_.get(), LOCK_EX | LOCK_NB) == 0) return 0;
  if (errno != EWOULDBLOCK) return fail(-errno, "lock the directory");
  struct stat status {};
  os::calls.fstat(directory_.get(), &status);
  const int pid = lock_holder(status.st_ino);
  const std::string who = pid > 0 ? "process " + std::to_string(pid) : "another process";
  return os::fail(
      EBUSY, "log %s: %s already writes it, and a log has only one collector: stop that process, or give another directory",
      dir_.c_str(), who.c_str());
}

int Writer::begin_file(u64 time_ns, u64 first_index, std::string_view first_line) {
  // Nothing is cut from a file behind which another stands.
  if (const int error = cut_if_needed()) return error;
  const std::string name = log_file_name(time_ns, first_index);
  const auto refuse = [&](int error, const char* what) {
    os::calls.unlinkat(directory_.get(), new_file_name, 0);
    return os::fail(-error, "log %s/%s: cannot %s: %s%s", dir_.c_str(), name.c_str(), what, std::strerror(-error),
                    advice_for(error));
  };
  os::calls.unlinkat(directory_.get(), new_file_name, 0);  // left by a collector that was killed here
  os::Fd file;
  int error = os::open_at(directory_.get(), new_file_name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, file);
  if (error != 0) return refuse(error, "create it");
  if (error = share(file.get(), 0640); error != 0) {
    os::calls.unlinkat(directory_.get(), new_file_name, 0);
    return error;
  }
  u64 reserved = 0;
  reserve_error_ = 0;  // perhaps it can be done in this one
  error = reserve(file.get(), 0, first_line.size(), reserved);
  if (error != 0) return refuse(error, "make room in it");
  error = os::write_full(file.get(), first_line.data(), first_line.size());
  if (error != 0) return refuse(error, "write its first line");
  error = os::rename_new(directory_.get(), new_file_name, name.c_str());
  if (error != 0) return refuse(error, "give it its name");
  file_ = std::make_shared<os::Fd>(std::move(file));
  file_name_ = name;
  file_bytes_ = first_line_bytes_ = first_line.size(), reserved_ = reserved;
  uncut_ = is_void_ = false;
  return 0;
}

// Lets the group read this file or directory, if there is to be one.
int Writer::share(int fd, mode_t mode) const {
  if (!policy_.group) return 0;
  int error = os::result(os::calls.fchown(fd, static_cast<uid_t>(-1), *policy_.group));
  if (error == 0) error = os::result(os::calls.fchmod(fd, mode));
  if (error == 0) return 0;
  return os::fail(-error,
                  "log %s: cannot let group %u read it: %s; run shmringd as a member of that group, or as the owner of the log",
                  dir_.c_str(), *policy_.group, std::strerror(-error));
}

int Writer::sync_first_file() const {
  int error = os::sync_data(file_->get());
  if (error == 0) error = os::sync_all(directory_.get());
  return error == 0 ? 0 : fail(error, "sync it");
}

// Cuts the file back to its last whole line.
int Writer::cut() {
  struct stat status {};
  int error = os::result(os::calls.fstat(file_->get(), &status));
  // Cutting a file that another program has cut would make it longer, and hide that.
  if (error == 0 && static_cast<u64>(status.st_size) < file_bytes_) {
    is_void_ = true, uncut_ = false;
    return -EUCLEAN;
  }
  if (error == 0) error = os::result(os::calls.ftruncate(file_->get(), static_cast<off_t>(file_bytes_)));
  uncut_ = error != 0, reserved_ = 0;
  return error;
}

// Sees to it that the file has room up to `end`, and for some lines more; `bytes` of it are written. Any error but that of a
// full disk means that room cannot be reserved here; then the write itself finds out.
int Writer::reserve(int fd, u64 bytes, u64 end, u64& reserved) {
  const u64 step = std::min(reserve_step, policy_.max_bytes / 16);
  const u64 needed = end + std::max(step / 8, least_kept);
  if (needed <= reserved || (reserve_error_ != 0 && reserved == 0)) return 0;
  int error = 0;
  for (const u64 to : {needed + step, needed}) {
    error = os::reserve(fd, std::max(bytes, reserved), to);
    if (error == 0) return reserved = to, 0;
    if (error != -ENOSPC && error != -EDQUOT) return reserve_error_ = error, reserved = 0, 0;
  }
  return error;
}

// A void file stays as it is.
int Writer::cut_if_needed() {
  if (!uncut_ || is_void_) return 0;
  const int error = cut();
  return error == 0 ? 0 : fail(error, "cut it back to its last whole line");
}

int Writer::write(std::string_view lines, bool may_use_reserve) {
  if (const int error = cut_if_needed()) return error;
  const u64 end = file_bytes_ + lines.size();
  const int full = reserve(file_->get(), file_bytes_, end, reserved_);
  if (full != 0 && !(may_use_reserve && end <= reserved_)) return fail(full, "make room in it");
  std::size_t written = 0;
  if (const int error = os::write_full(file_->get(), lines.data(), lines.size(), &written)) {
    is_void_ = error == -EIO;
    const int left = written > 0 && !is_void_ ? cut() : 0;
    return fail(left == -EUCLEAN ? left : error, "append to it");
  }
  u64 bytes = 0;
  if (const int error = look_at_place(bytes)) return cut(), error;
  if (bytes != file_bytes_ + lines.size()) {
    is_void_ = true;
    return os::fail(EUCLEAN,
                    "log %s/%s: it has %llu bytes, and %llu were written: another program cuts it or writes to it (logrotate "
                    "with copytruncate?); shmringd is the only one that may",
                    dir_.c_str(), file_name_.c_str(), wide(bytes), wide(file_bytes_) + lines.size());
  }
  file_bytes_ = bytes;
  return 0;
}

void Writer::measure(u64& bytes, u64& free_bytes) const {
  bytes = free_bytes = 0;
  std::vector<LogFile> files;
  struct statfs space {};
  if (os::calls.fstatfs(directory_.get(), &space) == 0) free_bytes = u64{space.f_bavail} * static_cast<u64>(space.f_bsize);
  if (list_log_files(directory_.get(), dir_, files) != 0) return;
  for (const LogFile& file : files) {
    struct stat status {};
    if (os::calls.fstatat(directory_.get(), file.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
      bytes += static_cast<u64>(status.st_size);
  }
}

u64 Writer::device() const {
  struct stat status {};
  return os::calls.fstat(directory_.get(), &status) == 0 ? u64{status.st_dev} : 0;
}

int Writer::in_place() const {
  u64 bytes;
  return look_at_place(bytes);
}

int Writer::directory_in_place() const {
  struct stat open {
  }, named{};
  if (os::calls.fstat(directory_.get(), &open) != 0) return fail(-errno, "read its directory's status");
  if (os::calls.fstatat(AT_FDCWD, dir_.c_str(), &named, 0) == 0) {
    if (named.st_ino == open.st_ino && named.st_dev == open.st_dev) return 0;
  } else if (errno != ENOENT && errno != ENOTDIR) {
    return fail(-errno, "see whether its directory is still there");
  }
  return os::fail(ESTALE, "log %s: the directory was removed, moved or replaced while it was written", dir_.c_str());
}

int Writer::look_at_place(u64& bytes) const {
  const std::string path = dir_ + "/" + file_name_;
  struct stat open {
  }, named{};
  if (os::calls.fstat(file_->get(), &open) != 0) return fail(-errno, "read its status");
  bytes = static_cast<u64>(open.st_size);
  if (os::calls.fstatat(AT_FDCWD, path.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0) {
    if (named.st_ino == open.st_ino && named.st_dev == open.st_dev) return 0;
  } else if (errno != ENOENT && errno != ENOTDIR) {
    return fail(-errno, "see whether it is still there");
  }
  return os::fail(ESTALE, "log %s: it, or its directory, was removed, moved or replaced while it was written", path.c_str());
}

int Writer::read_back(u64 next_index, Recovered& out) const {
  if (const int error = log::recover(directory_.get(), dir_, ring_, out)) return error;
  if (out.next_index == next_index) return 0;
  return os::fail(ESTALE, "log %s/%s: it does not end where the last write ended, so it was changed", dir_.c_str(),
                  file_name_.c_str());
}

}  // namespace shmring::log
