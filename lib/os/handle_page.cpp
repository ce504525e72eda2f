// The mapping behind handle_page.hpp. Invariant: a page that could not be made fork-safe is never handed out.
#include "lib/os/handle_page.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "lib/os/calls.hpp"
#include "lib/os/error.hpp"

namespace shmring::os {

void* new_handle_page(std::size_t bytes) {
  void* page = calls.mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) {
    fail(errno, "cannot allocate %zu bytes for a producer handle: %s", bytes, std::strerror(errno));
    return nullptr;
  }
  if (calls.madvise(page, bytes, MADV_WIPEONFORK) == 0 && calls.madvise(page, bytes, MADV_DONTDUMP) == 0) return page;
  const int error = errno;
  calls.munmap(page, bytes);
  fail(error, "cannot make a producer handle safe against fork (madvise: %s): Linux 4.14 or later is needed",
       std::strerror(error));
  errno = error;
  return nullptr;
}

void free_handle_page(void* page, std::size_t bytes) {
  if (page) calls.munmap(page, bytes);
}

}  // namespace shmring::os
