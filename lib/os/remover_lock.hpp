// The lock of who removes a ring, gives it another name, or opens it again: a flock on its file, beside the collector's lease,
// which is a lock of another kind.
//
// Invariants:
//   - nobody waits for it beyond a bound: who holds it may be stopped;
//   - the kernel takes it from who dies; a mapping holds it as a descriptor does, so it is given back by name.
#pragma once

#include "lib/os/place.hpp"

namespace shmring::os {

// How long an attacher, or another remover, waits for whoever is about to remove the ring.
inline constexpr u64 remover_patience_ns = 200'000'000;

class RemoverLock {
 public:
  RemoverLock() = default;
  RemoverLock(const RemoverLock&) = delete;
  RemoverLock& operator=(const RemoverLock&) = delete;
  ~RemoverLock();

  // Of an open file, which outlives this. 0, −EBUSY: somebody has had it all the time; or what the call failed with.
  int take(const Place& at, const Fd& file, u64 patience_ns = remover_patience_ns);

 private:
  int held_ = -1;
};

// A segment that was found retired under its name: wait for whoever removes it; where nobody does, a remover was killed, and
// the ring is opened again. 0: it is open. −EAGAIN: it has lost its name: attach anew. −ESTALE: it is still being removed.
int settle_removal(const Place& at, const Segment& segment, u64 patience_ns = remover_patience_ns);

// A ring that stays is open again. False: somebody has removed its name by hand meanwhile; it stays retired, for its collector.
bool reopen_if_named(const Segment& segment);

// As settle_removal, for a collector, which waits for nobody: a ring that is retired under its name is opened again, unless
// somebody removes it at this moment.
void reopen_abandoned(const Segment& segment);

}  // namespace shmring::os
