// Moves a ring that this version cannot drain, because it is of another boot or of an older version, out of the way of a new
// ring.
//
// Invariants:
//   - nothing of the ring is changed or lost. It gets an unused name derived from its own, under which all commands find it;
//   - it is moved only if attach would trust it and every owner is proven dead, before and after. A ring that somebody may
//     still write into keeps its name.
#pragma once

#include <string>

#include "lib/inspect/leftover.hpp"

namespace shmring::inspect {

struct Aside {
  std::string name;   // the ring's new name; "": none was moved
  std::string why;    // what it is: "it is of another boot", or the like
  Leftover leftover;  // what it holds
};

// Called for a ring that attach has refused with −ESTALE or −EPROTO, which is `refused`. Returns 0 if the ring was moved or is
// gone. Otherwise it returns an error with its text: `refused` again if there is nothing to move, −EPROTO if a living process
// may use it.
int move_aside(const std::string& ring, const char* owner, int refused, Aside& out);

// Returns "payments.old-20261130T101500Z", cut so that it can name a ring. From the second attempt on, a number follows.
std::string name_aside(const std::string& ring, u64 now_utc_ns, u32 attempt);

}  // namespace shmring::inspect
