// A process that is killed at a system call: before it, or when it is done.
//
// Invariant: one Dying at a time, since the calls that it replaces are in one table.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>

#include "lib/log/format/numbers.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/mode.hpp"

namespace log_test {

using shmring::test::Replaced;
namespace os = shmring::os;

// The process dies at a call that changes something: before it, or when it is done. Nothing is changed after that.
struct Death {
  shmring::log::u64 left = ~shmring::log::u64{0};
  bool is_behind = false;
  bool is_dead = false;
};
inline Death death;

// Returns what the call returns in a process that may die here.
template <class F>
inline auto dying(F call) -> decltype(call()) {
  if (!death.is_dead && --death.left != 0) return call();
  if (!death.is_dead && death.is_behind) call();
  death.is_dead = true;
  return errno = EIO, -1;
}

#define DYING(name, parameters, arguments) \
  Replaced<&os::Calls::name> name##_{      \
      [] parameters { return dying([&] { return Replaced<&os::Calls::name>::real arguments; }); }};

struct Dying {
  Dying(shmring::log::u64 at, bool is_behind) { death = {at, is_behind, false}; }
  ~Dying() { death = {}; }

  Replaced<&os::Calls::openat> openat_{[](int dir, const char* path, int flags, mode_t mode) {
    const auto call = [&] { return Replaced<&os::Calls::openat>::real(dir, path, flags, mode); };
    return (flags & O_CREAT) != 0 ? dying(call) : call();
  }};
  DYING(write, (int fd, const void* data, std::size_t bytes), (fd, data, bytes))
  DYING(pwrite, (int fd, const void* data, std::size_t bytes, off_t at), (fd, data, bytes, at))
  DYING(fdatasync, (int fd), (fd))
  DYING(fsync, (int fd), (fd))
  DYING(renameat, (int a, const char* from, int b, const char* to), (a, from, b, to))
  DYING(renameat2, (int a, const char* from, int b, const char* to, unsigned flags), (a, from, b, to, flags))
  DYING(unlinkat, (int dir, const char* path, int flags), (dir, path, flags))
};

#undef DYING

// Plays a round again and again, in each of which the process dies before or behind one more of these calls, until it lives.
// `round` returns whether it died. Returns about how many calls there are. Only a long run dies before and behind each of them,
// others at every eighth place, from one that the seed decides.
template <class F>
shmring::log::u64 at_each_call(F round) {
  using shmring::log::u64;
  const u64 stride = shmring::test::by_mode<u64>(8, 8, 1);
  auto random = shmring::test::seeded(76);
  const u64 first = shmring::test::below(random, stride);
  u64 points = 0;
  for (const bool is_behind : {false, true}) {
    bool died = true;
    for (u64 at = 1 + (first + is_behind) % stride; died; at += stride, ++points) {
      CAPTURE(at);
      CAPTURE(is_behind);
      died = round(at, is_behind);
    }
  }
  return points * stride / 2;
}

}  // namespace log_test
