// One system call replaced by a function of a test's own.
//
// Invariant: the table is as it was when the Replaced goes.
#pragma once

#include <cerrno>
#include <type_traits>

#include "lib/os/calls.hpp"

namespace shmring::test {

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
