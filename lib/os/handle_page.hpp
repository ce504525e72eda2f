// Memory for a producer handle that a forked child finds wiped.
//
// Invariants:
//   - the pages are private, zero at first, and zero again in a child (MADV_WIPEONFORK): a first word that its owner
//     has set is 0 exactly in a process that did not set it. One load tells, without a system call;
//   - they are in no core dump (MADV_DONTDUMP): a handle may hold audit bytes.
#pragma once

#include <cstddef>

namespace shmring::os {

// At least `bytes` of it, page aligned; NULL if there is none, with os::last_error() set and errno ENOMEM or EINVAL.
void* new_handle_page(std::size_t bytes);

// NULL is allowed. Also for a child, whose copy of the pages is its own.
void free_handle_page(void* page, std::size_t bytes);

}  // namespace shmring::os
