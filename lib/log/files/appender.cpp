// Lines on their way into a log: see appender.hpp.
#include "lib/log/files/appender.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/log/files/archived.hpp"
#include "lib/log/files/names.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

// Each of our lines has its index right after the kind, {"v":1,"kind":"event","index":17, and no kind has a quote in it.
void count_up_indexes(Batch& batch) {
  constexpr std::string_view key = "\"index\":";
  std::string out;
  out.reserve(batch.bytes.size() + batch.lines);
  std::size_t from = 0, accounts_at = std::string::npos;
  ++batch.first_index;
  for (u64 i = 0; i < batch.lines; ++i) {
    if (from == batch.accounts_at) accounts_at = out.size();
    const std::size_t digits = batch.bytes.find(key, from) + key.size();
    const std::size_t end = batch.bytes.find('\n', digits) + 1;
    out.append(batch.bytes, from, digits - from);
    out += std::to_string(batch.first_index + i);
    const std::size_t behind = batch.bytes.find(',', digits);
    out.append(batch.bytes, behind, end - behind);
    from = end;
  }
  batch.bytes = std::move(out);
  batch.accounts_at = accounts_at;
}

bool is_heartbeat(const Line& line) {
  const Note* const note = std::get_if<Note>(&line);
  return note != nullptr && note->kind == "heartbeat";
}

}  // namespace

int Appender::open(const std::string& dir, std::string_view ring, const RingId& id, Recovered& recovered) {
  int error = claim(dir, ring);
  if (error == 0) error = recover(recovered);
  return error != 0 ? error : begin(id, recovered);
}

int Appender::claim(const std::string& dir, std::string_view ring) {
  encoder_ = Encoder(ring);
  return writer_.claim(dir, ring);
}

int Appender::begin(const RingId& id, Recovered& recovered) {
  next_index_ = recovered.next_index;
  committed_ = {0, recovered.next_index, recovered.durable};
  if (sync_policy_.level == Level::archived) committed_.archived = 0;
  pace_.add_accounts(recovered.accounts_bytes);
  pace_.add(recovered.lines_since_accounts, recovered.bytes_since_accounts);
  present_ = recovered.file.empty() ? id : recovered.ring;
  if (syncer_ == nullptr) syncer_ = std::make_unique<SyncThread>();
  int error = durability_.open(writer_.directory(), sync_policy_, std::move(syncer_));
  if (error == 0) upkeep_.begin(durability_.directory_sync());
  if (error == 0 && tree_ != nullptr) {
    tree_->begin(durability_.directory_sync());
    durability_.set_read(tree_->hashed());  // what is durable before it is hashed stays in memory, from the first line on
  }
  if (error == 0) error = durability_.start(writer_.directory(), recovered.durable, recovered.next_index);
  if (error != 0)
    return os::fail(-error, "log %s: cannot write the mark of what is durable: %s", writer_.dir().c_str(),
                    std::strerror(-error));
  Accounts found = recovered.known(os::utc_now_ns());
  found.ring = present_;
  if (recovered.file.empty()) {
    found.old = std::move(old_);
    error = forget_other_archive();
    if (error == 0) error = begin_file(std::move(found));
    return error != 0 ? error : writer_.sync_first_file();
  }
  if (error = go_on(recovered); error != 0) return error;
  const bool is_unsynced = !recovered.unsynced.empty() && sync_policy_.level != Level::write;
  const bool begins_tree = tree_ != nullptr && tree_->is_to_begin();
  if (recovered.is_sealed || is_unsynced || begins_tree) return begin_file(std::move(found));
  if (writer_.is_full() && !writer_.has_first_line_only()) begin_new_file(std::move(found));
  return 0;
}

// What an archive has of the log that was here before, it does not have of the one that begins.
int Appender::forget_other_archive() const {
  if (os::calls.unlinkat(writer_.directory(), archived_name, 0) == 0 || errno == ENOENT) return 0;
  return os::fail(errno, "log %s/%s: it is of another log, and cannot be removed: %s", writer_.dir().c_str(), archived_name,
                  std::strerror(errno));
}

// Goes on in the file that was written last. What it says from the last accounts line on is in memory, as if it were written
// now.
int Appender::go_on(Recovered& recovered) {
  for (const auto& [file, from] : recovered.overlapping) durability_.was_replaced(file, from);
  std::string text;
  for (Unsynced& unsynced : recovered.unsynced) {
    if (unsynced.name == recovered.file) text = take_current(unsynced, recovered);
    durability_.suspect(unsynced);
  }
  if (recovered.is_sealed) return 0;
  if (const int error = writer_.open(recovered)) return error;
  has_news_ = !writer_.has_first_line_only();
  if (tree_ != nullptr) tree_->goes_into(recovered.file, false);
  durability_.goes_on(writer_.file(), recovered.file, first_index_of(recovered.file), recovered.file_bytes);
  if (text.empty()) {
    text.resize(recovered.file_bytes - recovered.accounts_byte);
    const ssize_t got = os::read_full(writer_.file()->get(), text.data(), text.size(), recovered.accounts_byte);
    if (got != static_cast<ssize_t>(text.size()))
      return os::fail(got < 0 ? static_cast<int>(-got) : EIO, "log %s/%s: cannot read what was written last",
                      writer_.dir().c_str(), recovered.file.c_str());
  }
  std::string rest = text.substr(recovered.accounts_bytes);
  text.resize(recovered.accounts_bytes);
  durability_.keep_read(std::move(text), recovered.next_index - recovered.lines_since_accounts - 1, std::move(rest),
                        recovered.accounts_byte);
  return 0;
}

// Leaves what stands before the last accounts line.
std::string Appender::take_current(Unsynced& unsynced, const Recovered& recovered) {
  const u64 before = recovered.accounts_byte - unsynced.begin_byte;
  if (unsynced.text.size() != recovered.file_bytes - unsynced.begin_byte || before > unsynced.text.size()) {
    unsynced.text.clear();
    return {};
  }
  std::string text = unsynced.text.substr(before);
  unsynced.text.resize(before);
  return text;
}

u64 Appender::append(std::span<const Line> lines, const RingId& of) {
  Batch& batch = pending_.emplace_back(Batch{++batches_, next_index_, lines.size(), durability_.take_spare()});
  encoder_.encode(lines, next_index_, batch.bytes, of == present_ ? RingId{} : of);
  next_index_ += lines.size();
  has_news_ = has_news_ || !std::ranges::all_of(lines, is_heartbeat);
  pace_.add(lines.size(), batch.bytes.size());
  return batch.number;
}

void Appender::append(Accounts accounts) {
  if (pending_.empty()) pending_.push_back({++batches_, next_index_, 0, durability_.take_spare()});
  Batch& batch = pending_.back();
  batch.accounts_at = batch.bytes.size();
  present_ = accounts.ring;
  encoder_.encode(std::move(accounts), next_index_, batch.bytes);
  ++batch.lines;
  ++next_index_;
  pace_.add_accounts(batch.bytes.size() - batch.accounts_at);
}

int Appender::write() {
  while (!pending_.empty() && !durability_.holds()) {
    if (needs_new_file() && !is_tree_whole()) return 0;
    int error = needs_new_file() ? go_on_in_a_new_file() : 0;
    if (error == 0) error = write_first();
    if (error != 0) return is_file_full_ = false, error;
  }
  return 0;
}

// Writes the first batch that waits, or learns that the file may not grow.
int Appender::write_first() {
  Batch& batch = pending_.front();
  const int error = store(batch.bytes, batch.lines, batch.accounts_at, false);
  if (error == -EFBIG && !writer_.is_uncut() && !writer_.has_first_line_only()) return is_file_full_ = true, 0;
  if (error != 0) return error;
  committed_.batch = batch.number;
  pending_.pop_front();
  return 0;
}

// Writes so many lines behind the last one, and takes their bytes over.
int Appender::store(std::string& lines, u64 count, std::size_t accounts_at, bool may_use_reserve) {
  const int error = writer_.write(lines, may_use_reserve);
  if (error != 0 && writer_.is_void()) durability_.write_failed(error);
  if (error == -ENOSPC || error == -EDQUOT) upkeep_.look_soon();
  if (error != 0) return error;
  const u64 first = std::exchange(committed_.index, committed_.index + count);
  const auto text = std::make_shared<std::string>(std::move(lines));
  if (tree_ != nullptr) tree_->wrote(first, committed_.index, text);
  durability_.wrote(text, first, committed_.index, accounts_at);
  return 0;
}

int Appender::write_urgent(const Line& line, bool may_use_reserve) {
  if (is_held()) return -EAGAIN;
  std::string text;
  encoder_.encode({&line, 1}, committed_.index, text);
  pace_.add(1, text.size());
  if (const int error = store(text, 1, std::string::npos, may_use_reserve)) return error;
  ++next_index_, has_news_ = true;
  for (Batch& batch : pending_) count_up_indexes(batch);
  return 0;
}

// While the log is held, the next turn says it.
void Appender::tell_of_removal() {
  if (is_held()) return;
  const Retention& removal = upkeep_.told();
  const Line line =
      Note{"retain", os::utc_now_ns(), {{"before", std::to_string(removal.before), true}, {"why", name_of(removal.why)}}};
  if (const int error = write_urgent(line)) return upkeep_.was_not_told(error);
  durability_.want(committed_.index);
  upkeep_.was_told(committed_.index - 1);
}

bool Appender::sync(u64 now_ns) {
  now_ns_ = now_ns;
  if (file_since_ns_ == 0) file_since_ns_ = now_ns;
  const bool was_held = is_held();
  bool moved = durability_.step(now_ns);
  committed_.durable = durability_.durable();
  if (tree_ != nullptr) moved = step_tree() || moved;
  const bool is_gone = upkeep_.is_about_to_remove(committed_.durable) && writer_.in_place() != 0;
  if (!is_gone && upkeep_.step(committed_.durable)) tell_of_removal();
  return moved || was_held != is_held();
}

// A line of the tree's own is tried again by the next turn if it cannot be written now.
bool Appender::step_tree() {
  const bool moved = tree_->step(now_ns_, committed_.durable);
  durability_.set_read(tree_->hashed());
  if (!is_new_file_due() || is_tree_whole()) {
    file_due_ns_ = 0;
  } else if (file_due_ns_ == 0) {
    file_due_ns_ = now_ns_;
  }
  const std::optional<Note> line = is_held() ? std::nullopt : tree_->line();
  if (!line || write_urgent(*line, false) != 0) return moved;
  durability_.want(committed_.index);
  tree_->was_written(committed_.index - 1);
  return true;
}

bool Appender::is_new_file_due() const {
  if (durability_.is_current_void()) return false;
  if (needs_new_file()) return true;
  if (roll_error_ != 0 && now_ns_ - roll_failed_ns_ < roll_retry_ns) return false;
  if (writer_.has_first_line_only()) return false;
  return writer_.is_full() || rotates_ || (has_news_ && now_ns_ - file_since_ns_ >= policy_.max_age_ns);
}

// A new file is due. While the tree is far behind, the old file goes on; what the tree does in a moment is waited for. If it
// never comes so close, because as much is written as it can take, it is waited for after a second. A tree that fails is not.
bool Appender::waits_for_tree() const {
  if (file_due_ns_ == 0 || !pending_.empty() || is_tree_whole() || tree_->is_stuck()) return false;
  return tree_->unhashed_bytes() <= hashed_in_a_moment || now_ns_ - file_due_ns_ >= tree_patience_ns;
}

// The file's first line takes the index of the first line that is not in the log yet.
int Appender::begin_file(Accounts accounts) {
  const u64 time_ns = accounts.time_ns;
  const RingId ring = accounts.ring;
  std::string line;
  accounts.clean = true;
  if (tree_ != nullptr) accounts.tree = tree_->state();
  encoder_.encode(std::move(accounts), committed_.index, line);
  if (const int error = writer_.begin_file(time_ns, committed_.index, line)) return error;
  const u64 bytes = line.size();
  const auto text = std::make_shared<std::string>(std::move(line));
  if (tree_ != nullptr) {
    tree_->goes_into(writer_.file_name(), true);
    tree_->wrote(committed_.index, committed_.index + 1, text);
  }
  durability_.began(writer_.file(), writer_.file_name(), committed_.index, text);
  ++committed_.index, ++next_index_;
  file_since_ns_ = now_ns_, rotates_ = is_file_full_ = false, has_news_ = !pending_.empty();
  upkeep_.look_soon();
  for (Batch& batch : pending_) count_up_indexes(batch);
  if (pending_.empty()) {
    pace_.add_accounts(bytes);
    present_ = ring;
  } else {
    pace_.hurry();  // what recovery says still names accounts that the caller has dropped
  }
  return 0;
}

// Only the log knows what it says up to the first waiting line, because the caller's accounts have gone on since.
int Appender::go_on_in_a_new_file() {
  Recovered found;
  if (const int error = writer_.read_back(committed_.index, found)) return error;
  return begin_file(found.known(os::utc_now_ns()));
}

}  // namespace shmring::log
