// A file that is truncated while it is mapped: whoever only looks reads zeros, and does not end.
#include <sys/mman.h>

#include <csignal>

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

}  // namespace

TEST_CASE("what was mapped of a file that was truncated reads as zeros, where it would end the process") {
  CHECK(status_of_reader(true) == 0);
  const int status = status_of_reader(false);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS));
}
