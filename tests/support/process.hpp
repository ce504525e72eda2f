// Real processes for fault tests: start a role, kill it, stop it, wait until something is true.
//
// Invariants:
//   - nothing outlives the test program: each child is killed with its parent, and by its Child's destructor;
//   - what a test waits for is a condition with a deadline; a pause alone never stands for one;
//   - a role runs in a forked child, never returns to doctest, and runs no destructor of its parent's.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <new>
#include <random>

#include "tests/support/mode.hpp"

namespace shmring::test {

using Steady = std::chrono::steady_clock;

// Pauses between two looks at a condition, up to a deadline.
class Waiting {
 public:
  explicit Waiting(std::chrono::milliseconds deadline);
  // False, and no pause: the deadline has passed.
  bool goes_on() const;

 private:
  Steady::time_point end_;
};

// Poll `condition` until it is true; false: it was not within the deadline.
template <class F>
bool eventually(F&& condition, std::chrono::milliseconds deadline = std::chrono::seconds(60)) {
  for (const Waiting waiting(deadline); !condition();)
    if (!waiting.goes_on()) return condition();
  return true;
}

double milliseconds_since(Steady::time_point begin);
std::uint64_t nanoseconds_since(Steady::time_point begin);

// How long a process of one thread has stood ready so far, and no core took it; 0: the kernel does not say.
std::uint64_t ready_ns(pid_t pid);

// The memory that is a process's own, and no file's, in KiB; 0: the process is gone.
std::uint64_t own_memory_kib(pid_t pid);

// The letter by which /proc names what the process does: S sleeps, Z is dead and not reaped; 0: it is gone.
char state_of(pid_t pid);

// A moment of chance, up to `most` microseconds long: where a fault strikes.
void random_pause(std::mt19937_64& random, std::uint64_t most);

// Memory that processes forked later share, all zero.
void* shared_memory(std::size_t bytes);

// An object that processes forked later share, and that survives each of them.
template <class T>
class Shared {
 public:
  Shared() : object_(::new (shared_memory(sizeof(T))) T{}) {}
  ~Shared() { ::munmap(object_, sizeof(T)); }
  Shared(const Shared&) = delete;
  T* operator->() { return object_; }
  T& operator*() { return *object_; }

 private:
  T* object_;
};

class Child {
 public:
  Child() = default;
  // What `role` returns is the exit status.
  explicit Child(const std::function<int()>& role);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  // Reaped if it has ended.
  bool running();
  // The exit status; −signal if it was killed; −1000: it runs on past the deadline.
  int wait(std::chrono::milliseconds deadline = std::chrono::seconds(120));
  int kill();
  // It is in a system call that waits.
  bool sleeps();
  // SIGSTOP, and it stands still when this returns.
  void stop();
  void go_on() const { signal(SIGCONT); }

 private:
  void swap(Child& other);
  pid_t pid_ = 0;
  int status_ = 0;
  bool ended_ = false;
};

}  // namespace shmring::test
