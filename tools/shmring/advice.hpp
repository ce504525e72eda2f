// What to do about a ring, by its state and by who asks.
//
// Invariant: what destroys (rm, --force, --lose) is advised to the owner of the ring's file alone, and only where all who used
// the ring are proven dead.
#pragma once

#include <string>

#include "lib/inspect/leftover.hpp"

namespace shmring::tool {

// Whether who asks may be told how to give a ring up.
bool may_be_given_up(const inspect::Inspection& facts, const inspect::Leftover& leftover);

// How what the ring holds gets into a log; or, where no collector can drain it, how one can look at it.
std::string way_into_a_log(const inspect::Inspection& facts);

// What to do about a ring that is damaged, retired, of another boot or of an older version.
std::string remedy(const inspect::Inspection& facts, const inspect::Leftover& leftover);

// Of a ring that nobody needs any more: who may remove it, and how, so that nothing is lost.
std::string way_to_remove(const inspect::Inspection& facts, const inspect::Leftover& leftover);

bool is_of_another_boot(const inspect::HeaderFacts& header);
// By a remover that was killed, or is at work: attach opens it again, or waits.
bool is_retired(const inspect::HeaderFacts& header);
// Neither of another boot nor of an older version.
bool can_be_attached_to(const inspect::HeaderFacts& header);

}  // namespace shmring::tool
