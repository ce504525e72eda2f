// Descriptors and whole transfers, see file.hpp. Invariant: errno is read right after the call that set it.
#include "lib/os/file.hpp"

#include <fcntl.h>
#include <limits.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace shmring::os {

int result(int value) { return value == -1 ? -errno : value; }

void Fd::reset(int fd) {
  if (fd_ >= 0) {
    const int kept = errno;
    calls.close(fd_);
    errno = kept;
  }
  fd_ = fd;
}

int open_at(int dir, const char* path, int flags, mode_t mode, Fd& out) {
  const int fd = calls.openat(dir, path, flags | O_CLOEXEC, mode);
  if (fd < 0) return -errno;
  out.reset(fd);
  return 0;
}

int write_full(int fd, const void* data, std::size_t bytes, std::size_t* written) {
  std::size_t done = 0;
  int error = 0;
  while (done < bytes) {
    const ssize_t n = calls.write(fd, static_cast<const char*>(data) + done, bytes - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      error = n < 0 ? -errno : -EIO;  // a file that takes nothing and reports no error never would
      break;
    }
    done += static_cast<std::size_t>(n);
  }
  if (written) *written = done;
  return error;
}

int write_full_at(int fd, const void* data, std::size_t bytes, std::uint64_t at) {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t n = calls.pwrite(fd, static_cast<const char*>(data) + done, bytes - done, static_cast<off_t>(at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? -errno : -EIO;
    done += static_cast<std::size_t>(n);
  }
  return 0;
}

// A pipe in which poll() sees room takes PIPE_BUF bytes at once. Of a longer write it would take a part and then wait. One case
// remains: another process that writes into the same pipe may take the last room between the two calls.
int write_without_waiting(int fd, const void* data, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes;) {
    pollfd poll{fd, POLLOUT, 0};
    const timespec now{};
    const int ready = calls.ppoll(&poll, 1, &now, nullptr);
    if (ready == 0) return -EAGAIN;
    if (ready < 0 && errno != EINTR) return -errno;
    if (ready < 0) continue;
    const ssize_t n = calls.write(fd, static_cast<const char*>(data) + done, std::min<std::size_t>(bytes - done, PIPE_BUF));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? -errno : -EIO;
    done += static_cast<std::size_t>(n);
  }
  return 0;
}

ssize_t read_full(int fd, void* buffer, std::size_t bytes, std::uint64_t at) {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t n = calls.pread(fd, static_cast<char*>(buffer) + done, bytes - done, static_cast<off_t>(at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return static_cast<ssize_t>(done);
}

int read_regular(int dir, const char* name, std::size_t limit, std::string& out) {
  Fd file;
  out.clear();
  if (const int error = open_at(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, file)) return error;
  struct stat status {};
  if (calls.fstat(file.get(), &status) != 0) return -errno;
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) > limit) return -EBADMSG;
  out.resize(static_cast<std::size_t>(status.st_size));
  const ssize_t got = read_full(file.get(), out.data(), out.size(), 0);
  out.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return got < 0 ? static_cast<int>(got) : 0;
}

int list_names(int dir, std::vector<std::string>& out) {
  out.clear();
  Fd fd;
  if (const int error = open_at(dir, ".", O_RDONLY | O_DIRECTORY, 0, fd)) return error;
  DIR* const stream = calls.fdopendir(fd.get());
  if (stream == nullptr) return -errno;
  (void)fd.release();
  errno = 0;
  while (const dirent* const entry = calls.readdir(stream))
    if (const std::string_view name = entry->d_name; name != "." && name != "..") out.emplace_back(name);
  const int error = -errno;
  calls.closedir(stream);
  return error;
}

int read_small(const char* path, std::string& out, std::size_t limit) {
  Fd fd;
  if (const int error = open_at(AT_FDCWD, path, O_RDONLY, 0, fd)) return error;
  out.clear();
  for (;;) {
    char chunk[4096];
    const ssize_t n = read_full(fd.get(), chunk, sizeof chunk, out.size());
    if (n < 0) return static_cast<int>(n);
    out.append(chunk, static_cast<std::size_t>(n));
    if (out.size() > limit) return -EFBIG;
    if (static_cast<std::size_t>(n) < sizeof chunk) return 0;
  }
}

}  // namespace shmring::os
