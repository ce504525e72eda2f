// Compares the enumerators of shmring.h with the ring's own. They are asserted here and nowhere else.
//
// Invariant: everything stored in a segment or a log has the number that the C ABI gives it. Numbers without a twin (kinds,
// lanes) are fixed for ever.
#pragma once

#include "lib/include/shmring/shmring.h"
#include "lib/ring/layout.hpp"

namespace shmring::ring {

// Geometry::on_full
static_assert(SHMRING_POLICY_DROP == u32(OnFull::drop) && SHMRING_POLICY_OVERWRITE == u32(OnFull::overwrite) &&
              SHMRING_POLICY_WAIT == u32(OnFull::wait) && SHMRING_POLICY_HYBRID == u32(OnFull::hybrid));

// Geometry::flags: the same bits, with the opposite meaning
inline constexpr u32 create_flags = SHMRING_CREATE_NO_TRIPWIRE | SHMRING_CREATE_NO_TIMESTAMP;
static_assert(SHMRING_CREATE_NO_TRIPWIRE == with_tripwire && SHMRING_CREATE_NO_TIMESTAMP == with_timestamp);

// RecordHeader::kind, as LAYOUT.md has it, and RecordHeader::flags
static_assert(SHMRING_KIND_TEXT == 0 && SHMRING_KIND_JSON == 1 && SHMRING_KIND_FIELDS == 2 && SHMRING_KIND_BYTES == 3);
static_assert(SHMRING_META_TRUNCATE == flag_truncated);

// What attach is asked for: zero is the default.
static_assert(SHMRING_LANE_AUTO == 0 && SHMRING_LANE_SHARED == 1 && SHMRING_LANE_EXCLUSIVE == 2);

// The refusals of a handle are the first causes. Each has a counter, and a bit among the 16 of the refusal word.
static_assert(refusal_causes == std::size_t(Cause::retired) + 1 && causes == std::size_t(Cause::refused) + 1 && causes <= 16);

// Returns what a call returns for a refusal. The other causes are the collector's.
constexpr int condition_of(Cause cause) {
  switch (cause) {
    case Cause::timeout: return SHMRING_TIMEOUT;
    case Cause::too_big: return SHMRING_TOO_BIG;
    case Cause::retired: return SHMRING_RETIRED;
    case Cause::aborted: return 0;
    default: return SHMRING_FULL;
  }
}
static_assert(condition_of(Cause::full) == SHMRING_FULL && condition_of(Cause::contended) == SHMRING_FULL &&
              condition_of(Cause::no_room) == SHMRING_FULL);

}  // namespace shmring::ring
