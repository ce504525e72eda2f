// How far a log survives a power cut: see durability.hpp.
#include "lib/log/files/durability.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/log/files/names.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/process.hpp"

namespace shmring::log {
namespace {

constexpr u64 retry_after_ns = 1'000'000'000;

}  // namespace

const char* name_of(Level level) {
  switch (level) {
    case Level::write: return "write";
    case Level::interval: return "interval";
    case Level::archived: return "archived";
    default: return "every";
  }
}

int Durability::open(int directory, const SyncPolicy& policy, std::unique_ptr<Syncer> syncer) {
  policy_ = policy, syncer_ = std::move(syncer);
  return syncer_->open(directory);
}

int Durability::start(int directory, u64 durable, u64 written) {
  const os::MachineId machine = os::this_machine();
  boot_[0] = machine.boot_id[0], boot_[1] = machine.boot_id[1];
  durable_ = durable, written_ = written;
  Mark before, mark;
  mark.boot[0] = boot_[0], mark.boot[1] = boot_[1], mark.durable = durable;
  const bool is_known = read_mark(directory, before) == MarkSays::this_place;
  if (is_known && before.boot[0] == boot_[0] && before.boot[1] == boot_[1] && before.durable <= durable) mark = before;
  mark.is_cut = false;  // restart() has synced what was cut
  return syncer_->mark().begin(directory, mark);
}

void Durability::suspect(Unsynced& file) {
  File& added = files_.emplace_back(File{nullptr, file.name, file.from, file.end, file.begin_byte, file.end_byte});
  added.is_closed = added.has_name = added.is_suspect = true;
  if (file.text.empty()) return;
  added.begin_byte += file.text.size();
  add({file.from, file.end, std::make_shared<std::string>(std::move(file.text)), 0, file.from, file.name, file.begin_byte});
}

void Durability::began(SharedFd file, const std::string& name, u64 index, SharedText line) {
  if (!files_.empty()) files_.back().is_closed = true;
  files_.push_back({std::move(file), name, index, index + 1});
  current_bytes_ = 0;
  needs_new_file_ = false;
  keep(std::move(line), index, index + 1, 0);
  files_.back().end_byte = current_bytes_;
}

// If it is suspect, it is among these already.
void Durability::goes_on(SharedFd file, const std::string& name, u64 first_index, u64 bytes) {
  current_bytes_ = bytes;
  if (!files_.empty() && files_.back().name == name) {
    files_.back().is_closed = false, files_.back().fd = std::move(file);
    return;
  }
  files_.push_back({std::move(file), name, first_index, written_, 0, bytes});
  files_.back().has_name = true;
}

// The rest is durable if this file is not suspect. If it is, nothing of this is copied from the file any more.
void Durability::keep_read(std::string accounts, u64 index, std::string rest, u64 byte) {
  const std::size_t line = accounts.size();
  const std::string& name = files_.back().name;
  if (files_.back().is_suspect) files_.back().end_byte = byte;
  if (!kept_.empty() && kept_.back().file == name) kept_.back().end = index;
  add({index, index + 1, std::make_shared<std::string>(std::move(accounts)), 0, index, name, byte});
  if (!rest.empty())
    add({index + 1, written_, std::make_shared<std::string>(std::move(rest)), std::string::npos, 0, name, byte + line});
}

void Durability::wrote(SharedText lines, u64 first_index, u64 end_index, std::size_t accounts_at) {
  files_.back().end = end_index;
  keep(std::move(lines), first_index, end_index, accounts_at);
  if (!files_.back().is_suspect) files_.back().end_byte = current_bytes_;
}

void Durability::keep(SharedText lines, u64 first, u64 end, std::size_t accounts_at) {
  const u64 bytes = lines->size();
  if (has_room(bytes, end, accounts_at != std::string::npos)) {
    Kept& last = kept_.back();
    last.end = end;
    if (accounts_at != std::string::npos) last.accounts_at = last.text->size() + accounts_at, last.accounts = end - 1;
    *last.text += *lines;
    keep_spare(std::move(*lines));
  } else {
    add({first, end, std::move(lines), accounts_at, end - 1, files_.back().name, current_bytes_});
  }
  current_bytes_ += bytes, unsynced_bytes_ += bytes, written_ = end;
}

void Durability::add(Kept kept) {
  kept_bytes_ += kept.text->capacity();
  kept_.push_back(std::move(kept));
}

// Returns whether these lines go into the memory that the last ones have, which is then read by nobody. Lines that are durable
// may stand in front of them: they count as not synced for a little longer.
bool Durability::has_room(u64 bytes, u64 end, bool has_accounts) const {
  if (kept_.empty() || end > read_) return false;
  const Kept& last = kept_.back();
  if (has_accounts && last.accounts_at != std::string::npos) return false;  // the one before may be K
  return last.file == files_.back().name && last.text->capacity() - last.text->size() >= bytes;
}

void Durability::write_failed(int error) {
  File& file = files_.back();
  file.is_void = true, file.code = error == -EUCLEAN ? "file_cut" : "write_failed", file.error = error_ = error;
  ++failures_;
}

bool Durability::step(u64 now_ns) {
  bool changed = false;
  do {
    if (syncer_->is_busy()) {
      const std::optional<SyncResult> result = syncer_->take();
      if (!result) break;
      finish(*result, now_ns);
      changed = true;
    }
  } while (ask(now_ns));
  return changed;
}

// Asks for what is due. Returns false if nothing is.
bool Durability::ask(u64 now_ns) {
  if (since_ns_ == 0 && !is_durable()) since_ns_ = now_ns;
  if (undurable_ns_ == 0 && !is_durable()) undurable_ns_ = now_ns;
  const bool due = is_due(now_ns);
  // No file behind a suspect one may become durable before it was replaced.
  if (due || std::ranges::any_of(files_, &File::is_void)) {
    for (File& file : files_) {
      if (!file.is_suspect || file.is_void || !(file.is_closed || is_current_due(now_ns))) continue;
      file.is_void = true, file.code = "unsynced";
    }
  }
  const auto first_void = std::ranges::find_if(files_, &File::is_void);
  const auto before_it = static_cast<std::size_t>(first_void - files_.begin());
  job_ns_ = now_ns;
  if (before_it > 0 && (due || first_void != files_.end())) return begin_sync(before_it), true;
  if (first_void == files_.end() || now_ns < retry_ns_) return false;
  return begin_replacement(), true;
}

bool Durability::is_due(u64 now_ns) const {
  if (files_.empty() || is_durable()) return false;
  return (policy_.level == Level::write && files_.front().is_closed) || is_current_due(now_ns);
}

bool Durability::is_current_due(u64 now_ns) const {
  if (hurries_ || policy_.level == Level::every || durable_ < wanted_) return true;
  if (policy_.level == Level::write) return unsynced_bytes_ >= policy_.unsynced_max / 2;
  return unsynced_bytes_ >= policy_.interval_bytes || (since_ns_ != 0 && now_ns - since_ns_ >= policy_.interval_ns);
}

u64 Durability::due_ns() const {
  if (syncer_ == nullptr || syncer_->is_busy()) return ~u64{0};
  if (!files_.empty() && files_.front().is_void) return retry_ns_;
  if (policy_.level == Level::write || policy_.level == Level::every || since_ns_ == 0) return ~u64{0};
  return since_ns_ + policy_.interval_ns;
}

// The first `files` of them.
void Durability::begin_sync(std::size_t files) {
  SyncJob job;
  for (std::size_t i = 0; i < files; ++i) {
    job.files.push_back({files_[i].fd, files_[i].name, files_[i].end_byte, files_[i].is_closed});
    job.names = job.names || !files_[i].has_name;
  }
  job.mark.boot[0] = boot_[0], job.mark.boot[1] = boot_[1];
  job.mark.durable = files_[files - 1].end;
  if (const Kept* accounts = last_accounts_below(job.mark.durable)) {
    job.mark.accounts = accounts->accounts;
    job.mark.file = accounts->file, job.mark.byte = accounts->byte + accounts->accounts_at;
  }
  since_ns_ = 0;  // what comes from here on is the next sync's
  job_replaces_ = false, job_files_ = files, job_end_ = job.mark.durable;
  job_closed_ = files - (files_[files - 1].is_closed ? 0 : 1);
  syncer_->begin(std::move(job));
}

void Durability::begin_replacement() {
  const File& file = files_.front();
  SyncJob job;
  job.first = file.first, job.time_ns = os::utc_now_ns();
  job.bytes = bytes_of(file, job.first);
  job.failed = file.name, job.is_cut = file.code == "file_cut";
  job.mark.boot[0] = boot_[0], job.mark.boot[1] = boot_[1];
  job.mark.durable = std::max(file.end, durable_);
  job_replaces_ = true, job_end_ = file.end;
  syncer_->begin(std::move(job));
}

// Sets `first` to the index of the first line among these bytes.
std::vector<Bytes> Durability::bytes_of(const File& file, u64& first) const {
  std::vector<Bytes> bytes;
  if (file.is_suspect && file.begin_byte < file.end_byte)
    bytes.push_back({nullptr, 0, file.name, file.begin_byte, file.end_byte});
  const Kept* const k = last_accounts_below(durable_);
  for (const Kept& kept : kept_) {
    if (kept.file != file.name || (k != nullptr && kept.first < k->first)) continue;
    const bool is_k = &kept == k;
    if (bytes.empty()) first = is_k ? kept.accounts : kept.first;
    bytes.push_back({kept.text, is_k ? kept.accounts_at : 0, {}, 0, 0});
  }
  return bytes;
}

void Durability::finish(const SyncResult& result, u64 now_ns) {
  if (job_replaces_) return finish_replacement(result, now_ns);
  if (result.error != 0) return blame(result);
  error_ = 0;
  for (std::size_t i = 0; i < job_files_; ++i) files_[i].has_name = true;
  files_.erase(files_.begin(), files_.begin() + static_cast<std::ptrdiff_t>(job_closed_));
  move_on(job_end_);
}

// If it was the directory, each name that is not durable yet may be lost, also of a file that was begun meanwhile. These files
// get new ones.
void Durability::blame(const SyncResult& result) {
  error_ = result.error, ++failures_;
  for (File& file : files_) {
    const bool guilty = result.is_directory ? !file.has_name : file.name == result.failed;
    if (!guilty || file.is_void) continue;
    file.is_void = true, file.code = result.error == -EUCLEAN ? "file_cut" : "sync_failed", file.error = result.error;
  }
}

void Durability::finish_replacement(const SyncResult& result, u64 now_ns) {
  File& file = files_.front();
  u64 from = file.first;
  if (result.is_source_gone && std::ranges::count(kept_, file.name, &Kept::file) > 0) {
    // What only the file had is gone. What is in memory is written without it, at once.
    file.is_suspect = false, file.code = "file_cut", file.error = result.error;
    return;
  }
  if (result.is_source_gone) {
    // Another program cut what a collector before has written. The log has a hole there, as verify says; it goes on behind it.
    voided_.push_back({file.name, file.end, "file_cut", result.error});
  } else if (result.error != 0) {
    if (result.is_directory)
      blame(result);
    else
      ++failures_;
    error_ = result.error;
    retry_ns_ = now_ns + retry_after_ns;
    return;
  } else {
    bytes_of(file, from);
    voided_.push_back({file.name, from, file.code, file.error});
    for (const std::string& left : result.left) voided_.push_back({left, from, file.code, file.error});
  }
  error_ = 0, retry_ns_ = 0;
  needs_new_file_ = needs_new_file_ || !file.is_closed;
  files_.pop_front();
  move_on(job_end_);
}

void Durability::move_on(u64 durable) {
  if (durable > durable_) undurable_ns_ = job_ns_;  // what is behind it was written since that job was begun
  durable_ = std::max(durable_, durable);
  if (is_durable()) undurable_ns_ = 0;
  if (is_durable()) since_ns_ = 0;
  drop_kept();
}

void Durability::set_read(u64 end) {
  if (std::exchange(read_, end) != end) drop_kept();
}

// What is durable and read may go, up to K.
void Durability::drop_kept() {
  if (const Kept* accounts = last_accounts_below(durable_)) {
    while (&kept_.front() != accounts && kept_.front().end <= read_) {
      kept_bytes_ -= kept_.front().text->capacity();
      keep_spare(std::move(*kept_.front().text));
      kept_.pop_front();
    }
  }
  unsynced_bytes_ = 0;
  for (const Kept& kept : kept_)
    if (kept.end > durable_ || kept.end > read_) unsynced_bytes_ += kept.text->size();
}

const Durability::Kept* Durability::last_accounts_below(u64 index) const {
  const Kept* found = nullptr;
  for (const Kept& kept : kept_) {
    if (kept.accounts_at != std::string::npos && kept.accounts < index) found = &kept;
  }
  return found;
}

std::optional<Voided> Durability::take_voided() {
  if (voided_.empty()) return std::nullopt;
  Voided out = std::move(voided_.front());
  voided_.pop_front();
  return out;
}

std::string Durability::take_spare() {
  std::string out;
  if (spare_.empty()) {
    out.reserve(usual_text_bytes());
  } else {
    out = std::move(spare_.back());
    spare_.pop_back();
    spare_bytes_ -= out.capacity();
  }
  return out;
}

// A short text was no batch's: of these there would be ever more. Neither was one that a start has read.
void Durability::keep_spare(std::string text) {
  if (text.capacity() < usual_text_bytes() || text.capacity() > policy_.unsynced_max / 4) return;
  if (kept_bytes_ + spare_bytes_ + text.capacity() > 2 * policy_.unsynced_max) return;  // a half may be room that is left
  text.clear();
  spare_bytes_ += text.capacity();
  spare_.push_back(std::move(text));
}

}  // namespace shmring::log
