// A log's stage: see sender.hpp.
#include "tools/forward/sender.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "lib/log/files/cursor.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/os/error.hpp"
#include "tools/common/exit.hpp"

namespace shmring::tool {
namespace {

constexpr u64 second_ns = 1'000'000'000;

}  // namespace

int find_ring(const std::string& dir, std::string& out) {
  log::Cursor cursor;
  if (const int error = cursor.open(dir); error != 0) return error;
  log::LogLine line;
  const int found = cursor.next(line);
  if (found < 0) return found;
  log::Parsed head;
  if (found == 0 || !line.whole) return os::fail(-ENOENT, "log %s has no line yet", dir.c_str());
  if (!log::parse_head(line.text, head))
    return os::fail(-EBADMSG, "log %s: its first line is none of an audit log", dir.c_str());
  out = head.ring;
  return 0;
}

Sender::Sender(fleet::ForwardRequest request, std::unique_ptr<fleet::PublishingEngine> engine,
               std::function<bool()> engine_is_over)
    : request_(std::move(request)), engine_(std::move(engine)), engine_is_over_(std::move(engine_is_over)) {
  facts_.dir = request_.dir;
}

bool Sender::has_ring(u64 now_ns, Stepped& out) {
  if (!request_.ring.empty()) return true;
  if (find_ring(request_.dir, request_.ring) == 0) return true;
  out.next_ns = now_ns + second_ns;
  const std::string why = os::last_error();
  if (why == waits_for_) return false;
  waits_for_ = why;
  out.said.push_back({fleet::Weight::warning, "no_log", fmt::format("{}; it is looked for again each second", why)});
  const std::scoped_lock lock(mutex_);
  facts_.status.state = fleet::Sending::no_log, facts_.status.text = why;
  return false;
}

Stepped Sender::step(u64 now_ns) {
  Stepped out;
  if (!has_ring(now_ns, out)) return out;
  if (!forwarder_) forwarder_ = std::make_unique<fleet::Forwarder>(request_, *engine_);
  out.next_ns = forwarder_->step(now_ns);
  out.said = forwarder_->take_said();
  // What is refused is tried again, since a person may permit it meanwhile. In these two states nothing changes by itself.
  if (forwarder_->status().state == fleet::Sending::lost_position) out.exit_status = damaged;
  if (engine_is_over_()) out.exit_status = permission;
  note(now_ns);
  return out;
}

// When the archive has what was durable at a time, it is behind since that time if there is more by now.
void Sender::note(u64 now_ns) {
  const fleet::ForwardStatus& status = forwarder_->status();
  const u64 has = status.archived ? status.archived->index : 0;
  const std::scoped_lock lock(mutex_);
  facts_.ring = request_.ring, facts_.status = status;
  if (has >= status.durable) {
    facts_.behind_since_ns = 0;
  } else if (facts_.behind_since_ns == 0 || has >= behind_until_) {
    facts_.behind_since_ns = now_ns, behind_until_ = status.durable;
  }
}

SenderFacts Sender::snapshot() const {
  const std::scoped_lock lock(mutex_);
  return facts_;
}

}  // namespace shmring::tool
