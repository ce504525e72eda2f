// Every system call that the project makes, in one table of function pointers, so that a test can make any of them fail.
//
// Invariants:
//   - no other file calls the kernel. A new call is added here. Signatures are fixed: variadic calls have all their arguments,
//     and none is noexcept, so that a plain function can stand in;
//   - a call behaves as its manual page says: −1 and errno. But posix_fallocate, clock_nanosleep, pthread_sigmask, getgrnam_r,
//     getpwnam_r and getpwuid_r return the error itself;
//   - only tests write the table, and only before they start threads.
#pragma once

#include <dirent.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <time.h>

#include <cstddef>
#include <cstdint>

namespace shmring::os {

struct Calls {
  // descriptors and bytes
  int (*open)(const char* path, int flags, mode_t mode);
  int (*openat)(int dir, const char* path, int flags, mode_t mode);
  int (*close)(int fd);
  ssize_t (*read)(int fd, void* buffer, std::size_t bytes);
  ssize_t (*pread)(int fd, void* buffer, std::size_t bytes, off_t at);
  ssize_t (*write)(int fd, const void* buffer, std::size_t bytes);
  ssize_t (*pwrite)(int fd, const void* buffer, std::size_t bytes, off_t at);
  off_t (*lseek)(int fd, off_t at, int whence);
  int (*ftruncate)(int fd, off_t bytes);
  int (*posix_fallocate)(int fd, off_t at, off_t bytes);
  int (*fallocate)(int fd, int mode, off_t at, off_t bytes);
  int (*fsync)(int fd);
  int (*fdatasync)(int fd);
  int (*fstat)(int fd, struct stat* out);
  int (*fstatfs)(int fd, struct statfs* out);
  int (*fchmod)(int fd, mode_t mode);
  int (*fchown)(int fd, uid_t user, gid_t group);
  int (*flock)(int fd, int operation);
  int (*fcntl)(int fd, int command, void* argument);
  int (*isatty)(int fd);
  int (*socket)(int domain, int type, int protocol);
  ssize_t (*sendto)(int fd, const void* data, std::size_t bytes, int flags, const struct sockaddr* to, socklen_t to_bytes);
  // names
  int (*fstatat)(int dir, const char* path, struct stat* out, int flags);
  int (*mkdirat)(int dir, const char* path, mode_t mode);
  int (*linkat)(int from_dir, const char* from, int to_dir, const char* to, int flags);
  int (*unlinkat)(int dir, const char* path, int flags);
  int (*symlinkat)(const char* text, int dir, const char* path);
  int (*renameat)(int from_dir, const char* from, int to_dir, const char* to);
  int (*renameat2)(int from_dir, const char* from, int to_dir, const char* to, unsigned flags);
  ssize_t (*readlink)(const char* path, char* buffer, std::size_t bytes);
  DIR* (*fdopendir)(int fd);
  struct dirent* (*readdir)(DIR* dir);
  int (*closedir)(DIR* dir);
  // memory
  void* (*mmap)(void* at, std::size_t bytes, int protection, int flags, int fd, off_t offset);
  int (*munmap)(void* at, std::size_t bytes);
  int (*madvise)(void* at, std::size_t bytes, int advice);
  int (*getrlimit)(int resource, struct rlimit* out);
  int (*setrlimit)(int resource, const struct rlimit* limit);
  int (*setpriority)(int which, id_t who, int priority);
  // processes, users, signals
  ssize_t (*getrandom)(void* buffer, std::size_t bytes, unsigned flags);
  pid_t (*getpid)();
  pid_t (*gettid)();
  uid_t (*geteuid)();
  int (*getgrnam_r)(const char* name, struct group* out, char* buffer, std::size_t bytes, struct group** result);
  int (*getpwnam_r)(const char* name, struct passwd* out, char* buffer, std::size_t bytes, struct passwd** result);
  int (*getpwuid_r)(uid_t user, struct passwd* out, char* buffer, std::size_t bytes, struct passwd** result);
  int (*pidfd_open)(pid_t pid, unsigned flags);
  int (*kill)(pid_t pid, int signal);
  int (*execv)(const char* path, char* const arguments[]);
  int (*sigaction)(int signal, const struct sigaction* action, struct sigaction* old);
  int (*pthread_sigmask)(int how, const sigset_t* set, sigset_t* old);
  int (*prctl)(int option, unsigned long value);
  int (*ppoll)(struct pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask);
  int (*eventfd)(unsigned initial, int flags);
  int (*epoll_create1)(int flags);
  int (*epoll_ctl)(int epoll, int operation, int fd, struct epoll_event* event);
  int (*epoll_wait)(int epoll, struct epoll_event* events, int most, int timeout_ms);
  // time and sleep
  int (*clock_gettime)(clockid_t clock, timespec* out);
  int (*clock_nanosleep)(clockid_t clock, int flags, const timespec* request, timespec* left);
  long (*futex)(std::uint32_t* word, int operation, std::uint32_t value, const timespec* timeout, std::uint32_t* word2,
                std::uint32_t value3);
};

extern Calls calls;

}  // namespace shmring::os
