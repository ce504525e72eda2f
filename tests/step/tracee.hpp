// A process of our own under ptrace: it is driven to a given instruction of the call under test, where something happens to it.
//
// Invariants:
//   - all tracees of a test are forked from the same image, so that an instruction has the same address in each of them, and
//     its bytes can be read here;
//   - an instruction is named by its address and by how often the call has come to it: a loop that runs longer in one process
//     than in another (it reads a pid, or a clock) moves no point behind it;
//   - a tracee is ours alone, and ends with its Tracee.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/step/reach.hpp"

namespace shmring::test {

// The role brackets the call under test with these; each stops it for its tracer.
void call_begins();
void call_ends();

// Before the instruction at `pc`, when the call comes to it for the `hit`-th time, from 1.
struct Point {
  std::uintptr_t pc = 0;
  unsigned hit = 0;
};

struct Step {
  Point at;
  bool stores = false;           // it changed the memory that was watched
  bool reaches = false;          // it read or wrote there, whether that changed anything or not
  std::vector<Access> accesses;  // there
  bool system_call = false;
  bool in_vdso = false;  // the kernel's code in the process: it reads a clock again while the kernel is setting it
};

class Tracee {
 public:
  // Fork, and run up to call_begins(). What `role` returns is the exit status.
  explicit Tracee(const std::function<int()>& role);
  ~Tracee();
  Tracee(const Tracee&) = delete;

  // Whether a process here may trace its own child at all.
  static bool permitted();

  // It stands where the last call here has brought it.
  bool stands() const { return stands_; }
  pid_t pid() const { return pid_; }

  // Single-step through the call. Each of its instructions, and at the end the first behind it, at which it stands then.
  // `watched` is what `file` maps, here.
  std::vector<Step> walk(const std::byte* watched, std::size_t bytes, const std::string& file);
  // Run to there. False: the call ended, or the process, before it came there.
  bool run_to(Point point);
  // Go on, with this signal delivered.
  void resume(int signal = 0);
  void kill();
  bool ended();
  // The exit status; −signal if it was killed.
  int status() const;

 private:
  bool go(int request, int signal);
  std::uintptr_t pc() const;

  pid_t pid_ = 0;
  int wait_status_ = 0;
  bool stands_ = false, ended_ = false;
};

}  // namespace shmring::test
