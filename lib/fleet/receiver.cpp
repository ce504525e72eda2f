// Writes what arrives into the archive: see receiver.hpp.
#include "lib/fleet/receiver.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/fleet/log_id.hpp"
#include "lib/fleet/receiver_parts.hpp"
#include "lib/fleet/status.hpp"
#include "lib/os/error.hpp"

namespace shmring::fleet {
namespace {

constexpr u64 gap_ns = 10 * second;  // so long what is missing may be on its way
constexpr u64 commit_ns = second;
constexpr u64 commit_bytes = u64{64} << 20;
constexpr u64 trouble_ns = second;          // between tries
constexpr std::size_t most_logs = 100'000;  // a host that makes up logs does not fill the memory
constexpr std::size_t most_gap_tickets = 4096;

}  // namespace

const char* name_of(Keeping state) {
  switch (state) {
    case Keeping::whole: return "whole";
    case Keeping::gap: return "gap";
    case Keeping::conflict: return "conflict";
    case Keeping::refused: return "refused";
  }
  return "?";
}

Receiver::Receiver(ReceiveRequest request, ReceivingEngine& engine)
    : parts_(std::make_unique<Parts>(std::move(request), engine)) {}
Receiver::~Receiver() = default;
int Receiver::open() { return parts_->open(); }
u64 Receiver::step(u64 now_ns) { return parts_->step(now_ns); }
void Receiver::commit(u64 now_ns) { parts_->commit(now_ns); }
const ReceiveStatus& Receiver::status() const { return parts_->status; }
std::vector<Said> Receiver::take_said() { return std::exchange(parts_->said, {}); }
std::vector<ReceivedLog> Receiver::logs() const {
  std::vector<ReceivedLog> out;
  for (const auto& [name, log] : parts_->logs) {
    out.push_back(log.seen);
    const Committed& committed = log.store.committed();
    out.back().archived = {committed.file, committed.bytes, committed.index, committed.wanted};
    out.back().uncommitted = log.store.uncommitted_bytes();
  }
  return out;
}

int Receiver::Parts::open() {
  const std::string& root = request_.root;
  if (const int error = os::open_at(AT_FDCWD, root.c_str(), O_RDONLY | O_DIRECTORY, 0, root_))
    return os::fail(-error, "archive %s: cannot open it: %s; give a directory that exists", root.c_str(),
                    std::strerror(-error));
  if (os::calls.flock(root_.get(), LOCK_EX | LOCK_NB) != 0)
    return errno == EWOULDBLOCK ? os::fail(EBUSY, "archive %s: another receiver writes to it", root.c_str())
                                : os::fail(errno, "archive %s: cannot lock it: %s", root.c_str(), std::strerror(errno));
  return open_all();
}

int Receiver::Parts::open_all() {
  std::vector<LogName> names;
  if (const int error = list_logs(root_.get(), request_.root, names)) return error;
  for (const LogName& name : names) {
    KeptLog* const log = log_of(name);
    if (log == nullptr || !make_ready(*log, 0)) continue;
    log->is_to_be_told = true;
    if (!log->store.committed().wanted) continue;
    log->seen.state = Keeping::gap;
    log->gap_due_ns = 0;
  }
  return 0;
}

u64 Receiver::Parts::step(u64 now) {
  want_what_is_missing(now);
  if (commit_due_ns_ && now >= *commit_due_ns_) commit_all(now);
  tell_hosts();
  flush_ends();
  if (taken_ == fetched_.size()) {
    fetched_.clear(), taken_ = 0;
    std::string text;
    const u64 due = next_due(now);
    const Outcome outcome = engine_.fetch(request_.fetch, due - std::min(due, now), fetched_, text);
    if (!engine_did(outcome, "fetch messages", text)) return now + trouble_ns;
  }
  for (; taken_ < fetched_.size(); ++taken_)
    if (!take(fetched_[taken_], now)) return now + trouble_ns;
  u64 uncommitted = 0;
  for (const auto& [name, log] : logs) uncommitted += log.store.uncommitted_bytes();
  if (uncommitted >= commit_bytes) commit_due_ns_ = now;
  return now;
}

u64 Receiver::Parts::next_due(u64 now) const {
  u64 due = std::min(now + request_.wait_ns, commit_due_ns_.value_or(~u64{0}));
  for (const auto& [name, log] : logs) due = std::min(due, log.gap_due_ns.value_or(~u64{0}));
  return std::max(due, now);
}

bool Receiver::Parts::take(const Delivery& delivery, u64 now) {
  LogName name;
  std::string rider;
  ++status.messages;
  if (!parse_subject(log_subjects, delivery.subject, name, rider) || !is_log_id(name.log))
    return refuse_message(delivery, "subject", "it is not that of a log"), true;
  KeptLog* const log = log_of(name);
  if (log == nullptr) return refuse_message(delivery, "log", "there are more logs than an archive takes"), true;
  log->seen.last_message_ns = now;
  ++log->seen.messages;
  if (!make_ready(*log, now)) {
    if (log->seen.state == Keeping::refused) ended_.push_back(delivery.ticket);
    return !log->is_full;
  }
  return rider.empty() ? take_range(*log, delivery, now) : take_rider(*log, delivery, rider, now);
}

KeptLog* Receiver::Parts::log_of(const LogName& name) {
  if (const auto there = logs.find(name); there != logs.end()) return &there->second;
  if (logs.size() >= most_logs) return nullptr;
  return &logs.try_emplace(name, root_.get(), request_.root, name).first->second;
}

// Opens a log, and closes another one if too many are open.
bool Receiver::Parts::make_ready(KeptLog& log, u64 now) {
  log.used = ++uses_;
  if (log.store.is_open()) return true;
  if (log.seen.state == Keeping::refused || now < log.open_due_ns) return false;
  std::vector<KeptLog*> open;
  for (auto& [name, other] : logs)
    if (other.store.is_open() && !other.store.is_repeating()) open.push_back(&other);
  if (open.size() >= request_.open_logs) {
    KeptLog& oldest = **std::ranges::min_element(open, {}, &KeptLog::used);
    if (oldest.store.is_uncommitted()) commit_one(oldest, now);
    if (oldest.store.is_open()) oldest.store.release();
  }
  const int error = log.store.open();
  log.is_full = error == -ENOSPC || error == -EDQUOT;
  if (error == 0)
    return over("log_failed", log.store.path(), "archive " + log.store.path() + ": it can be written again"), true;
  if (error == -EBADMSG) {
    log.seen.state = Keeping::refused, log.seen.text = os::last_error();
    say(Weight::alarm, "log_refused", log.store.path(), log.seen.text);
  } else {
    failed(log, os::last_error(), now);
  }
  return false;
}

void Receiver::Parts::failed(KeptLog& log, const std::string& text, u64 now) {
  log.tickets.clear(), log.gap_tickets.clear();  // they come again
  log.last_sequence = 0;
  log.open_due_ns = log.is_full ? now : now + trouble_ns;
  say(Weight::alarm, "log_failed", log.store.path(), text);
}

bool Receiver::Parts::take_range(KeptLog& log, const Delivery& delivery, u64 now) {
  Range range;
  std::string text;
  std::string& bytes = unpacked_;
  std::string wrong = parse_range(delivery.message.headers, range);
  if (wrong.empty()) wrong = unpack(delivery.message.data, range.end - range.begin, bytes);
  if (!wrong.empty()) return refuse_message(delivery, "message", wrong), true;
  const Put put = log.store.put(range, bytes, text);
  switch (put) {
    case Put::appended:
    case Put::repeated: took(log, delivery, put, bytes.size(), now); break;
    case Put::left: ended_.push_back(delivery.ticket); break;
    case Put::gap: behind_a_gap(log, delivery.ticket, now); break;
    case Put::differs: differs(log, delivery, range, bytes, text); break;
    case Put::wrong: refuse_message(delivery, "message", text); break;
    case Put::failed: failed(log, text, now); break;
    case Put::full:
      status.trouble = text;
      say(Weight::alarm, "disk_full", "", text + "; nothing more is taken or acknowledged until there is room");
      return false;
  }
  if (put != Put::failed && !status.trouble.empty()) {
    status.trouble.clear();
    over("disk_full", "", "archive " + request_.root + ": there is room again");
  }
  return true;
}

void Receiver::Parts::took(KeptLog& log, const Delivery& delivery, Put put, u64 bytes, u64 now) {
  log.tickets.push_back(delivery.ticket);
  log.last_sequence = std::max(log.last_sequence, delivery.message.sequence);
  if (!commit_due_ns_) commit_due_ns_ = now + commit_ns;
  if (put == Put::repeated) {
    ++log.seen.repeated;
    return;
  }
  status.bytes += bytes;
  log.gap_due_ns.reset();
  log.gap_tickets.clear();  // they come again, and may fit by then
  if (log.seen.state == Keeping::gap) {
    log.seen.state = Keeping::whole, log.seen.text.clear();
    over("gap", log.store.path(), "archive " + log.store.path() + ": what was missing has come");
  }
}

void Receiver::Parts::behind_a_gap(KeptLog& log, u64 ticket, u64 now) {
  if (log.store.committed().wanted && log.seen.state == Keeping::gap) return ended_.push_back(ticket);  // it was asked for
  if (log.gap_tickets.size() < most_gap_tickets) log.gap_tickets.push_back(ticket);
  if (!log.gap_due_ns) log.gap_due_ns = now + gap_ns;
}

void Receiver::Parts::differs(KeptLog& log, const Delivery& delivery, const Range& range, const std::string& bytes,
                              const std::string& text) {
  ++log.seen.conflicts;
  log.seen.state = Keeping::conflict, log.seen.text = text;
  log.store.keep_conflict(range, bytes, text);
  ended_.push_back(delivery.ticket);
  say(Weight::alarm, "conflict", log.store.path(),
      "archive " + text + "; what was sent is kept as " + range.file + conflict_suffix);
}

bool Receiver::Parts::take_rider(KeptLog& log, const Delivery& delivery, const std::string& name, u64 now) {
  Rider rider;
  std::string text;
  std::size_t bytes = 0;
  std::string wrong = parse_rider(delivery.message.headers, name, rider, bytes);
  if (wrong.empty()) wrong = unpack(delivery.message.data, bytes, text);
  if (!wrong.empty()) return refuse_message(delivery, "rider", wrong), true;
  if (rider.next_index > log.store.committed().index) return true;  // it comes again, when the lines may be there
  const int error = log.store.put_rider(rider, text);
  if (error == -EUCLEAN) {
    ++log.seen.conflicts;
    log.seen.state = Keeping::conflict, log.seen.text = os::last_error();
    say(Weight::alarm, "conflict", log.store.path() + "/" + name, log.seen.text);
    ended_.push_back(delivery.ticket);
  } else if (error != 0) {
    failed(log, os::last_error(), now);
  } else {
    acknowledged_.push_back(delivery.ticket);
    if (!commit_due_ns_) commit_due_ns_ = now + commit_ns;
    std::string engine_text;
    engine_.trim(delivery.subject, delivery.message.sequence, engine_text);  // if it fails, the next one trims this one, too
  }
  return true;
}

void Receiver::Parts::refuse_message(const Delivery& delivery, const std::string& what, const std::string& text) {
  ++status.refused_messages;
  ended_.push_back(delivery.ticket);
  say(Weight::alarm, "foreign_message", delivery.subject,
      "message " + std::to_string(delivery.message.sequence) + " of " + delivery.subject + " was not taken, for its " + what +
          ": " + text);
}

}  // namespace shmring::fleet
