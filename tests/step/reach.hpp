// Where the instructions of a stepped process reach into a mapping, to read or to write: told before each step from the
// instruction's operands and the registers.
//
// Invariants:
//   - the code is this program's own, at the same addresses (see tracee.hpp), so that it is decoded from here, and once;
//   - thread-local operands (fs, gs) are nobody else's, and none of a mapping.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

struct user_regs_struct;

namespace shmring::test {

// Of an instruction, to memory that is mapped.
struct Access {
  std::uint64_t offset;  // in the mapping
  unsigned bytes;
  bool loads, stores;
};

class Reach {
 public:
  // `file`: what is mapped.
  Reach(pid_t pid, std::string file);
  ~Reach();
  Reach(const Reach&) = delete;

  // What the instruction at which the process stands reads or writes there.
  std::vector<Access> accesses(const user_regs_struct& registers);
  // The process may have mapped it meanwhile, or let it go.
  void look_again();

 private:
  struct Operand {
    unsigned base, index;                    // capstone's registers
    std::int64_t scale, displacement, next;  // next: what `rip` is for it, the address behind the instruction
    unsigned bytes;
    bool loads, stores;
  };
  const std::vector<Operand>& operands(std::uintptr_t pc);

  const pid_t pid_;
  const std::string file_;
  std::size_t decoder_ = 0;
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> mapped_;
  std::unordered_map<std::uintptr_t, std::vector<Operand>> known_;
};

}  // namespace shmring::test
