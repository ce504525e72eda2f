// Where a log's next message begins: from what the engine has, from what the archive has, or from the oldest file. See
// forwarder.hpp.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/fleet/forwarder_parts.hpp"
#include "lib/log/files/search.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"

namespace shmring::fleet {
namespace {

constexpr u64 archive_ns = second;  // between questions to the archive
constexpr u64 ask_again_ns = 5 * second;
constexpr u64 lost_ns = 30 * second;  // so long an engine may say what is not so any more, and an archive be in trouble
constexpr const char* temporary_archived = "archived.tmp";

std::string in_words(const Position& position) {
  return position.file + ", byte " + std::to_string(position.byte) + ", line " + std::to_string(position.index);
}

// Writes a file of the log's directory under a temporary name first. The directory is not synced: its errors are told once, and
// the collector must hear of them. After a power cut the file may be an older one, or none.
int write_archived(int directory, std::string_view text) {
  os::Fd file;
  int error = os::open_at(directory, temporary_archived, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644, file);
  if (error == 0) error = os::write_full(file.get(), text.data(), text.size());
  if (error == 0) error = os::sync_data(file.get());
  if (error == 0) error = os::rename_over(directory, temporary_archived, log::archived_name);
  if (error != 0) os::calls.unlinkat(directory, temporary_archived, 0);
  return error;
}

}  // namespace

Forwarder::Parts::Later Forwarder::Parts::ask_archive(u64 now) {
  if (now < archive_due_ns_) return {};
  archive_due_ns_ = now + archive_ns;
  std::optional<Stored> stored;
  std::string text;
  const Outcome outcome = engine_.last(archived_subject_, stored, text);
  if (outcome != Outcome::done) {
    say(outcome == Outcome::refused ? Weight::alarm : Weight::notice, "archive_unknown",
        place() + ": what the archive has is not known: " + text);
    return archive_was_asked_ ? Later{} : Later{archive_due_ns_};
  }
  archive_was_asked_ = true;
  over("archive_unknown", place() + ": what the archive has is known again");
  if (stored) take_archived(*stored);
  if (status.archived && archived_text_ != kept_text_) keep_archived();
  const bool is_wanted = status.archived && status.archived->wanted && archived_sequence_ != wanted_done_;
  if (is_wanted) forget_position();
  return {};
}

void Forwarder::Parts::take_archived(const Stored& stored) {
  if (stored.sequence == archived_sequence_ && stored.data == archived_text_) return;
  log::Archived archived;
  if (const std::string wrong = log::parse_archived(stored.data, archived); !wrong.empty()) {
    say(Weight::alarm, "archived_wrong",
        place() + ": what " + archived_subject_ + " has is not what an archive says: " + wrong);
    return;
  }
  over("archived_wrong", place() + ": what the archive says can be read again");
  if (!status.archived || status.archived->index != archived.index) archive_stands_ns_.reset();
  status.archived = archived;
  archived_sequence_ = stored.sequence, archived_text_ = stored.data;
  if (!furthest_ || archived.index >= furthest_->index) furthest_ = archived;
}

// What the file says that a forwarder before this one has written.
void Forwarder::Parts::remember_archived() {
  std::optional<std::string> text;
  log::Archived archived;
  furthest_.reset();
  if (log::read_archived(feed_.directory(), text) == 0 && text && log::parse_archived(*text, archived).empty())
    furthest_ = archived;
}

void Forwarder::Parts::keep_archived() {
  if (const int error = write_archived(feed_.directory(), archived_text_)) {
    say(Weight::warning, "archived_not_kept",
        place() + "/" + log::archived_name + ": cannot write it: " + std::strerror(-error) +
            ": the collector keeps what the archive has");
    return;
  }
  kept_text_ = archived_text_;
  over("archived_not_kept", place() + "/" + log::archived_name + ": it can be written again");
}

Forwarder::Parts::Later Forwarder::Parts::ask_position(u64 now) {
  std::optional<Stored> last;
  std::string text;
  const Outcome outcome = engine_.last(subject_, last, text);
  if (outcome != Outcome::done) return failed(outcome, text, now);
  last_sequence_ = last ? last->sequence : 0;
  follows_ = Follows::sent;
  for (RiderState& rider : riders_) rider.is_known = false;
  bool is_found = false;
  lost_text_.clear();
  if (status.archived && status.archived->wanted && archived_sequence_ != wanted_done_) {
    if (rewinding_ != archived_sequence_) ++status.rewinds;
    rewinding_ = archived_sequence_;
    furthest_ = status.archived;
    is_found = position_of_archive();
  } else {
    is_found = last ? position_of_last(*last) : position_of_archive();
  }
  if (!is_found) {
    if (!lost_text_.empty()) say_lost(now);
    ask_due_ns_ = now + ask_again_ns;
    return std::min(ask_due_ns_, archive_due_ns_);
  }
  lost_since_ns_.reset();
  over("lost_position", place() + ": it goes on at " + in_words({status.file, status.byte, status.next_index}));
  enter(Sending::sending, "");
  return {};
}

bool Forwarder::Parts::position_of_last(const Stored& last) {
  Range range;
  std::string data;
  std::string wrong = parse_range(last.headers, range);
  if (wrong.empty()) wrong = unpack(last.data, range.end - range.begin, data);
  if (!wrong.empty()) {
    say(Weight::alarm, "foreign_message",
        place() + ": message " + std::to_string(last.sequence) + " of " + subject_ + " is not one of a log: " + wrong +
            "; it goes on with what the archive has");
    return position_of_archive();
  }
  compare(range, data);
  if (has_archive_more(range)) return position_of_archive();
  return resolve({range.file, range.end, range.next_index}, "what was sent ends at ");
}

// The engine may have forgotten what the archive has, and the host may have removed it since.
bool Forwarder::Parts::has_archive_more(const Range& last) const {
  if (!furthest_ || furthest_->file.empty()) return false;
  const log::Archived& archived = *furthest_;
  const log::LogFile sent{last.file, log::first_index_of(last.file)};
  const log::LogFile there{archived.file, log::first_index_of(archived.file)};
  const bool is_gone = last.next_index < feed_.files().front().first_index && last.next_index <= archived.index;
  return is_gone || sent < there || (sent == there && last.end < archived.bytes);
}

bool Forwarder::Parts::position_of_archive() {
  if (!furthest_ || furthest_->file.empty()) {
    set_position(feed_.oldest());
    follows_ = Follows::nothing;
    return true;
  }
  const log::Archived& archived = *furthest_;
  Position position{archived.file, archived.bytes, archived.index};
  u64 lines = 0;
  // A file that was left for another one may be gone by now, or was compressed without what is in the other one.
  const int error = feed_.count(archived.file, archived.bytes, lines);
  if (error == 0) position.index = log::first_index_of(archived.file) + lines;
  if (error == -ENODATA && feed_.holds(archived.file, archived.index)) return lose(position, "the archive ends at ");
  if (error != 0 && error != -ENOENT && error != -ENODATA) return unreadable();
  return resolve(position, "the archive ends at ");
}

bool Forwarder::Parts::unreadable() {
  say(Weight::alarm, "unreadable", os::last_error());
  return false;
}

// A position that is known, but where is it now? Its file may have been removed or replaced.
bool Forwarder::Parts::resolve(const Position& position, const std::string& who) {
  Position here = position;
  if (feed_.holds(position.file, position.index)) {
    log::ByteSource* source = nullptr;
    u64 bytes = 0;
    if (feed_.open(position.file, source, bytes) != 0) return unreadable();
    if (bytes < position.byte) return lose(position, who);
  } else if (!feed_.find(position.index, here)) {
    return lose(position, who);
  }
  u64 end = 0;
  const bool is_last = feed_.files().back().plain_name() == here.file;
  if (is_last && position.index > feed_.durable()) {
    if (feed_.end(end) != 0) return unreadable();
    if (position.index > end) return lose(position, who);
  }
  set_position(here);
  return true;
}

bool Forwarder::Parts::lose(const Position& position, const std::string& who) {
  Position here;
  u64 end = 0;
  if (request_.from && feed_.find(*request_.from, here)) {
    say(Weight::alarm, "given_up",
        place() + ": " + who + in_words(position) + "; it goes on with " + in_words(here) +
            ", and the archive will not get what is between them");
    set_position(here);
    follows_ = Follows::given_up;
    return true;
  }
  feed_.end(end);
  lost_text_ = place() + ": " + who + in_words(position) + ", but the log has " +
               std::string(feed_.files().front().plain_name()) + ", line " + std::to_string(feed_.files().front().first_index) +
               ", to " + std::string(feed_.files().back().plain_name()) + ", before line " + std::to_string(end) +
               ": lines that the archive lacks are gone, or the log is an older copy; put the files back, or go on with --from "
               "INDEX";
  return false;
}

// An engine may have said what is not so any more.
void Forwarder::Parts::say_lost(u64 now) {
  if (!lost_since_ns_) lost_since_ns_ = now;
  if (now - *lost_since_ns_ < lost_ns) return;
  enter(Sending::lost_position, lost_text_);
  say(Weight::alarm, "lost_position", lost_text_);
}

// The file may be gone, or be shorter because it was replaced; resolve() sees to that.
void Forwarder::Parts::compare(const Range& range, const std::string& data) {
  log::ByteSource* source = nullptr;
  u64 bytes = 0;
  std::string local;
  if (feed_.open(range.file, source, bytes) != 0 || bytes < range.end) return;
  const u64 before = std::min<u64>(32, range.begin);
  if (log::read_block(*source, range.begin - before, before + data.size(), local) != 0) return;
  if (local.size() != before + data.size()) return;
  const std::string_view all(local);
  const bool is_before_same = hash_before(all.substr(0, before)) == range.before;
  if (is_before_same && all.substr(before) == data) return;
  const auto differs = std::ranges::mismatch(all.substr(before), data).in1 - all.substr(before).begin();
  const u64 at = is_before_same ? range.begin + static_cast<u64>(differs) : range.begin - before;
  ++status.differences;
  say(Weight::alarm, "differs",
      place() + "/" + range.file + ": bytes " + std::to_string(at) + " to " + std::to_string(range.end) +
          " are not what was sent: the file was changed since; the archive has what was sent");
}

}  // namespace shmring::fleet
