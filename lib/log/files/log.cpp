// The writer of an audit log: see log.hpp.
#include "lib/log/files/log.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "lib/log/files/reading.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

// The process that holds a flock on the file of this inode, from /proc/locks; 0: not to be seen from here.
int lock_holder(u64 inode) {
  std::string text;
  if (os::read_small("/proc/locks", text, std::size_t{1} << 20) != 0) return 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    int pid;
    unsigned long long found;
    if (std::sscanf(line.c_str(), "%*d: FLOCK %*s %*s %d %*x:%*x:%llu", &pid, &found) == 2 && found == inode)
      return pid;
    at = end + 1;
  }
  return 0;
}

const char* advice_for(int error) {
  if (error == -ENOSPC || error == -EDQUOT) return "; free space on that file system";
  return error == -EFBIG ? "; raise the limit for a file's size (ulimit -f, systemd: LimitFSIZE)" : "";
}

}  // namespace

int Log::fail(int error, const char* what) const {
  return os::fail(-error, "log %s/%s: cannot %s: %s%s", dir_.c_str(), file_name_.c_str(), what, std::strerror(-error),
                  advice_for(error));
}

int Log::open(const std::string& dir, std::string_view ring, const RingId& id, AccountsNow accounts,
              Recovered& recovered) {
  const int error = claim(dir, ring, recovered);
  return error != 0 ? error : begin(id, std::move(accounts), recovered);
}

int Log::claim(const std::string& dir, std::string_view ring, Recovered& recovered) {
  dir_ = dir, ring_ = ring;
  created_ = os::calls.mkdirat(AT_FDCWD, dir.c_str(), 0700) == 0;
  if (!created_ && errno != EEXIST) return fail(-errno, "create the directory");
  if (const int error = open_log_directory(dir, directory_)) return error;
  if (const int error = lock()) return error;
  return recover(directory_.get(), dir_, ring_, recovered);
}

void Log::remove_unused() const {
  if (created_) os::calls.unlinkat(AT_FDCWD, dir_.c_str(), AT_REMOVEDIR);
}

int Log::begin(const RingId& id, AccountsNow accounts, const Recovered& recovered) {
  accounts_ = std::move(accounts);
  next_index_ = recovered.next_index;
  since_accounts_ = recovered.lines_since_accounts;
  present_ = recovered.file.empty() ? id : recovered.ring;
  Accounts found = recovered.known(utc_now_ns());
  found.ring = present_;
  if (recovered.file.empty()) return begin_file(found);
  file_name_ = recovered.file, file_bytes_ = recovered.file_bytes;
  if (const int error = open_log_file(directory_.get(), dir_, file_name_, O_WRONLY | O_APPEND, file_)) return error;
  if (file_bytes_ >= log_file_bytes) roll_error_ = begin_file(found);
  return 0;
}

int Log::lock() {
  if (os::calls.flock(directory_.get(), LOCK_EX | LOCK_NB) == 0) return 0;
  if (errno != EWOULDBLOCK) return fail(-errno, "lock the directory");
  struct stat status {};
  os::calls.fstat(directory_.get(), &status);
  const int pid = lock_holder(status.st_ino);
  const std::string who = pid > 0 ? "process " + std::to_string(pid) : "another process";
  return os::fail(EBUSY, "log %s: %s already writes it; one collector a log: end that one, or give another directory",
                  dir_.c_str(), who.c_str());
}

// On failure the log is as it was: the old file is still the one to append to.
int Log::begin_file(const Accounts& accounts) {
  const std::string name = log_file_name(accounts.time_ns, next_index_);
  os::Fd file;
  int error =
      os::open_at(directory_.get(), name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, file);
  if (error != 0)
    return os::fail(-error, "log %s/%s: cannot create it: %s", dir_.c_str(), name.c_str(), std::strerror(-error));
  text_.clear();
  encode(accounts, next_index_, ring_, text_);
  error = os::write_full(file.get(), text_.data(), text_.size());
  if (error != 0) {
    os::calls.unlinkat(directory_.get(), name.c_str(), 0);
    return os::fail(-error, "log %s/%s: cannot write its first line: %s%s", dir_.c_str(), name.c_str(), std::strerror(-error),
                    advice_for(error));
  }
  file_ = std::move(file);
  file_name_ = name;
  file_bytes_ = text_.size();
  ++next_index_;
  since_accounts_ = 0;
  return 0;
}

// What the collector's accounts say has the batch in it: what the log says without it is read from the log.
int Log::begin_file_before_a_batch() {
  Recovered found;
  if (const int error = recover(directory_.get(), dir_, ring_, found)) return error;
  if (found.file != file_name_ || found.next_index != next_index_)
    return os::fail(ESTALE, "log %s/%s: it does not end where it was written to", dir_.c_str(), file_name_.c_str());
  return begin_file(found.known(utc_now_ns()));
}

bool Log::has_first_line_only() const {
  u64 first = 0;
  return is_log_file_name(file_name_, first) && next_index_ == first + 1;
}

int Log::append(std::span<const Line> lines, const RingId& of) {
  if (lines.empty()) return 0;
  int error = write_batch(lines, of);
  if (error == -EFBIG && !uncut_ && !has_first_line_only()) {
    error = begin_file_before_a_batch();
    if (error == 0) error = write_batch(lines, of);
  }
  if (error != 0) return error;
  if (file_bytes_ >= log_file_bytes) {
    const Accounts now = accounts_();
    roll_error_ = begin_file(now);
    if (roll_error_ == 0) present_ = now.ring;
  }
  return 0;
}

int Log::in_place() const {
  const std::string path = dir_ + "/" + file_name_;
  struct stat open {
  }, named{};
  if (os::calls.fstat(file_.get(), &open) != 0) return fail(-errno, "stat it");
  if (os::calls.fstatat(AT_FDCWD, path.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0) {
    if (named.st_ino == open.st_ino && named.st_dev == open.st_dev) return 0;
  } else if (errno != ENOENT && errno != ENOTDIR) {
    return fail(-errno, "see whether it is still there");
  }
  return os::fail(ESTALE, "log %s: it, or its directory, was removed, moved or replaced while it was written", path.c_str());
}

int Log::write_batch(std::span<const Line> lines, const RingId& of) {
  text_.clear();
  encode(lines, next_index_, ring_, text_, of == present_ ? RingId{} : of);
  // Behind this batch, or the next one could end beyond the limit.
  if (since_accounts_ + lines.size() + usual_batch_lines < accounts_every_lines) return write_lines(lines.size(), false);
  const Accounts now = accounts_();
  encode(now, next_index_ + lines.size(), ring_, text_);
  const int error = write_lines(lines.size(), true);
  if (error == 0) present_ = now.ring;  // whose lines name none from here on
  return error;
}

int Log::write_lines(std::size_t lines, bool accounts) {
  const auto cut = [this] {
    const int error = os::result(os::calls.ftruncate(file_.get(), static_cast<off_t>(file_bytes_)));
    uncut_ = error != 0;
    return error;
  };
  if (uncut_) {
    if (const int error = cut()) return fail(error, "cut it back to its last whole line");
  }
  std::size_t written = 0;
  if (const int error = os::write_full(file_.get(), text_.data(), text_.size(), &written)) {
    if (written > 0) cut();
    return fail(error, "append");
  }
  if (const int error = in_place()) return cut(), error;
  file_bytes_ += text_.size();
  next_index_ += lines + (accounts ? 1 : 0);
  since_accounts_ = accounts ? 0 : since_accounts_ + lines;
  return 0;
}

}  // namespace shmring::log
