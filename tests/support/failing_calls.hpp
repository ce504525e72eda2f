// Make the n-th system call of a piece of code fail.
//
// Invariants:
//   - one FailNth at a time; the table is as it was when it goes;
//   - what cannot fail (getpid, clocks) and what would only leak in the test (close, munmap) is left alone.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <type_traits>

#include "lib/os/calls.hpp"

namespace shmring::test {

class FailNth {
 public:
  // Fail call number `n` from now (0: the next one) with `error`.
  FailNth(int n, int error) : kept_(os::calls) {
    left_ = n;
    error_ = error;
    using C = os::Calls;
    install<&C::open, &C::openat, &C::read, &C::pread, &C::write, &C::lseek, &C::ftruncate, &C::posix_fallocate,
            &C::fsync, &C::fdatasync, &C::fstat, &C::fstatfs, &C::fchmod, &C::fchown, &C::flock, &C::fcntl, &C::fstatat,
            &C::mkdirat, &C::linkat, &C::unlinkat, &C::renameat, &C::readlink, &C::fdopendir, &C::readdir, &C::mmap,
            &C::madvise, &C::getrlimit, &C::getgroups, &C::getgrnam_r, &C::pidfd_open, &C::kill, &C::ppoll>();
  }
  ~FailNth() { os::calls = kept_; }
  FailNth(const FailNth&) = delete;

  // Whether the n-th call was reached.
  bool fired() const { return left_ < 0; }

 private:
  template <auto Member>
  struct Failing;
  template <class R, class... A, R (*os::Calls::*Member)(A...)>
  struct Failing<Member> {
    static inline R (*real)(A...) = nullptr;
    static R call(A... arguments) {
      if (left_-- != 0) return real(arguments...);
      errno = error_;
      if constexpr (std::is_same_v<decltype(Member), decltype(&os::Calls::mmap)>) return MAP_FAILED;
      if constexpr (std::is_pointer_v<R>)
        return nullptr;
      else
        return returns_error<Member>() ? static_cast<R>(error_) : static_cast<R>(-1);
    }
  };
  template <auto Member>
  static constexpr bool returns_error() {
    return std::is_same_v<decltype(Member), decltype(&os::Calls::getgrnam_r)> ||
           std::is_same_v<decltype(Member), decltype(&os::Calls::posix_fallocate)>;
  }
  template <auto... Members>
  static void install() {
    ((Failing<Members>::real = os::calls.*Members, os::calls.*Members = Failing<Members>::call), ...);
  }

  static inline int left_ = 0, error_ = 0;
  os::Calls kept_;
};

// Replace one call for a while; the replacement may use Replaced<…>::real.
template <auto Member>
class Replaced {
 public:
  using Call = std::remove_reference_t<decltype(os::calls.*Member)>;
  explicit Replaced(Call call) {
    real = os::calls.*Member;
    os::calls.*Member = call;
  }
  ~Replaced() { os::calls.*Member = real; }
  Replaced(const Replaced&) = delete;
  static inline Call real = nullptr;
};

}  // namespace shmring::test
