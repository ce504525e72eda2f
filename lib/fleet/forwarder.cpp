// Sends a log to an engine: see forwarder.hpp. It is not written yet: it asks for nothing and sends nothing.
#include "lib/fleet/forwarder.hpp"

namespace shmring::fleet {

class Forwarder::Parts {
 public:
  ForwardStatus status;
};

const char* name_of(Sending state) {
  switch (state) {
    case Sending::asking: return "asking";
    case Sending::sending: return "sending";
    case Sending::full: return "full";
    case Sending::no_log: return "no_log";
    case Sending::lost_position: return "lost_position";
    case Sending::refused: return "refused";
  }
  return "?";
}

Forwarder::Forwarder(ForwardRequest, PublishingEngine&) : parts_(std::make_unique<Parts>()) {}
Forwarder::~Forwarder() = default;
u64 Forwarder::step(u64 now_ns) { return now_ns + 1'000'000'000; }
const ForwardStatus& Forwarder::status() const { return parts_->status; }
std::vector<Said> Forwarder::take_said() { return {}; }

}  // namespace shmring::fleet
