// Removing a ring, and giving it another name: see segment.hpp, and ring/remover.hpp for the protocol.
//
// Invariants:
//   - a name is removed only with the remover's lock, and only while it refers to the file that was opened;
//   - a caller that may not remove the name does not retire the ring, not even for a moment, since producers would see it.
#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cinttypes>
#include <cstring>

#include "lib/os/error.hpp"
#include "lib/os/process.hpp"
#include "lib/os/remover_lock.hpp"
#include "lib/os/users.hpp"
#include "lib/ring/remover.hpp"

namespace shmring::os {
namespace {

int cannot_remove(const Place& at, int error) {
  return fail(error, "ring %.80s: cannot remove %.200s: %s", at.ring.c_str(), at.path.c_str(), std::strerror(error));
}

// Tries to remove the file as a folder, which always fails. But the kernel reports that it is no folder only if nothing else
// forbids the removal.
int check_removable(const Place& at) {
  if (calls.unlinkat(at.dir.get(), at.file.c_str(), AT_REMOVEDIR) == 0 || errno == ENOTDIR) return 0;
  return cannot_remove(at, errno);
}

int stays(const Place& at, const ring::Need& need) {
  if (need.what == ring::Need::What::producer)
    return fail(EBUSY, "ring %.80s: not removed: process %u has attached by now: see `shmring stat %.80s`", at.ring.c_str(),
                need.owner.pid, at.ring.c_str());
  return fail(EBUSY,
              "ring %.80s: not removed: attempts of producers are in no log, %" PRIu64
              " by now: start shmringd --ring %.80s "
              "--log DIR, which drains it",
              at.ring.c_str(), need.unlogged, at.ring.c_str());
}

// Returns 0 if the ring is retired, or −EBUSY if somebody needs it; the ring is then open.
int retire(const Place& at, const Segment& segment, Unneeded unneeded) {
  using Memory = ring::HardwareMemory;
  if (unneeded == Unneeded::unasked) {
    ring::retire<Memory>(*segment.ring.header);
    return 0;
  }
  Deaths deaths(segment.ring);
  const auto dead = [&deaths](u32 entry, u64 owner) { return deaths.dead(entry, owner); };
  const bool records = unneeded == Unneeded::by_anybody;
  if (const ring::Need need = ring::retire_unless_needed<Memory>(segment.ring, records, dead)) {
    reopen_if_named(segment);
    return stays(at, need);
  }
  // A collector that takes the lease from now on sees that the ring is retired.
  if (!lease_is_held(segment)) return 0;
  reopen_if_named(segment);
  return fail(EBUSY, "ring %.80s: not removed: a collector has just taken it: see `shmring stat %.80s`", at.ring.c_str(),
              at.ring.c_str());
}

// The file is open, checked and locked. `ring` is mapped unless attach refuses it.
int remove_name(const Place& at, const Segment& segment, const struct stat& opened, Unneeded unneeded) {
  const bool mapped = segment.ring.header != nullptr;
  if (mapped) {
    if (const int error = check_removable(at)) return error;
    if (const int error = retire(at, segment, unneeded)) return error;
    // We may have been stopped for long since the first look. The name may now belong to a new ring, which nobody has judged.
    if (const int error = check_name(at, opened)) return error;
  }
  if (calls.unlinkat(at.dir.get(), at.file.c_str(), 0) == 0) return 0;
  const int error = errno;
  if (mapped) reopen_if_named(segment);
  return cannot_remove(at, error);
}

}  // namespace

int unlink(std::string_view ring, bool force, const Segment* only, const char* owner, Unneeded unneeded) {
  Place at;
  if (const int error = place_of(ring, at)) return error;
  if (const int error = named_owner(at.ring, owner, at.named)) return error;
  Segment segment;
  RemoverLock lock;
  struct stat status {};
  int refused = open_checked(at, O_RDWR, status, segment.fd);
  if (refused != 0 && refused != -EPERM) return refused;
  if (refused == 0) {
    // If several remove it at once, one at a time checks whether the name still refers to this file. Otherwise the others could
    // remove the ring that somebody creates in its place.
    if (const int error = lock.take(at, segment.fd)) return error;
  }
  if (only != nullptr) {
    if (const int error = status_of(at, *only, status)) return error;
  }
  if (refused == 0 || only != nullptr) {
    if (const int error = check_name(at, status)) return error;
  }
  if (refused == 0) refused = map_checked(at, status, segment);
  const bool judged_older = refused == -EPROTO && only != nullptr;  // `only` says it can be looked at
  if (refused != 0 && refused != -ESTALE && !judged_older && !force) return refused;
  return remove_name(at, segment, status, unneeded);
}

int rename(std::string_view ring, std::string_view to, const Segment& only, const char* owner) {
  Place at;
  if (const int error = place_of(ring, at)) return error;
  if (const int error = named_owner(at.ring, owner, at.named)) return error;
  const std::string target = file_name(std::string(to));
  struct stat status {};
  if (const int error = status_of(at, only, status)) return error;
  if (const int error = check_rights(at, status)) return error;
  // Does not wait, because a process that holds the lock may be stopped.
  if (calls.flock(only.fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(errno == EWOULDBLOCK ? EBUSY : errno, "ring %.80s: cannot lock %.200s, to give it another name: %s",
                at.ring.c_str(), at.path.c_str(), std::strerror(errno));
  }
  if (const int error = check_name(at, status)) return error;
  if (calls.renameat2(at.dir.get(), at.file.c_str(), at.dir.get(), target.c_str(), RENAME_NOREPLACE) == 0) return 0;
  const int error = errno;
  const char* const advice = error == EINVAL                     ? ": put the rings on a tmpfs"
                             : error == EPERM || error == EACCES ? ": its owner, the directory's owner or root may do that"
                                                                 : "";
  return fail(error, "ring %.80s: cannot give %.200s the name %.80s: %s%s", at.ring.c_str(), at.path.c_str(), target.c_str(),
              std::strerror(error), advice);
}

}  // namespace shmring::os
