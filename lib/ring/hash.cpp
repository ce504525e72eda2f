// Which way long inputs are hashed: see hash.hpp.
#include "lib/ring/hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace shmring::ring {

u64 hash_long(const void* from, std::size_t bytes) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return hash_long_avx2(from, bytes);
#endif
  return XXH3_64bits(from, bytes);
}

}  // namespace shmring::ring
