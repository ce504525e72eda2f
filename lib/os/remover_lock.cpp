// The remover's lock: see remover_lock.hpp.
#include "lib/os/remover_lock.hpp"

#include <sys/file.h>

#include <cerrno>
#include <cstring>

#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "lib/os/wakeup.hpp"
#include "lib/ring/account.hpp"

namespace shmring::os {
namespace {

constexpr u64 look_again_ns = 1'000'000;

}  // namespace

RemoverLock::~RemoverLock() {
  if (held_ >= 0) calls.flock(held_, LOCK_UN);
}

int RemoverLock::take(const Place& at, const Fd& file, u64 patience_ns) {
  const u64 until = monotonic_now_ns() + patience_ns;
  while (calls.flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK)
      return fail(errno, "ring %.80s: cannot lock %.200s: %s", at.ring.c_str(), at.path.c_str(), std::strerror(errno));
    if (monotonic_now_ns() >= until)
      return fail(
          EBUSY,
          "ring %.80s: another process is removing or moving %.200s: try again; fuser names the processes that have it open",
          at.ring.c_str(), at.path.c_str());
    sleep_for(look_again_ns);
  }
  held_ = file.get();
  return 0;
}

int settle_removal(const Place& at, const Segment& segment, u64 patience_ns) {
  RemoverLock lock;
  const int busy = lock.take(at, segment.fd, patience_ns);
  if (busy == -EBUSY)
    return fail(ESTALE,
                "ring %.80s: %.200s was retired, expected state open: another process is removing it: try again; if this "
                "persists, that process is stopped: fuser names the processes that have it open",
                at.ring.c_str(), at.path.c_str());
  if (busy != 0) return busy;
  struct stat status {};
  if (const int error = status_of(at, segment, status)) return error;
  if (const int error = check_name(at, status)) return error == -ENOENT ? -EAGAIN : error;
  if (!reopen_if_named(segment)) return -EAGAIN;
  if (!ring::is_retired<ring::HardwareMemory>(*segment.ring.header)) return 0;
  return fail(ESTALE,
              "ring %.80s: %.200s: its state is neither open (1) nor retired (2): it is damaged; see `shmring doctor %.80s`",
              at.ring.c_str(), at.path.c_str(), at.ring.c_str());
}

// We did not hold the lock, so the name may have been removed by hand before, and a collector may have retired the ring for
// that.
bool reopen_if_named(const Segment& segment) {
  ring::Header& header = *segment.ring.header;
  ring::reopen<ring::HardwareMemory>(header);
  if (!unlinked(segment)) return true;
  ring::retire<ring::HardwareMemory>(header);
  return false;
}

void reopen_abandoned(const Segment& segment) {
  Place at;
  if (ring::is_retired<ring::HardwareMemory>(*segment.ring.header) && place_of(segment.name, at) == 0)
    settle_removal(at, segment, 0);
}

}  // namespace shmring::os
