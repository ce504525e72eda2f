// How much memory the control groups of this process leave it. Past their limit the kernel ends a process that reserves a ring
// on a tmpfs, instead of failing the call.
//
// Invariants:
//   - a value that cannot be read, or is no number, counts as no limit. This refuses only what is known not to fit;
//   - pages of files can be given back, and are not counted as used. If there is swap, nothing is judged.
// Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of Linux.
#pragma once

#include <cstdint>
#include <string>

namespace shmring::os {

struct MemoryLimit {
  std::uint64_t left = ~std::uint64_t{0};  // bytes
  std::string file;                        // that sets it; "": no limit is known
};

// Returns the tightest limit of this process's group and those above it.
MemoryLimit memory_limit();

}  // namespace shmring::os
