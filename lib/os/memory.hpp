// The Memory that is shipped: the hardware's memory with the kernel's sleep.
#pragma once

#include "lib/os/wakeup.hpp"
#include "lib/ring/memory.hpp"

namespace shmring::os {

struct ProcessMemory : ring::HardwareMemory {
  static void sleep(ring::At, std::atomic<ring::u32>& word, ring::u32 expected, ring::u64 deadline_ns) {
    futex_wait(word, expected, deadline_ns);
  }
};

}  // namespace shmring::os
