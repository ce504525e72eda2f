// Who removes a ring: retire it, look once more whether anybody needs it, and only then remove its name; or open it again.
//
// A ring is judged before it is removed, and who attaches in between would write into a ring that no collector ever finds. So
// the remover stores that the ring is retired and then looks at the owner words; an attacher claims its owner word and then
// looks whether the ring is retired. All four are seq_cst, so one of the two at least sees the other.
//
// Invariants:
//   - of several who retire, open again or remove a ring, one at a time does so: each has the remover's lock
//     (os/remover_lock.hpp), which the kernel takes from the dead;
//   - a ring that is retired and has its name, while nobody has that lock, was left so by one that was killed: whoever meets it
//     opens it again, or removes it, with the lock.
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
  u64 unlogged = 0;  // records: attempts that are in no log, of all entries
  explicit operator bool() const { return what != What::nothing; }
};

// `records`: also what is in no log is needed. dead(entry, owner word): proof that this owner's process is dead.
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

// Nothing: the ring is retired, and nobody attaches any more. Else it is open, as before.
template <class M, class Dead>
Need retire_unless_needed(const Ring& ring, bool records, const Dead& dead) {
  retire<M>(*ring.header);
  const Need need = look_for_need<M>(ring, records, dead);
  if (need) reopen<M>(*ring.header);
  return need;
}

}  // namespace shmring::ring
