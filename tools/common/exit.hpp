// Exit statuses that both programs share, and how an error of the library becomes one.
#pragma once

#include <cerrno>

namespace shmring::tool {

enum Exit : int {
  ok = 0,
  negative = 1,  // a deviation or a refused record, but no failure of the program
  usage = 2,
  absent = 3,
  permission = 4,
  damaged = 5,
  configuration = 6,
  io = 7,
  busy = 8,
  interrupted = 130,  // by SIGINT. Like a shell, this is 128 + the signal's number
  terminated = 143,   // by SIGTERM
};

// Converts a −errno of the library.
constexpr int exit_of(int error) {
  switch (error) {
    case 0: return ok;
    case -ENOENT: return absent;
    case -ENOTDIR: return absent;
    case -EACCES: return permission;
    case -EPERM: return permission;
    case -EPROTO: return damaged;
    case -ENOEXEC: return damaged;
    case -EBADMSG: return damaged;
    case -ESTALE: return damaged;
    case -EINVAL: return configuration;
    case -EOPNOTSUPP: return configuration;
    case -EBUSY: return busy;
    case -EUSERS: return busy;
    default: return io;
  }
}

}  // namespace shmring::tool
