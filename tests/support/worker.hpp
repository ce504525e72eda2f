// Threads that tests move step by step.
#pragma once

#include <functional>
#include <semaphore>
#include <thread>

namespace shmring::test {

template <class F>
void in_thread(const F& role) {
  std::thread(role).join();
}

// A thread that does what it is told, and waits in between.
class Worker {
 public:
  ~Worker() { end(); }
  // Returns when it is done.
  void run(const std::function<void()>& what) {
    what_ = &what;
    go_.release();
    done_.acquire();
  }
  void end() {
    if (!thread_.joinable()) return;
    what_ = nullptr;
    go_.release();
    thread_.join();
  }

 private:
  void live() {
    for (go_.acquire(); what_ != nullptr; go_.acquire()) {
      (*what_)();
      done_.release();
    }
  }
  std::binary_semaphore go_{0}, done_{0};
  const std::function<void()>* what_ = nullptr;
  std::thread thread_{[this] { live(); }};
};

}  // namespace shmring::test
