// Writes what arrives into the archive: see receiver.hpp. It is not written yet: it fetches nothing.
#include "lib/fleet/receiver.hpp"

namespace shmring::fleet {

class Receiver::Parts {
 public:
  ReceiveStatus status;
};

const char* name_of(Keeping state) {
  switch (state) {
    case Keeping::whole: return "whole";
    case Keeping::gap: return "gap";
    case Keeping::conflict: return "conflict";
    case Keeping::refused: return "refused";
  }
  return "?";
}

Receiver::Receiver(ReceiveRequest, ReceivingEngine&) : parts_(std::make_unique<Parts>()) {}
Receiver::~Receiver() = default;
int Receiver::open() { return 0; }
u64 Receiver::step(u64 now_ns) { return now_ns + 1'000'000'000; }
void Receiver::commit(u64) {}
const ReceiveStatus& Receiver::status() const { return parts_->status; }
std::vector<ReceivedLog> Receiver::logs() const { return {}; }
std::vector<Said> Receiver::take_said() { return {}; }

}  // namespace shmring::fleet
