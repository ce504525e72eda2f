// The lock for removing a ring, giving it another name, or opening it again. It is a flock on the ring's file. The collector's
// lease on the same file is a lock of another kind.
//
// Invariants:
//   - nobody waits for the lock beyond a bound, since its holder may be stopped;
//   - the kernel takes the lock from a dead holder. A mapping holds the lock as a descriptor does, so it is released
//     explicitly.
#pragma once

#include "lib/os/place.hpp"

namespace shmring::os {

// How long an attacher, or another remover, waits for a process that is about to remove the ring.
inline constexpr u64 remover_patience_ns = 200'000'000;

class RemoverLock {
 public:
  RemoverLock() = default;
  RemoverLock(const RemoverLock&) = delete;
  RemoverLock& operator=(const RemoverLock&) = delete;
  ~RemoverLock();

  // Takes the lock of an open file, which outlives this object. Returns 0, −EBUSY if somebody has held it all the time, or the
  // error of the call that failed.
  int take(const Place& at, const Fd& file, u64 patience_ns = remover_patience_ns);

 private:
  int held_ = -1;
};

// Called for a segment that was found retired under its name. Waits for the remover. If there is none, a remover was killed,
// and the ring is opened again. Returns 0 if it is open, −EAGAIN if it has lost its name (attach again), or −ESTALE if it is
// still being removed.
int settle_removal(const Place& at, const Segment& segment, u64 patience_ns = remover_patience_ns);

// Opens a ring again that is to stay. Returns false if somebody removed its name by hand meanwhile; it then stays retired, for
// its collector.
bool reopen_if_named(const Segment& segment);

// Like settle_removal, but for a collector, which waits for nobody: a ring that is retired under its name is opened again,
// unless somebody removes it at this moment.
void reopen_abandoned(const Segment& segment);

}  // namespace shmring::os
