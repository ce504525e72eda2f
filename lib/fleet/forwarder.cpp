// Sends a log to an engine: see forwarder.hpp.
#include "lib/fleet/forwarder.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/fleet/forwarder_parts.hpp"
#include "lib/fleet/log_id.hpp"
#include "lib/os/error.hpp"

namespace shmring::fleet {
namespace {

constexpr u64 look_ns = 50 * millisecond;                  // between looks at the mark
constexpr u64 gather_ns = 100 * millisecond;               // so long a range that is not full waits behind the one before
constexpr std::size_t large_bytes = std::size_t{1} << 20;  // a range of so many bytes does not wait
constexpr std::size_t least_data = 1024;                   // an engine that takes less takes nothing
constexpr u64 next_try_ns = second;                        // between tries while the log cannot be read
constexpr u64 refused_ns = 60 * second;
constexpr u64 first_backoff = 100 * millisecond, most_backoff = 10 * second;
constexpr u64 silence_ns = 30 * second;  // so long the archive may stand still behind what was sent

// Cuts a range to about half, behind a line if there is one.
void halve(Chunk& chunk) {
  const std::size_t half = chunk.bytes.size() / 2;
  const std::size_t newline = chunk.bytes.rfind('\n', half - 1);
  const std::size_t size = newline == chunk.bytes.npos ? half : newline + 1;
  const std::string_view away = chunk.bytes.substr(size);
  chunk.range.next_index -= static_cast<u64>(std::ranges::count(away, '\n'));
  chunk.range.end = chunk.range.begin + size;
  chunk.bytes = chunk.bytes.substr(0, size);
}

}  // namespace

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

Forwarder::Forwarder(ForwardRequest request, PublishingEngine& engine)
    : parts_(std::make_unique<Parts>(std::move(request), engine)) {}
Forwarder::~Forwarder() = default;
u64 Forwarder::step(u64 now_ns) { return parts_->step(now_ns); }
const ForwardStatus& Forwarder::status() const { return parts_->status; }
std::vector<Said> Forwarder::take_said() { return std::exchange(parts_->said, {}); }

Forwarder::Parts::Parts(ForwardRequest request, PublishingEngine& engine)
    : request_(std::move(request)), engine_(engine), feed_(request_.dir) {
  for (const std::string_view name : rider_names) riders_.emplace_back(name);
}

u64 Forwarder::Parts::step(u64 now) {
  if (asks_after_ != Outcome::done) {  // the call before may have taken long, so its wait begins here
    const bool is_full = std::exchange(asks_after_, Outcome::done) == Outcome::full;
    ask_due_ns_ = now + (is_full ? backoff_ns_ : engine_timeout);
  }
  if (const Later later = look(now)) return *later;
  if (const Later later = ask_archive(now)) return *later;
  if (!is_known()) {
    if (now < ask_due_ns_) return std::min(ask_due_ns_, archive_due_ns_);
    if (const Later later = ask_position(now)) return *later;
  }
  if (const Later later = send_lines(now)) return *later;
  if (const Later later = send_riders(now)) return *later;
  if (is_archive_behind(now)) forget_position();
  return std::min(now + look_ns, archive_due_ns_);
}

// D first, and then the files.
Forwarder::Parts::Later Forwarder::Parts::look(u64 now) {
  int error = feed_.look_at_mark();
  status.durable = feed_.durable();
  const bool is_due = feed_.durable() != listed_for_ || now >= list_due_ns_ || feed_.place() != place_ || !is_known();
  if (error == 0 && is_due) error = feed_.list();
  if (error != 0) return cannot_read(now);
  if (!is_due) return unreadable_ns_.reset(), Later{};
  listed_for_ = feed_.durable(), list_due_ns_ = now + second;
  return identify(now);
}

// A mark that is being written may be torn for a moment.
Forwarder::Parts::Later Forwarder::Parts::cannot_read(u64 now) {
  listed_for_ = ~u64{0};
  if (!unreadable_ns_) unreadable_ns_ = now;
  if (now - *unreadable_ns_ < next_try_ns) return now + look_ns;
  enter(Sending::no_log, os::last_error());
  say(Weight::warning, "no_log", status.text);
  return now + next_try_ns;
}

// A log that was begun anew has another id, and another subject.
Forwarder::Parts::Later Forwarder::Parts::identify(u64 now) {
  const std::string oldest(feed_.files().front().plain_name());
  if (!status.log.empty() && feed_.place() == place_ && oldest == oldest_ && status.state != Sending::no_log)
    return unreadable_ns_.reset(), Later{};
  // A first line that is not durable may be another one after a power cut, and the log another log.
  if (feed_.durable() <= feed_.files().front().first_index) return now + look_ns;
  std::string id;
  if (find_log_id(feed_.directory(), feed_.dir(), feed_.files(), id) != 0) return cannot_read(now);
  unreadable_ns_.reset();
  over("no_log", place() + ": it can be read");
  if (status.state == Sending::no_log) enter(Sending::asking, "");
  place_ = feed_.place(), oldest_ = oldest;
  if (id == status.log) return {};
  if (!status.log.empty()) say(Weight::notice, "new_log", place() + ": another log was begun in it, " + id);
  status.log = id;
  name_ = {request_.host, request_.ring, id};
  subject_ = subject_of(log_subjects, name_), archived_subject_ = subject_of(archived_subjects, name_);
  forget_position();
  status.archived.reset();
  remember_archived();
  archive_was_asked_ = false, archive_due_ns_ = ask_due_ns_ = 0;
  archived_sequence_ = rewinding_ = wanted_done_ = 0;
  archive_stands_ns_.reset();
  archived_text_.clear(), kept_text_.clear();
  for (RiderState& rider : riders_) rider = RiderState(rider.name);
  return {};
}

Forwarder::Parts::Later Forwarder::Parts::send_lines(u64 now) {
  Chunk chunk;
  const int got = feed_.next({status.file, status.byte, status.next_index}, most_, chunk);
  if (got < 0) {
    listed_for_ = ~u64{0};
    if (got == -ENODATA) return forget_position(), now;  // the next look says what is lost
    say(Weight::alarm, "unreadable", os::last_error());
    return now + next_try_ns;
  }
  over("unreadable", place() + ": it can be read again");
  if (got == 0) return wanted_done_ = rewinding_, Later{};
  if (now < gather_due_ns_ && chunk.bytes.size() < std::min(large_bytes, most_))
    return std::min(gather_due_ns_, archive_due_ns_);
  return publish(chunk, now);
}

Forwarder::Parts::Later Forwarder::Parts::publish(Chunk& chunk, u64 now) {
  chunk.range.follows = follows_;
  std::string packed = pack(chunk.bytes), text;
  const std::size_t most = engine_.most_data();
  if (most < least_data) return failed(Outcome::unknown, "the engine takes no message now", now);
  while (packed.size() > most) {
    halve(chunk);
    most_ = chunk.bytes.size();
    packed = pack(chunk.bytes);
  }
  u64 sequence = 0;
  const Outcome outcome = engine_.publish(subject_, headers_of(chunk.range), packed, last_sequence_, sequence, text);
  ++status.outcomes[static_cast<std::size_t>(outcome)];
  if (outcome != Outcome::done) return failed(outcome, text, now);
  sent(chunk, sequence, packed.size(), now);
  return now;
}

void Forwarder::Parts::sent(const Chunk& chunk, u64 sequence, std::size_t packed, u64 now) {
  last_sequence_ = sequence, follows_ = Follows::sent, wanted_done_ = rewinding_;
  status.lines += chunk.range.next_index - std::min(chunk.range.next_index, status.next_index);
  set_position({chunk.range.file, chunk.range.end, chunk.range.next_index});
  ++status.messages, status.bytes += chunk.bytes.size(), status.packed_bytes += packed;
  status.last_sent_ns = now;
  gather_due_ns_ = now + gather_ns;
  most_ = std::min(2 * most_, most_bytes);
  backoff_ns_ = 0;
  over("full", place() + ": the engine takes its lines again");
  over("refused", place() + ": the engine takes its lines again");
  over("no_answer", place() + ": the engine answers again");
  enter(Sending::sending, "");
}

Forwarder::Parts::Later Forwarder::Parts::failed(Outcome outcome, const std::string& text, u64 now) {
  forget_position();
  if (outcome == Outcome::refused) {
    enter(Sending::refused, place() + ": the engine will not have it: " + text);
    say(Weight::alarm, "refused", status.text);
    ask_due_ns_ = now + refused_ns;
    return ask_due_ns_;
  }
  asks_after_ = outcome;
  if (outcome == Outcome::full) {
    backoff_ns_ = std::clamp(2 * backoff_ns_, first_backoff, most_backoff);
    enter(Sending::full, place() + ": the engine has no room for it, or no quorum: " + text);
    say(Weight::warning, "full", status.text);
  } else {
    enter(Sending::asking, text);
    if (outcome == Outcome::unknown) say(Weight::notice, "no_answer", place() + ": " + text);
  }
  return now;
}

// Nothing is left to be sent, the archive has less than that, and gets no further: the engine may have forgotten messages.
bool Forwarder::Parts::is_archive_behind(u64 now) {
  const u64 archived = status.archived ? status.archived->index : 0;
  if (!is_known() || archived >= status.next_index) return archive_stands_ns_.reset(), false;
  if (!archive_stands_ns_) archive_stands_ns_ = now;
  if (now - *archive_stands_ns_ < silence_ns) return false;
  archive_stands_ns_.reset();
  return true;
}

void Forwarder::Parts::set_position(const Position& position) {
  status.file = position.file, status.byte = position.byte, status.next_index = position.index;
}

void Forwarder::Parts::say(Weight weight, const std::string& code, const std::string& text) {
  if (!active_.emplace(code, text).second) return;
  said.push_back({weight, code, text});
}

void Forwarder::Parts::over(const std::string& code, const std::string& text) {
  if (active_.erase(code) > 0) said.push_back({Weight::notice, code, text});
}

void Forwarder::Parts::enter(Sending state, const std::string& text) { status.state = state, status.text = text; }

}  // namespace shmring::fleet
