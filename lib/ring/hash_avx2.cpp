// Hashes long inputs with AVX2: see hash.hpp. Invariant: nothing that another file may share is compiled for AVX2. Everything
// that xxhash.h includes is included before it, and is C.
#include "lib/ring/hash.hpp"

#if defined(__x86_64__)

#include <immintrin.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

#define XXH_VECTOR 2  // XXH_AVX2, which xxhash.h defines
#define XXH_INLINE_ALL
#include <xxhash.h>
static_assert(XXH_VECTOR == XXH_AVX2);

namespace shmring::ring {

u64 hash_long_avx2(const void* from, std::size_t bytes) { return XXH3_64bits(from, bytes); }

}  // namespace shmring::ring

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
