// Make a system call fail: one of one kind, the n-th of a piece of code, with each error that is plausible for it.
//
// Invariants:
//   - one Failing at a time; the table is as it was when it goes, and what was put into the table before stays below it;
//   - what cannot fail (getpid, clocks) is left alone; what frees something (close, munmap, closedir) is done, then fails;
//   - an error that would be a statement about the world (ENOENT: no such ring; ESRCH: that process is dead) is not injected.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "lib/os/calls.hpp"

namespace shmring::test {

// Instead of an errno: the call transfers half of its bytes, or none; or the process is killed before the call.
inline constexpr int halved = -1, nothing = 0, killed = -2;

struct CallKind {
  const char* name;
  std::vector<int> errors;
};

const std::vector<CallKind>& call_kinds();

struct Fault {
  std::size_t kind = ~std::size_t{0};  // none: calls are counted, none fails
  int n = 0;                           // the call's number among those of its kind, from 0
  int error = 0;
  bool for_good = false;  // and every later one of its kind

  std::string text() const;
};

class Failing {
 public:
  explicit Failing(Fault wanted = {});
  ~Failing();
  Failing(const Failing&) = delete;

  static constexpr std::size_t kinds = 55;
  bool fired() const;
  const std::array<int, kinds>& counts() const;

 private:
  os::Calls kept_;
};

// Every fault of a piece of code that makes these many calls of each kind. In a long run each error, else one a call, and the
// seed says which of them comes first. For good: not what must pass (an interruption, a short transfer), nor the sleep in which
// a daemon is told to stop.
std::vector<Fault> every_fault(const std::array<int, Failing::kinds>& counts, bool for_good = false);

// What a process holds: descriptors and mappings. A sanitizer maps memory of its own.
struct Holdings {
  Holdings();
  bool operator==(const Holdings&) const = default;
  std::string text() const;

  int descriptors, mappings;
};

}  // namespace shmring::test
