// Whether anybody still needs a segment: what gc removes, and what doctor calls left over.
//
// Invariants:
//   - owners are the producers that hold a place, the collector, and the creator; only proof makes one of them dead,
//     and what cannot be proven counts as alive;
//   - nothing here changes the segment.
#pragma once

#include <string>

#include "lib/audit/inspect.hpp"

namespace shmring::tool {

struct Leftover {
  bool every_owner_dead = false;
  std::string why;          // who may be alive, or what proves that nobody is
  ring::u64 undrained = 0;  // positions that no collector has released
  ring::u64 unlogged = 0;   // attempts of its producers that no log covers
  bool loses() const { return undrained + unlogged != 0; }
};

Leftover judge(const audit::Inspection& facts);

// "3 positions not drained, 4 attempts in no log", or "".
std::string loss_text(const Leftover& leftover);

}  // namespace shmring::tool
