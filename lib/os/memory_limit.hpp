// How much memory the control groups of this process leave it: past their limit the kernel ends the process that reserves a
// ring on a tmpfs, instead of failing the call.
//
// Invariants:
//   - what cannot be read, or is no number, is no limit: this only ever refuses what is known not to fit;
//   - pages of files can be given back, and are not counted as used; where there is swap, nothing is judged.
// Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of Linux.
#pragma once

#include <cstdint>
#include <string>

namespace shmring::os {

struct MemoryLimit {
  std::uint64_t left = ~std::uint64_t{0};  // bytes
  std::string file;                        // that sets it; "": no limit is known
};

// The tightest of this process' group and those above it.
MemoryLimit memory_limit();

}  // namespace shmring::os
