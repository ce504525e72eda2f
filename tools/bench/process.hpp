// The processes of the benchmark, the processors on which they run, and the memory that they share.
//
// Invariants:
//   - a child process outlives neither its Child object nor its parent process;
//   - after stop_on_signals(), SIGINT and SIGTERM do not end this process. stop_requested() tells that one came, and code that
//     waits for a child calls it. A child process is ended by these signals at once.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace shmring::bench {

// Returns the processors that this process may use, in ascending order.
std::vector<int> processors();
// Binds the calling process to this processor. Returns false if that is impossible.
bool pin(int processor);
bool pin(const std::vector<int>& processors);
void yield();
// Returns how often the kernel has taken the processor away from the calling process although it was not waiting.
std::uint64_t preemptions();

class Child {
 public:
  // Runs `role` in a new process. Its return value is the exit status; after an exception the status is 99.
  explicit Child(const std::function<int()>& role);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  void kill() const;
  pid_t pid() const { return pid_; }
  bool ended();
  // Waits until the process has ended or the deadline (CLOCK_MONOTONIC) has passed. Returns the exit status, −signal, or
  // `running`.
  int wait(std::uint64_t deadline_ns);
  static constexpr int running = -1000;

 private:
  pid_t pid_ = 0;
  int status_ = 0;
  bool ended_ = false;
};

void stop_on_signals();
bool stop_requested();
// Ends this process by the signal that came, as if it had not been caught.
void end_by_signal();

void* shared_zeros(std::size_t bytes);
void free_shared(void* at, std::size_t bytes);
// A T that this process shares with its children. It begins as zeros; no constructor runs.
template <class T>
class SharedWithChildren {
 public:
  SharedWithChildren() : value_(static_cast<T*>(shared_zeros(sizeof(T)))) {}
  SharedWithChildren(const SharedWithChildren&) = delete;
  ~SharedWithChildren() { free_shared(value_, sizeof(T)); }
  T& operator*() const { return *value_; }
  T* operator->() const { return value_; }

 private:
  T* value_;
};

}  // namespace shmring::bench
