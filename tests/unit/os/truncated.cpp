// A file that is truncated while it is mapped: whoever only looks reads zeros, and does not end.
#include <sys/mman.h>

#include <csignal>

#include "lib/os/calls.hpp"
#include "lib/os/map.hpp"
#include "tests/unit/os/children.hpp"

using namespace shmring;

namespace {

// Returns how a child ends that reads a mapping, of two pages, of a file that has no page any more: 0 if it read a zero.
int status_of_reader(bool prepared) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (prepared ? os::read_zeros_where_truncated() != 0 : ::signal(SIGBUS, SIG_DFL) == SIG_ERR) ::_exit(3);
    const int file = ::memfd_create("truncated", MFD_CLOEXEC);
    if (file < 0 || ::pwrite(file, "x", 1, 5000) != 1) ::_exit(4);
    auto* const bytes = static_cast<volatile char*>(::mmap(nullptr, 8192, PROT_READ, MAP_SHARED, file, 0));
    if (bytes == MAP_FAILED || bytes[5000] != 'x' || ::ftruncate(file, 0) != 0) ::_exit(5);
    ::_exit(bytes[5000] == 0 && bytes[0] == 0 ? 0 : 6);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

constexpr std::size_t large_page = 65536;
int maps;
std::size_t mapped_bytes;
void* count_and_map(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) {
  ++maps, mapped_bytes = bytes;
  return ::mmap(at, bytes, protection, flags, file, offset);
}

// Returns how many pages a child had to map to read the first and the last byte of what would be one large page, of a file that
// has no byte any more. `page_bytes` is what it takes for a page; 0 leaves that to the library.
int pages_read(std::size_t page_bytes) {
  const pid_t child = ::fork();
  if (child == 0) {
    os::calls.mmap = count_and_map;
    if ((page_bytes != 0 ? os::read_zeros_where_truncated(page_bytes) : os::read_zeros_where_truncated()) != 0) ::_exit(101);
    const int file = ::memfd_create("truncated", MFD_CLOEXEC);
    if (file < 0 || ::ftruncate(file, large_page) != 0) ::_exit(102);
    // Twice as much is free, so that a large page begins in there.
    void* const room = ::mmap(nullptr, 2 * large_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) ::_exit(103);
    const auto begin = (reinterpret_cast<std::uintptr_t>(room) + large_page - 1) / large_page * large_page;
    auto* const bytes = static_cast<volatile char*>(
        ::mmap(reinterpret_cast<void*>(begin), large_page, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0));
    if (bytes == MAP_FAILED || ::ftruncate(file, 0) != 0) ::_exit(104);
    if (bytes[large_page - 1] != 0 || bytes[0] != 0) ::_exit(105);
    if (mapped_bytes != (page_bytes != 0 ? page_bytes : static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)))) ::_exit(106);
    ::_exit(maps);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("what was mapped of a file that was truncated reads as zeros, where it would end the process") {
  CHECK(status_of_reader(true) == 0);
  const int status = status_of_reader(false);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS));
}

TEST_CASE("what reads as zeros beyond the end of a file is one page, of the size that the kernel has") {
  CHECK(pages_read(large_page) == 1);
  CHECK(pages_read(0) == (::sysconf(_SC_PAGESIZE) == large_page ? 1 : 2));
}
