// One log on its way: finds out which ring it is of, then runs its Forwarder.
//
// Thread role: step() is its stage's; snapshot() is for any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "lib/fleet/forwarder.hpp"
#include "tools/forward/stage.hpp"

namespace shmring::tool {

using fleet::u64;

// For people and metrics.
struct SenderFacts {
  std::string dir, ring;  // `ring` is empty until the log has a line
  fleet::ForwardStatus status;
  u64 behind_since_ns = 0;  // since when the archive has lacked a line that is durable here; 0: it has all
};

// Finds the name of the ring in the first line of a log. Returns 0, or −errno with its text: −ENOENT if there is no line yet.
int find_ring(const std::string& dir, std::string& out);

class Sender {
 public:
  // `request.ring` may be empty: the log says it. `engine_is_over` says whether the servers will not talk to us any more.
  Sender(fleet::ForwardRequest request, std::unique_ptr<fleet::PublishingEngine> engine, std::function<bool()> engine_is_over);

  Stepped step(u64 now_ns);
  SenderFacts snapshot() const;

 private:
  bool has_ring(u64 now_ns, Stepped& out);
  void note(u64 now_ns);

  fleet::ForwardRequest request_;
  std::unique_ptr<fleet::PublishingEngine> engine_;
  std::function<bool()> engine_is_over_;
  std::unique_ptr<fleet::Forwarder> forwarder_;
  std::string waits_for_;  // as said last
  u64 behind_until_ = 0;   // the archive is to have the lines below it
  mutable std::mutex mutex_;
  SenderFacts facts_;
};

}  // namespace shmring::tool
