// Whether anybody still needs a segment. gc removes what nobody needs, doctor calls it left over, and shmringd moves it aside.
//
// Invariants:
//   - the owners are the producers that hold a place, the collector, and the creator. Only proof makes an owner dead, and an
//     owner without proof counts as alive;
//   - nothing here changes the segment.
#pragma once

#include <string>
#include <vector>

#include "lib/inspect/inspect.hpp"

namespace shmring::inspect {

struct Leftover {
  bool every_owner_dead = false;
  std::string why;          // who may be alive, or what proves that nobody is
  std::vector<u32> living;  // pids of the owners that are not proven dead, as far as they can be told
  u64 undrained = 0;        // positions that no collector has released
  u64 unlogged = 0;         // attempts of its producers that no log covers
  bool loses() const { return undrained + unlogged != 0; }
};

Leftover judge(const Inspection& facts);

// Returns "3 positions not drained, 4 attempts in no log", or "".
std::string loss_text(const Leftover& leftover);

// Returns "pid 12", "none", or the like.
std::string collector_text(const CollectorFacts& collector);

}  // namespace shmring::inspect
