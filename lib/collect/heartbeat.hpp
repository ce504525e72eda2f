// When a log to which nothing comes gets a line that says so. Pure: values in, an answer out.
#pragma once

#include "lib/ring/layout.hpp"

namespace shmring::collect {

using ring::u64;

class Heartbeat {
 public:
  explicit Heartbeat(u64 every_ns = 60'000'000'000) : every_ns_(every_ns) {}

  // Called about once a second with the index that the log's next line will have. Returns true if the line is due; the caller
  // then appends it, and nothing else with the same call.
  bool is_due(u64 next_index, u64 now_ns) {
    if (since_ns_ == 0 || next_index != next_index_) {
      next_index_ = next_index, since_ns_ = now_ns;
      return false;
    }
    if (now_ns - since_ns_ < every_ns_) return false;
    next_index_ = next_index + 1, since_ns_ = now_ns;
    return true;
  }

 private:
  u64 every_ns_;
  u64 next_index_ = 0, since_ns_ = 0;  // monotonic; 0: not asked yet
};

}  // namespace shmring::collect
