// Failing system calls: see every_fault.hpp. For each call of the table a function is made here that can fail instead.
#include "tests/support/every_fault.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>

#include "lib/os/calls.hpp"
#include "tests/support/mode.hpp"
#include "tests/support/sandbox.hpp"

namespace shmring::test {

namespace {

// What the calls are to do, and what they did: of the one Failing there may be.
Fault fault;
bool has_fired = false;
std::array<int, Failing::kinds> counted{};

template <auto M>
struct Member {
  static constexpr auto value = M;
};
using C = os::Calls;
using Members =
    std::tuple<Member<&C::open>, Member<&C::openat>, Member<&C::close>, Member<&C::read>, Member<&C::pread>, Member<&C::write>,
               Member<&C::pwrite>, Member<&C::lseek>, Member<&C::ftruncate>, Member<&C::posix_fallocate>, Member<&C::fallocate>,
               Member<&C::fsync>, Member<&C::fdatasync>, Member<&C::fstat>, Member<&C::fstatfs>, Member<&C::fchmod>,
               Member<&C::fchown>, Member<&C::flock>, Member<&C::fcntl>, Member<&C::isatty>, Member<&C::socket>,
               Member<&C::sendto>, Member<&C::fstatat>, Member<&C::mkdirat>, Member<&C::linkat>, Member<&C::unlinkat>,
               Member<&C::symlinkat>, Member<&C::renameat>, Member<&C::renameat2>, Member<&C::readlink>, Member<&C::fdopendir>,
               Member<&C::readdir>, Member<&C::closedir>, Member<&C::mmap>, Member<&C::munmap>, Member<&C::madvise>,
               Member<&C::getrlimit>, Member<&C::setrlimit>, Member<&C::setpriority>, Member<&C::getrandom>,
               Member<&C::getgrnam_r>, Member<&C::getpwnam_r>, Member<&C::getpwuid_r>, Member<&C::pidfd_open>, Member<&C::kill>,
               Member<&C::sigaction>, Member<&C::pthread_sigmask>, Member<&C::prctl>, Member<&C::ppoll>, Member<&C::eventfd>,
               Member<&C::epoll_create1>, Member<&C::epoll_ctl>, Member<&C::epoll_wait>, Member<&C::clock_nanosleep>,
               Member<&C::futex>>;
template <std::size_t I>
constexpr auto member = std::tuple_element_t<I, Members>::value;

template <auto M, auto... Others>
constexpr bool one_of() {
  return (std::is_same_v<Member<M>, Member<Others>> || ...);
}

template <std::size_t I, class = std::remove_reference_t<decltype(os::calls.*member<I>)>>
struct Call;
template <std::size_t I, class R, class... A>
struct Call<I, R (*)(A...)> {
  static inline R (*real)(A...) = nullptr;
  static R call(A... arguments) {
    constexpr auto M = member<I>;
    const int n = counted[I]++;
    if (fault.kind != I || n < fault.n || (n > fault.n && !fault.for_good)) return real(arguments...);
    has_fired = true;
    if (fault.error == killed) ::raise(SIGKILL);
    if constexpr (one_of<M, &C::read, &C::pread, &C::write, &C::pwrite, &C::getrandom>()) {
      constexpr std::size_t bytes = one_of<M, &C::getrandom>() ? 1 : 2;
      std::get<bytes>(std::tie(arguments...)) /= 2;
      if (fault.error == halved) return real(arguments...);
      if (fault.error == nothing) return 0;
    }
    if constexpr (one_of<M, &C::close, &C::munmap, &C::closedir>()) real(arguments...);
    if constexpr (one_of<M, &C::posix_fallocate, &C::getgrnam_r, &C::getpwnam_r, &C::getpwuid_r, &C::clock_nanosleep,
                         &C::pthread_sigmask>())
      return fault.error;
    errno = fault.error;
    if constexpr (std::is_same_v<R, void*>)
      return MAP_FAILED;
    else if constexpr (std::is_pointer_v<R>)
      return nullptr;
    else
      return static_cast<R>(-1);
  }
};
template <std::size_t... I>
void install(std::index_sequence<I...>) {
  ((Call<I>::real = os::calls.*member<I>, os::calls.*member<I> = Call<I>::call), ...);
}

}  // namespace

// In the order of `Members`.
const std::vector<CallKind>& call_kinds() {
  static const std::vector<CallKind> kinds{
      {"open", {EMFILE, EACCES, ENOMEM, EINTR}},
      {"openat", {EMFILE, EACCES, ENFILE, ENOMEM, EINTR, EIO, ENOSPC, EROFS}},
      {"close", {EINTR, EIO, ENOSPC}},
      {"read", {EIO, EINTR, halved}},
      {"pread", {EIO, EINTR, EAGAIN, halved}},
      {"write", {ENOSPC, EIO, EINTR, EDQUOT, EFBIG, EROFS, halved, nothing}},
      {"pwrite", {EIO, ENOSPC, EINTR, halved}},
      {"lseek", {EINVAL}},
      {"ftruncate", {EIO, EINTR, EPERM}},
      {"posix_fallocate", {ENOSPC, EIO, EINTR, ENOMEM, EDQUOT, EOPNOTSUPP}},
      {"fallocate", {ENOSPC, EINTR, EDQUOT, EOPNOTSUPP, EFBIG, EIO}},
      {"fsync", {EIO, ENOSPC}},
      {"fdatasync", {EIO, ENOSPC}},
      {"fstat", {EIO, ENOMEM}},
      {"fstatfs", {EIO, EINTR, ENOSYS}},
      {"fchmod", {EPERM, EIO, EROFS}},
      {"fchown", {EPERM, EIO}},
      {"flock", {EWOULDBLOCK, EINTR, ENOLCK}},
      {"fcntl", {EAGAIN, EINTR, ENOLCK}},
      {"isatty", {ENOTTY}},
      {"socket", {EMFILE, ENFILE, ENOMEM}},
      {"sendto", {EAGAIN, ECONNREFUSED, ENOENT}},
      {"fstatat", {EACCES, ENOMEM, EIO}},
      {"mkdirat", {EACCES, ENOSPC, EROFS, EMLINK}},
      {"linkat", {EACCES, ENOSPC, EIO, EPERM, EMLINK}},
      {"unlinkat", {EACCES, EIO, EBUSY, EROFS}},
      {"symlinkat", {EACCES, ENOSPC, EIO, EPERM, EROFS}},
      {"renameat", {EACCES, EIO, ENOSPC, EROFS}},
      {"renameat2", {EACCES, EIO, ENOSPC, EROFS, EINVAL}},
      {"readlink", {EACCES, EIO, ENOMEM}},
      {"fdopendir", {ENOMEM, EIO}},
      {"readdir", {EIO}},
      {"closedir", {EIO}},
      {"mmap", {ENOMEM, EAGAIN, EPERM}},
      {"munmap", {ENOMEM}},
      {"madvise", {ENOMEM, EINVAL, EAGAIN}},
      {"getrlimit", {EINVAL}},
      {"setrlimit", {EPERM}},
      {"setpriority", {EPERM}},
      {"getrandom", {EINTR, ENOSYS, halved}},
      {"getgrnam_r", {EIO, EINTR, EMFILE, ENOMEM, ERANGE}},
      {"getpwnam_r", {EIO, EINTR, EMFILE, ENOMEM, ERANGE}},
      {"getpwuid_r", {EIO, EINTR, EMFILE, ENOMEM, ERANGE}},
      {"pidfd_open", {EMFILE, ENOMEM, ENOSYS}},
      {"kill", {EPERM}},
      {"sigaction", {EINVAL}},
      {"pthread_sigmask", {EINVAL}},
      {"prctl", {EINVAL}},
      {"ppoll", {EINTR, ENOMEM, EINVAL}},
      {"eventfd", {EMFILE, ENOMEM}},
      {"epoll_create1", {EMFILE, ENFILE, ENOMEM}},
      {"epoll_ctl", {ENOSPC, ENOMEM}},
      {"epoll_wait", {EINTR, EBADF}},
      {"clock_nanosleep", {EINTR}},
      {"futex", {EINTR, ENOSYS}},
  };
  return kinds;
}

std::string Fault::text() const {
  const std::string how = error == halved ? "half" : error == nothing ? "nothing" : strerrorname_np(error);
  return std::string(call_kinds()[kind].name) + " " + std::to_string(n) + (for_good ? "…: " : ": ") + how;
}

Failing::Failing(Fault wanted) : kept_(os::calls) {
  static_assert(kinds == std::tuple_size_v<Members>);
  fault = wanted, has_fired = false, counted = {};
  install(std::make_index_sequence<kinds>());
}

Failing::~Failing() { os::calls = kept_; }

bool Failing::fired() const { return has_fired; }

const std::array<int, Failing::kinds>& Failing::counts() const { return counted; }

std::vector<Fault> every_fault(const std::array<int, Failing::kinds>& counts, bool for_good) {
  std::vector<Fault> out;
  const bool all = by_mode(false, false, true);
  const std::size_t first = seeded(82)();
  for (std::size_t kind = 0; kind < counts.size(); ++kind) {
    std::vector<int> errors = call_kinds()[kind].errors;
    if (for_good) std::erase(errors, EINTR), std::erase(errors, halved);
    if (errors.empty() || (for_good && call_kinds()[kind].name == std::string("ppoll"))) continue;
    for (int n = 0; n < counts[kind]; ++n)
      for (std::size_t e = 0; e < errors.size(); ++e)
        if (all || e == (first + static_cast<std::size_t>(n)) % errors.size()) out.push_back({kind, n, errors[e], for_good});
  }
  return out;
}

// -------------------------------------------------------------------------------------------------- what a process holds

namespace {

int count_mappings() {
  if (sanitized) return 0;
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) count += !line.ends_with("[heap]");  // that one is the allocator's
  return count;
}

}  // namespace

Holdings::Holdings() : descriptors(open_descriptors()), mappings(count_mappings()) {}

std::string Holdings::text() const {
  return std::to_string(descriptors) + " descriptors, " + std::to_string(mappings) + " mappings";
}

}  // namespace shmring::test
