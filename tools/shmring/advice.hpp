// What to do about a ring, by its state and by who asks.
//
// Invariant: destructive advice (rm, --force, --lose) is given only to the owner of the ring's file, and only if all who used
// the ring are proven dead.
#pragma once

#include <string>

#include "lib/inspect/leftover.hpp"

namespace shmring::tool {

// Returns whether the user may be told how to give a ring up.
bool may_be_given_up(const inspect::Inspection& facts, const inspect::Leftover& leftover);

// Returns how the ring's content gets into a log, or how one can look at it if no collector can drain it.
std::string way_into_a_log(const inspect::Inspection& facts);

// Returns what to do about a ring that is damaged, retired, of another boot or of an older version.
std::string remedy(const inspect::Inspection& facts, const inspect::Leftover& leftover);

// For a ring that nobody needs any more: returns who may remove it, and how, so that nothing is lost.
std::string way_to_remove(const inspect::Inspection& facts, const inspect::Leftover& leftover);

bool is_of_another_boot(const inspect::HeaderFacts& header);
// Returns true if a remover was killed or is at work. Attach then opens the ring again, or waits.
bool is_retired(const inspect::HeaderFacts& header);
// Returns true if the ring is neither of another boot nor of an older version.
bool can_be_attached_to(const inspect::HeaderFacts& header);

}  // namespace shmring::tool
