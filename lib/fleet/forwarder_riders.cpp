// What rides along with a log's lines: its chain of keys, and its newest checkpoint. See forwarder.hpp.
//
// Invariant: a rider is read before D is, and sent when all lines below that D were sent. So the archive has each line that a
// checkpoint speaks of when the checkpoint comes, or has a gap that it asks for.
#include "lib/fleet/forwarder_parts.hpp"
#include "lib/os/error.hpp"

namespace shmring::fleet {
namespace {

constexpr u64 rider_ns = 10 * second;  // between looks at a file; checkpoints are signed each second

}  // namespace

Forwarder::Parts::Later Forwarder::Parts::send_riders(u64 now) {
  for (RiderState& rider : riders_) {
    std::string text;
    if (now >= rider.due_ns && rider.waiting.empty()) look_at_rider(rider, now);
    if (rider.waiting.empty() || rider.index > status.next_index) continue;
    Outcome outcome = rider.is_known ? Outcome::done : ask_rider(rider, text);
    if (outcome == Outcome::done && rider.waiting != rider.sent) {
      const std::string subject = subject_of(log_subjects, name_, rider.name);
      u64 sequence = 0;
      outcome = engine_.publish(subject, headers_of(Rider{rider.name, rider.index}, rider.waiting.size()), pack(rider.waiting),
                                rider.sequence, sequence, text);
      rider.is_known = outcome == Outcome::done;
      if (rider.is_known) rider.sequence = sequence, rider.sent = rider.waiting, ++status.riders;
    }
    if (outcome == Outcome::refused)
      say(Weight::alarm, "rider_refused", place() + "/" + rider.name + ": the engine will not have it: " + text);
    if (outcome == Outcome::done) rider.waiting.clear();
    if (outcome != Outcome::done) rider.due_ns = now + engine_timeout, rider.waiting.clear();
  }
  return {};
}

void Forwarder::Parts::look_at_rider(RiderState& rider, u64 now) {
  rider.due_ns = now + rider_ns;
  std::string text;
  if (os::read_regular(feed_.directory(), rider.name.c_str(), most_rider_bytes, text) != 0 || text.empty()) return;
  if (rider.is_known && text == rider.sent) return;
  if (feed_.look_at_mark() != 0) return;
  rider.waiting = text, rider.index = feed_.durable();
}

Outcome Forwarder::Parts::ask_rider(RiderState& rider, std::string& text) {
  std::optional<Stored> last;
  const Outcome outcome = engine_.last(subject_of(log_subjects, name_, rider.name), last, text);
  if (outcome != Outcome::done) return outcome;
  rider.is_known = true;
  rider.sequence = last ? last->sequence : 0;
  rider.sent.clear();
  Rider header;
  std::size_t bytes = 0;
  std::string data;
  if (last && parse_rider(last->headers, rider.name, header, bytes).empty() && unpack(last->data, bytes, data).empty())
    rider.sent = data;
  return Outcome::done;
}

}  // namespace shmring::fleet
