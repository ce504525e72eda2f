// A stage of the fleet in a thread of its own: it is stepped when it is due, until it is asked to end or has ended by itself.
//
// Invariants:
//   - what is asked of a stage takes effect between two steps, so what is in flight is finished;
//   - whoever looks at a stage sees a copy, which is made after each step.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "lib/fleet/said.hpp"

namespace shmring::tool {

// What one step came to. An exit status ends the stage.
struct Stepped {
  std::uint64_t next_ns = 0;  // when it is due again
  std::optional<int> exit_status;
  std::vector<fleet::Said> said;
};

class Stage {
 public:
  using Step = std::function<Stepped(std::uint64_t now_ns)>;  // monotonic
  ~Stage() { end(); }

  // Returns 0 or −errno.
  int begin(Step step);
  // Asks it to end; end() also waits until it has.
  void ask_to_end();
  void end();

  std::optional<int> exit_status() const;
  std::vector<fleet::Said> take_said();
  // When its last step ended, or 0: none has. The manager's watchdog is fed only while all stages step.
  std::uint64_t stepped_ns() const { return stepped_ns_.load(std::memory_order_relaxed); }

 private:
  void run(const Step& step);

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool asked_ = false;
  std::optional<int> exit_status_;
  std::vector<fleet::Said> said_;
  std::atomic<std::uint64_t> stepped_ns_ = 0;
  std::thread thread_;
};

}  // namespace shmring::tool
