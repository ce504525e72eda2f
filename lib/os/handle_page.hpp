// Memory for a producer handle that a forked child finds wiped.
//
// Invariants:
//   - the pages are private, zero at first, and zero again in a child (MADV_WIPEONFORK). If the owner has set a first word,
//     that word is 0 exactly in a process that did not set it. One load tells this, without a system call;
//   - the pages are in no core dump (MADV_DONTDUMP), since a handle may hold audit bytes.
#pragma once

#include <cstddef>

namespace shmring::os {

// Returns at least `bytes` of it, page aligned, or NULL if there is none, with os::last_error() set and errno ENOMEM or EINVAL.
void* new_handle_page(std::size_t bytes);

// `page` may be NULL. A child may call this too, since its copy of the pages is its own.
void free_handle_page(void* page, std::size_t bytes);

}  // namespace shmring::os
