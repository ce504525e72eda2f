// Make a system call fail: one of one kind, the n-th of a piece of code, with each error that is plausible for it.
//
// Invariants:
//   - one Failing at a time; the table is as it was when it goes, and what was put into the table before stays below it;
//   - what cannot fail (getpid, clocks) is left alone; what frees something (close, munmap, closedir) is done, then fails;
//   - an error that would be a statement about the world (ENOENT: no such ring; ESRCH: that process is dead) is not injected.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "tests/support/failing_calls.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox.hpp"

namespace shmring::test {

// Instead of an errno: the call transfers half of its bytes, or none; or the process is killed before the call.
inline constexpr int halved = -1, nothing = 0, killed = -2;

struct CallKind {
  const char* name;
  std::vector<int> errors;
};

// In the order of `Failing::Members`.
inline const std::vector<CallKind>& call_kinds() {
  static const std::vector<CallKind> kinds{
      {"open", {EMFILE, EACCES, ENOMEM, EINTR}},
      {"openat", {EMFILE, EACCES, ENFILE, ENOMEM, EINTR, EIO, ENOSPC, EROFS}},
      {"close", {EINTR, EIO, ENOSPC}},
      {"read", {EIO, EINTR, halved}},
      {"pread", {EIO, EINTR, EAGAIN, halved}},
      {"write", {ENOSPC, EIO, EINTR, EDQUOT, EFBIG, EROFS, halved, nothing}},
      {"lseek", {EINVAL}},
      {"ftruncate", {EIO, EINTR, EPERM}},
      {"posix_fallocate", {ENOSPC, EIO, EINTR, ENOMEM, EDQUOT, EOPNOTSUPP}},
      {"fsync", {EIO, ENOSPC}},
      {"fdatasync", {EIO, ENOSPC}},
      {"fstat", {EIO, ENOMEM}},
      {"fstatfs", {EIO, EINTR, ENOSYS}},
      {"fchmod", {EPERM, EIO, EROFS}},
      {"fchown", {EPERM, EIO}},
      {"flock", {EWOULDBLOCK, EINTR, ENOLCK}},
      {"fcntl", {EAGAIN, EINTR, ENOLCK}},
      {"isatty", {ENOTTY}},
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
      {"clock_nanosleep", {EINTR}},
      {"futex", {EINTR, ENOSYS}},
  };
  return kinds;
}

struct Fault {
  std::size_t kind = ~std::size_t{0};  // none: calls are counted, none fails
  int n = 0;                           // the call's number among those of its kind, from 0
  int error = 0;
  bool for_good = false;  // and every later one of its kind

  std::string text() const {
    const std::string how = error == halved ? "half" : error == nothing ? "nothing" : strerrorname_np(error);
    return std::string(call_kinds()[kind].name) + " " + std::to_string(n) + (for_good ? "…: " : ": ") + how;
  }
};

class Failing {
 public:
  explicit Failing(Fault fault = {}) : kept_(os::calls) {
    static_assert(kinds == std::tuple_size_v<Members>);
    fault_ = fault, fired_ = false, counts_ = {};
    install(std::make_index_sequence<kinds>());
  }
  ~Failing() { os::calls = kept_; }
  Failing(const Failing&) = delete;

  static constexpr std::size_t kinds = 46;
  bool fired() const { return fired_; }
  const std::array<int, kinds>& counts() const { return counts_; }

 private:
  template <auto M>
  struct Member {
    static constexpr auto value = M;
  };
  using C = os::Calls;
  using Members =
      std::tuple<Member<&C::open>, Member<&C::openat>, Member<&C::close>, Member<&C::read>, Member<&C::pread>,
                 Member<&C::write>, Member<&C::lseek>, Member<&C::ftruncate>, Member<&C::posix_fallocate>, Member<&C::fsync>,
                 Member<&C::fdatasync>, Member<&C::fstat>, Member<&C::fstatfs>, Member<&C::fchmod>, Member<&C::fchown>,
                 Member<&C::flock>, Member<&C::fcntl>, Member<&C::isatty>, Member<&C::fstatat>, Member<&C::mkdirat>,
                 Member<&C::linkat>, Member<&C::unlinkat>, Member<&C::symlinkat>, Member<&C::renameat>, Member<&C::renameat2>,
                 Member<&C::readlink>, Member<&C::fdopendir>, Member<&C::readdir>, Member<&C::closedir>, Member<&C::mmap>,
                 Member<&C::munmap>, Member<&C::madvise>, Member<&C::getrlimit>, Member<&C::setrlimit>, Member<&C::getrandom>,
                 Member<&C::getgrnam_r>, Member<&C::getpwnam_r>, Member<&C::getpwuid_r>, Member<&C::pidfd_open>,
                 Member<&C::kill>, Member<&C::sigaction>, Member<&C::pthread_sigmask>, Member<&C::prctl>, Member<&C::ppoll>,
                 Member<&C::clock_nanosleep>, Member<&C::futex>>;
  template <std::size_t I>
  static constexpr auto member = std::tuple_element_t<I, Members>::value;

  template <auto M, auto... Others>
  static constexpr bool one_of() {
    return (std::is_same_v<Member<M>, Member<Others>> || ...);
  }

  template <std::size_t I, class = std::remove_reference_t<decltype(os::calls.*member<I>)>>
  struct Call;
  template <std::size_t I, class R, class... A>
  struct Call<I, R (*)(A...)> {
    static inline R (*real)(A...) = nullptr;
    static R call(A... arguments) {
      constexpr auto M = member<I>;
      const int n = counts_[I]++;
      if (fault_.kind != I || n < fault_.n || (n > fault_.n && !fault_.for_good)) return real(arguments...);
      fired_ = true;
      if (fault_.error == killed) ::raise(SIGKILL);
      if constexpr (one_of<M, &C::read, &C::pread, &C::write, &C::getrandom>()) {
        constexpr std::size_t bytes = one_of<M, &C::getrandom>() ? 1 : 2;
        std::get<bytes>(std::tie(arguments...)) /= 2;
        if (fault_.error == halved) return real(arguments...);
        if (fault_.error == nothing) return 0;
      }
      if constexpr (one_of<M, &C::close, &C::munmap, &C::closedir>()) real(arguments...);
      if constexpr (one_of<M, &C::posix_fallocate, &C::getgrnam_r, &C::getpwnam_r, &C::getpwuid_r, &C::clock_nanosleep,
                           &C::pthread_sigmask>())
        return fault_.error;
      errno = fault_.error;
      if constexpr (std::is_same_v<R, void*>)
        return MAP_FAILED;
      else if constexpr (std::is_pointer_v<R>)
        return nullptr;
      else
        return static_cast<R>(-1);
    }
  };
  template <std::size_t... I>
  static void install(std::index_sequence<I...>) {
    ((Call<I>::real = os::calls.*member<I>, os::calls.*member<I> = Call<I>::call), ...);
  }

  static inline Fault fault_;
  static inline bool fired_ = false;
  static inline std::array<int, kinds> counts_{};
  os::Calls kept_;
};

// Every fault of a piece of code that makes these many calls of each kind. In quick mode one error a call, else each of them.
// For good: not what must pass (an interruption, a short transfer), nor the sleep in which a daemon is told to stop.
inline std::vector<Fault> every_fault(const std::array<int, Failing::kinds>& counts, bool for_good = false) {
  std::vector<Fault> out;
  const bool all = by_mode(false, true, true);
  for (std::size_t kind = 0; kind < counts.size(); ++kind) {
    std::vector<int> errors = call_kinds()[kind].errors;
    if (for_good) std::erase(errors, EINTR), std::erase(errors, halved);
    if (errors.empty() || (for_good && call_kinds()[kind].name == std::string("ppoll"))) continue;
    for (int n = 0; n < counts[kind]; ++n)
      for (std::size_t e = 0; e < errors.size(); ++e)
        if (all || e == static_cast<std::size_t>(n) % errors.size()) out.push_back({kind, n, errors[e], for_good});
  }
  return out;
}

// What a process holds: descriptors and mappings. A sanitizer maps memory of its own.
struct Holdings {
  int descriptors = open_descriptors(), mappings = count_mappings();
  bool operator==(const Holdings&) const = default;
  std::string text() const { return std::to_string(descriptors) + " descriptors, " + std::to_string(mappings) + " mappings"; }

 private:
  static int count_mappings() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 0;
#else
    std::ifstream maps("/proc/self/maps");
    return static_cast<int>(std::count(std::istreambuf_iterator<char>(maps), {}, '\n'));
#endif
  }
};

}  // namespace shmring::test
