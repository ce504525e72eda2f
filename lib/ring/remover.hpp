// The protocol for removing a ring. The remover retires the ring and looks once more whether anybody needs it. Only then does
// it remove the name; otherwise it opens the ring again.
//
// A ring is judged before it is removed, and a producer that attaches in between would write into a ring that no collector ever
// finds. So the remover first stores that the ring is retired and then looks at the owner words. An attacher first claims its
// owner word and then looks whether the ring is retired. All four accesses are seq_cst, so at least one of the two sees the
// other.
//
// Invariants:
//   - only one process at a time retires, opens again or removes a ring, since each must hold the remover's lock
//     (os/remover_lock.hpp), which the kernel takes from the dead;
//   - if a ring is retired and has its name while nobody holds that lock, a killed process left it so. Whoever meets it takes
//     the lock, and opens the ring again or removes it.
#pragma once

#include "lib/ring/account.hpp"
#include "lib/ring/ring.hpp"

namespace shmring::ring {

// Why a ring must stay.
struct Need {
  enum class What : u8 { nothing, producer, records };
  What what = What::nothing;
  u32 entry = 0;
  Owner owner{};     // producer
  u64 unlogged = 0;  // attempts that are in no log, over all entries
  explicit operator bool() const { return what != What::nothing; }
};

// If `records` is true, records that are in no log also count as a need. dead(entry, owner word) proves that this owner's
// process is dead.
template <class M, class Dead>
Need look_for_need(const Ring& ring, bool records, const Dead& dead) {
  Need need;
  for (u32 index = 0; index < ring.geometry.producers; ++index) {
    const Entry& entry = ring.entries[index];
    const Owner owner = owner_judged<M>(entry);
    if (owner.state == OwnerState::free) continue;
    if (owner.state != OwnerState::left && !dead(index, owner.bits())) return {Need::What::producer, index, owner, 0};
    const u64 attempted = account_seen<M>(entry).attempted, logged = logged_seen<M>(entry).through;
    if (records && attempted > logged) need = {Need::What::records, index, owner, need.unlogged + attempted - logged};
  }
  return need;
}

// If this returns no need, the ring is retired and nobody attaches any more. Otherwise it is open, as before.
template <class M, class Dead>
Need retire_unless_needed(const Ring& ring, bool records, const Dead& dead) {
  retire<M>(*ring.header);
  const Need need = look_for_need<M>(ring, records, dead);
  if (need) reopen<M>(*ring.header);
  return need;
}

}  // namespace shmring::ring
