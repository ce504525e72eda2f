// Processes of the benchmark, the processors that they run on, and the memory in which they report.
//
// Invariants:
//   - no child outlives its Child, nor its parent;
//   - between stop_on_signals() and its end SIGINT and SIGTERM end nothing by themselves: stop_requested() says that
//     one came, and whoever waits for a child asks it. A child ends by them at once.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace shmring::bench {

// The processors that this process may use, ascending.
std::vector<int> processors();
// Runs the calling process on this processor only. Returns false if that is impossible.
bool pin(int processor);
// Lets another process of this processor run.
void yield();
// Returns how often the kernel has taken the processor away from the calling process, which did not want to wait.
std::uint64_t preemptions();

class Child {
 public:
  // The return value of `role` is the exit status. An exception gives 99.
  explicit Child(const std::function<int()>& role);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  void kill() const;
  pid_t pid() const { return pid_; }
  bool ended();
  // Returns the exit status, −signal, or `running` if the deadline (CLOCK_MONOTONIC) has passed.
  int wait(std::uint64_t deadline_ns);
  static constexpr int running = -1000;

 private:
  pid_t pid_ = 0;
  int status_ = 0;
  bool ended_ = false;
};

void stop_on_signals();
bool stop_requested();
// Ends by the signal that came, as if it had not been caught.
void end_by_signal();

// One T that this process shares with its children, zeroed at first.
void* shared_zeros(std::size_t bytes);
void free_shared(void* at, std::size_t bytes);
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
