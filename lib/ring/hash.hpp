// XXH3 of more than a few cache lines, by the widest vectors that the processor has: a record of 1 KiB is hashed in less than
// half of the time. Short inputs have no use for vectors, and are hashed in place: tripwire.hpp.
//
// Invariant: the value is XXH3-64's, whichever way it was come by.
#pragma once

#include <cstddef>

#include "lib/ring/layout.hpp"

namespace shmring::ring {

u64 hash_long(const void* from, std::size_t bytes);

#if defined(__x86_64__)
u64 hash_long_avx2(const void* from, std::size_t bytes);  // where the processor has AVX2
#endif

}  // namespace shmring::ring
