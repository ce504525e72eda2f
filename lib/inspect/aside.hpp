// A ring that this version cannot drain any more, of another boot or of an older version, out of the way of a new one.
//
// Invariants:
//   - nothing of it is changed or lost: it gets a name beside its own that nothing else has, under which all commands find it;
//   - it is moved only if attach would trust it and every owner is proven dead, before and after: what somebody may still write
//     into keeps its name.
#pragma once

#include <string>

#include "lib/inspect/leftover.hpp"

namespace shmring::inspect {

struct Aside {
  std::string name;   // the ring's new name; "": none was moved
  std::string why;    // what it is: "it is of another boot", or the like
  Leftover leftover;  // what it holds
};

// For a ring that attach has refused as −ESTALE or −EPROTO, which is `refused`. 0: it was moved, or it has gone. Else an error
// with its text: `refused` again if there is nothing to be moved, −EPROTO if a living process may use it.
int move_aside(const std::string& ring, const char* owner, int refused, Aside& out);

// "payments.old-20261130T101500Z", cut so that it can name a ring; from the second attempt on with a number behind it.
std::string name_aside(const std::string& ring, u64 now_utc_ns, u32 attempt);

}  // namespace shmring::inspect
