// Descriptors that close themselves, and system calls that return −errno instead of setting errno.
//
// Invariants:
//   - every descriptor opened here is O_CLOEXEC;
//   - read_full, write_full and write_full_at go on after EINTR and after a short transfer. Nothing else is retried;
//   - nothing here sets the text of os::last_error(), since the caller knows what the file is for.
#pragma once

#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/os/calls.hpp"

namespace shmring::os {

// An open descriptor, or none (−1). It can only be moved.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  // Closes the descriptor held. errno stays as it was, so that a failure can be reported after its clean-up.
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// Returns 0 and sets `out`, or returns −errno. `path` is relative to `dir` (a descriptor, or AT_FDCWD); O_CLOEXEC is added.
int open_at(int dir, const char* path, int flags, mode_t mode, Fd& out);

// Writes all of `bytes` at the current position. Returns 0 or −errno. `*written` (if not NULL) is what reached the file, after
// an error too.
int write_full(int fd, const void* data, std::size_t bytes, std::size_t* written = nullptr);

// The same at `at`, of a file that was not opened to append.
int write_full_at(int fd, const void* data, std::size_t bytes, std::uint64_t at);

// Writes all of `bytes` where nobody may wait. Standard error may be a pipe that nobody reads, and other processes share it, so
// it cannot be made non-blocking. Returns 0, −EAGAIN if it takes nothing now, or −errno. Async-signal-safe.
int write_without_waiting(int fd, const void* data, std::size_t bytes);

inline constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;  // a directory, and no link to one

// What is read at once of a file that is read as a whole.
inline constexpr std::size_t block_bytes = std::size_t{1} << 20;

// Returns the number of bytes read at `at` into `buffer`, which is less than asked only at the file's end, or −errno.
ssize_t read_full(int fd, void* buffer, std::size_t bytes, std::uint64_t at);

// Reads a whole small file (at most `limit` bytes, more is −EFBIG), for /proc, where the size is not known before. Returns 0 or
// −errno.
int read_small(const char* path, std::string& out, std::size_t limit = 64 << 10);

// Reads a whole regular file of a directory, of at most `limit` bytes; a symbolic link is not followed. Returns 0 or −errno:
// −EBADMSG for what is no regular file, or has more.
int read_regular(int dir, const char* name, std::size_t limit, std::string& out);

// Lists all names in a directory, in no order, without "." and "..". Returns 0 or −errno.
int list_names(int dir, std::vector<std::string>& out);

// Returns −errno for a call that returned −1, and otherwise its value.
int result(int value);

}  // namespace shmring::os
