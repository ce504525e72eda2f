// Real processes for fault tests: start a role, kill it, stop it, wait until something is true.
//
// Invariants:
//   - nothing outlives the test program: each child is killed with its parent, and by its Child's destructor;
//   - what a test waits for is a condition with a deadline; a pause alone never stands for one;
//   - a role runs in a forked child, never returns to doctest, and runs no destructor of its parent's.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/mode.hpp"

namespace shmring::test {

using Steady = std::chrono::steady_clock;

// Poll `condition` until it is true; false: it was not within the deadline.
template <class F>
bool eventually(F&& condition, std::chrono::milliseconds deadline = std::chrono::seconds(60)) {
  const auto end = Steady::now() + deadline;
  while (!condition()) {
    if (Steady::now() > end) return condition();
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

inline double milliseconds_since(Steady::time_point begin) {
  return std::chrono::duration<double, std::milli>(Steady::now() - begin).count();
}

inline std::uint64_t nanoseconds_since(Steady::time_point begin) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(Steady::now() - begin).count());
}

// How long a process of one thread has stood ready so far, and no core took it; 0: the kernel does not say.
inline std::uint64_t ready_ns(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/schedstat");
  std::uint64_t running = 0, ready = 0;
  file >> running >> ready;
  return ready;
}

// The letter by which /proc names what the process does: S sleeps, Z is dead and not reaped; 0: it is gone.
inline char state_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string name;
  char state = 0;
  std::getline(file, name, ')');
  file >> state;
  return state;
}

// A moment of chance, up to `most` microseconds long: where a fault strikes.
inline void random_pause(std::mt19937_64& random, std::uint64_t most) {
  std::this_thread::sleep_for(std::chrono::microseconds(below(random, most + 1)));
}

// An object that processes forked later share, and that survives each of them.
template <class T>
class Shared {
 public:
  Shared() : object_(::new (map()) T{}) {}
  ~Shared() { ::munmap(object_, sizeof(T)); }
  Shared(const Shared&) = delete;
  T* operator->() { return object_; }
  T& operator*() { return *object_; }

 private:
  static void* map() {
    void* memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) std::perror("mmap"), std::abort();
    return memory;
  }
  T* object_;
};

class Child {
 public:
  Child() = default;
  // What `role` returns is the exit status.
  explicit Child(const std::function<int()>& role) {
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGTERM, SIG_DFL), ::signal(SIGINT, SIG_DFL);  // doctest has handlers
    if (::getppid() != parent) ::_exit(99);
    ::_exit(role());
  }
  Child(Child&& other) noexcept { swap(other); }
  Child& operator=(Child&& other) noexcept {
    Child(std::move(other)).swap(*this);
    return *this;
  }
  ~Child() {
    if (running()) signal(SIGKILL), wait();
  }

  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  // Reaped if it has ended.
  bool running() {
    if (pid_ > 0 && !ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
    return pid_ > 0 && !ended_;
  }
  // The exit status; −signal if it was killed; −1000: it runs on past the deadline.
  int wait(std::chrono::milliseconds deadline = std::chrono::seconds(120)) {
    if (!eventually([this] { return !running(); }, deadline)) return -1000;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
  }
  int kill() {
    signal(SIGKILL);
    return wait();
  }
  // It is in a system call that waits.
  bool sleeps() { return running() && state_of(pid_) == 'S'; }
  // SIGSTOP, and it stands still when this returns.
  void stop() {
    signal(SIGSTOP);
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
    if (!WIFSTOPPED(status)) status_ = status, ended_ = true;
  }
  void go_on() const { signal(SIGCONT); }

 private:
  void swap(Child& other) { std::swap(pid_, other.pid_), std::swap(status_, other.status_), std::swap(ended_, other.ended_); }
  pid_t pid_ = 0;
  int status_ = 0;
  bool ended_ = false;
};

}  // namespace shmring::test
