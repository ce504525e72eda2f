// XXH3 of more than a few cache lines, with the widest vectors that the processor has. This hashes a record of 1 KiB in less
// than half of the time. Vectors do not help with short inputs, which tripwire.hpp hashes in place.
//
// Invariant: the value is that of XXH3-64, whichever way it is computed.
#pragma once

#include <cstddef>

#include "lib/ring/layout.hpp"

namespace shmring::ring {

u64 hash_long(const void* from, std::size_t bytes);

#if defined(__x86_64__)
u64 hash_long_avx2(const void* from, std::size_t bytes);  // where the processor has AVX2
#endif

}  // namespace shmring::ring
