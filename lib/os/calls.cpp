// The real calls. Invariant: each entry is the call itself, or only gives a variadic call a fixed signature.
#include "lib/os/calls.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace shmring::os {

// constinit makes the table usable from any static constructor, and from a producer before main().
constinit Calls calls{
    .open = [](const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); },
    .openat = [](int dir, const char* path, int flags, mode_t mode) { return ::openat(dir, path, flags, mode); },
    .close = ::close,
    .read = ::read,
    .pread = ::pread,
    .write = ::write,
    .pwrite = ::pwrite,
    .lseek = ::lseek,
    .ftruncate = ::ftruncate,
    .posix_fallocate = ::posix_fallocate,
    .fallocate = ::fallocate,
    .fsync = ::fsync,
    .fdatasync = ::fdatasync,
    .fstat = ::fstat,
    .fstatfs = ::fstatfs,
    .fchmod = ::fchmod,
    .fchown = ::fchown,
    .flock = ::flock,
    .fcntl = [](int fd, int command, void* argument) { return ::fcntl(fd, command, argument); },
    .isatty = ::isatty,
    .socket = ::socket,
    .sendto = [](int fd, const void* data, std::size_t bytes, int flags, const sockaddr* to,
                 socklen_t to_bytes) { return ::sendto(fd, data, bytes, flags, to, to_bytes); },
    .fstatat = ::fstatat,
    .mkdirat = ::mkdirat,
    .linkat = ::linkat,
    .unlinkat = ::unlinkat,
    .symlinkat = ::symlinkat,
    .renameat = ::renameat,
    .renameat2 = ::renameat2,
    .readlink = ::readlink,
    .fdopendir = ::fdopendir,
    .readdir = ::readdir,
    .closedir = ::closedir,
    .mmap = ::mmap,
    .munmap = ::munmap,
    .madvise = ::madvise,
    .getrlimit = [](int resource, rlimit* out) { return ::getrlimit(static_cast<__rlimit_resource>(resource), out); },
    .setrlimit = [](int resource, const rlimit* limit) { return ::setrlimit(static_cast<__rlimit_resource>(resource), limit); },
    .setpriority = [](int which, id_t who,
                      int priority) { return ::setpriority(static_cast<__priority_which>(which), who, priority); },
    .getrandom = ::getrandom,
    .getpid = ::getpid,
    .gettid = ::gettid,
    .geteuid = ::geteuid,
    .getgrnam_r = ::getgrnam_r,
    .getpwnam_r = ::getpwnam_r,
    .getpwuid_r = ::getpwuid_r,
    .pidfd_open = [](pid_t pid, unsigned flags) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, flags)); },
    .kill = ::kill,
    .execv = ::execv,
    .sigaction = ::sigaction,
    .pthread_sigmask = ::pthread_sigmask,
    .prctl = [](int option, unsigned long value) { return ::prctl(option, value, 0, 0, 0); },
    .ppoll = ::ppoll,
    .eventfd = ::eventfd,
    .epoll_create1 = ::epoll_create1,
    .epoll_ctl = ::epoll_ctl,
    .epoll_wait = ::epoll_wait,
    .clock_gettime = ::clock_gettime,
    .clock_nanosleep = ::clock_nanosleep,
    .futex = [](std::uint32_t* word, int operation, std::uint32_t value, const timespec* timeout, std::uint32_t* word2,
                std::uint32_t value3) { return ::syscall(SYS_futex, word, operation, value, timeout, word2, value3); },
};

}  // namespace shmring::os
