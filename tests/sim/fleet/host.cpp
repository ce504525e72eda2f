// A host's log, as a collector would leave it: see host.hpp.
#include "tests/sim/fleet/host.hpp"

#include <algorithm>
#include <atomic>

#include "lib/log/files/archived.hpp"
#include "lib/log/files/compress.hpp"
#include "lib/log/files/mark.hpp"
#include "lib/log/files/names.hpp"

namespace sim {

namespace log = shmring::log;
namespace os = shmring::os;

Host::Host(Files& files, std::string path, u64 seed, u64 longest_line)
    : files_(files), path_(std::move(path)), dice_(seed), longest_line_(longest_line) {
  files_.directory(path_);
  files_.make(path_, "mark", 0600);
  begin_file(0);
  write_lines(1 + dice_.below(3));
  write_mark();
}

// Nothing that could be packed much: messages are to be split.
std::string Host::new_line() {
  std::string line = "{\"v\":1,\"index\":" + std::to_string(lines_.size()) + ",\"data\":\"";
  const u64 bytes = dice_.once_in(6) ? dice_.below(longest_line_) : dice_.below(60);
  while (line.size() < bytes) line += static_cast<char>('0' + dice_.below(75));
  return line + "\"}\n";
}

void Host::write_lines(u64 count) {
  for (; count > 0; --count) {
    lines_.push_back(new_line());
    current().file->bytes += lines_.back();
  }
}

void Host::begin_file(u64 first) {
  time_s_ += dice_.below(2);
  std::string name = log::log_file_name(time_s_ * 1'000'000'000, first);
  while (!written_.empty() && written_.back().first == first && name <= written_.back().name)
    name = log::log_file_name(++time_s_ * 1'000'000'000, first);
  written_.push_back({name, first, files_.make(path_, name, 0640)});
}

void Host::write_mark() {
  HostFile& file = *files_.directory(path_).at("mark");
  log::Mark mark;
  mark.device = Files::device, mark.inode = file.inode, mark.durable = durable_;
  file.bytes = log::mark_text(mark);
}

void Host::advance_durable(u64 to) {
  durable_ = std::max(durable_, to);
  write_mark();
}

// The collector syncs the old file and the directory before D enters the new one.
void Host::rotate() {
  if (lines_.size() == current().first) return;
  begin_file(lines_.size());
  write_lines(1);
}

// The sync of the current file has failed. Its lines from K on stand in another file, and what the disk has of them in this one
// is anything. Another file goes on.
void Host::replace() {
  Written& failed = current();
  const u64 from = std::max(failed.first, durable_ - dice_.below(durable_ - std::min(durable_, failed.first) + 1));
  if (from >= lines_.size()) return;
  u64 kept = 0;
  for (u64 i = failed.first; i < durable_; ++i) kept += lines_[i].size();
  for (u64 at = kept; at < failed.file->bytes.size(); ++at)
    if (dice_.once_in(3)) failed.file->bytes[at] = static_cast<char>(dice_.below(256));
  begin_file(from);
  for (u64 i = from; i < lines_.size(); ++i) current().file->bytes += lines_[i];
  begin_file(lines_.size());
  write_lines(1);
}

void Host::compress() {
  std::vector<log::LogFile> files;
  os::Fd directory;
  if (log::open_log_directory(path_, directory) != 0 || log::list_log_files(directory.get(), path_, files) != 0) return;
  const log::LogFile& file = files[dice_.below(files.size())];
  if (file.end == log::no_end || file.end >= durable_ || file.is_compressed()) return;  // D is not in the next one
  log::DirectorySync sync;
  const std::atomic<bool> stop{false};
  log::compress(directory.get(), path_, file, sync, stop);
}

// Retention: the oldest files, below what the archive has, once D is in the next one.
void Host::remove_archived() {
  HostDirectory& names = files_.directory(path_);
  const auto text = names.find(log::archived_name);
  log::Archived archived;
  if (text == names.end() || !log::parse_archived(text->second->bytes, archived).empty()) return;
  const u64 below = std::min(archived.index, durable_);
  for (std::size_t i = 0; i + 1 < written_.size() && written_[i + 1].first <= below && written_[i + 1].first < durable_; ++i) {
    names.erase(written_[i].name), names.erase(written_[i].name + std::string(log::compressed_suffix));
    if (dice_.once_in(3)) break;
  }
}

// What was above D is gone, or some of it; the next collector cuts the log there and goes on.
void Host::lose_power() {
  const u64 left = durable_ + dice_.below(lines_.size() - durable_ + 1);
  while (written_.size() > 1 && current().first >= left && current().first >= durable_ && current().first > 0) {
    files_.directory(path_).erase(current().name);
    written_.pop_back();
  }
  lines_.resize(std::max(left, current().first));
  std::string bytes;
  for (u64 i = current().first; i < lines_.size(); ++i) bytes += lines_[i];
  current().file->bytes = bytes;
  if (lines_.size() == current().first) write_lines(1);
  write_mark();
}

void Host::act() {
  switch (dice_.below(16)) {
    case 0: return rotate();
    case 1: return dice_.once_in(2) ? replace() : void();
    case 2: return compress();
    case 3: return remove_archived();
    case 4: return dice_.once_in(3) ? lose_power() : void();
    case 5:
    case 6:
    case 7:
    case 8: return advance_durable(durable_ + dice_.below(lines_.size() - durable_ + 1));
    default: return write_lines(1 + dice_.below(8));
  }
}

}  // namespace sim
