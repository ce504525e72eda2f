// The lines of a log, in order: see cursor.hpp.
#include "lib/log/files/cursor.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr std::size_t read_bytes = std::size_t{256} << 10;

}  // namespace

void LineReader::read(std::unique_ptr<ByteSource> source, u64 offset) {
  source_ = std::move(source);
  at_ = end_ = searched_ = 0;
  file_byte_ = line_byte_ = offset;
}

int LineReader::next(std::string_view& line) {
  while (true) {
    const char* const begin = buffer_.data() + at_;
    const std::size_t unread = end_ - at_;
    const void* newline = unread > searched_ ? std::memchr(begin + searched_, '\n', unread - searched_) : nullptr;
    if (newline != nullptr) {
      const auto length = static_cast<std::size_t>(static_cast<const char*>(newline) - begin);
      line = {begin, length};
      line_byte_ = file_byte_ - unread;
      at_ += length + 1;
      searched_ = 0;
      return 1;
    }
    searched_ = unread;
    if (const int got = fill(); got <= 0) return got;
  }
}

// Returns 1 if more bytes are in the buffer, 0 if the file has none now, or −errno.
int LineReader::fill() {
  if (at_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + at_, end_ - at_);
    end_ -= at_;
    at_ = 0;
  }
  if (end_ > max_line_bytes) return -EFBIG;
  if (buffer_.size() < end_ + read_bytes) buffer_.resize(std::max(end_ + read_bytes, 2 * end_));
  const ssize_t got = source_->read(file_byte_, std::span(buffer_).subspan(end_));
  if (got <= 0) return static_cast<int>(got);
  end_ += static_cast<std::size_t>(got);
  file_byte_ += static_cast<u64>(got);
  return 1;
}

int Cursor::open(const std::string& dir) {
  dir_ = dir;
  if (const int error = open_log_directory(dir, own_)) return error;
  directory_ = own_.get();
  if (const int error = list()) return error;
  if (files_.empty()) {
    return os::fail(ENOENT, "log %s: no file named like %s in it; give the directory that shmringd --log writes to",
                    dir.c_str(), log_file_name(0, 0).c_str());
  }
  for (const LogFile& file : superseded_) overlaps_.push_back({file, 1, 0});
  return begin_next_file();
}

int Cursor::open_at(int directory, const std::string& dir, const LogFile& file, u64 offset) {
  dir_ = dir, directory_ = directory, files_ = {file};
  return begin(file, {file.first_index, offset});
}

int Cursor::seek(u64 index) {
  auto after = std::ranges::upper_bound(files_, index, {}, &LogFile::first_index);
  if (after != files_.begin()) --after;
  std::unique_ptr<ByteSource> source;
  Place place{};
  if (const int error = open_source(directory_, dir_, *after, source)) return error;
  if (const int error = find_index(*source, *after, index, place)) return error;
  next_index_ = index;
  read(std::move(source), *after, place);
  missing_ = at_ > index ? at_ - index : 0;
  return 0;
}

// The directory was moved or removed and made again, or its files were.
bool Cursor::is_replaced() const {
  struct stat ours {
  }, named{};
  if (os::calls.fstat(directory_, &ours) != 0 || os::calls.fstatat(AT_FDCWD, dir_.c_str(), &named, 0) != 0) return false;
  if (ours.st_ino != named.st_ino || ours.st_dev != named.st_dev) return true;
  return !files_.empty() && files_.back().first_index < file_.first_index;
}

bool Cursor::begins_behind(u64 index) const {
  std::vector<LogFile> files;
  return list_log_files(directory_, dir_, files) == 0 && !files.empty() && files.front().first_index > index;
}

int Cursor::list() { return list_log_files(directory_, dir_, files_, &superseded_); }

int Cursor::begin(const LogFile& file, Place place) {
  std::unique_ptr<ByteSource> source;
  if (const int error = open_source(directory_, dir_, file, source)) return error;
  read(std::move(source), file, place);
  return 0;
}

void Cursor::read(std::unique_ptr<ByteSource> source, LogFile file, Place place) {
  lines_.read(std::move(source), place.byte);
  file_ = std::move(file);
  at_ = place.index;
  next_index_ = std::max(next_index_, at_);
  complete_ = tail_reported_ = false;
  ++files_begun_;
}

// Begins the file that has the next index. A file may be compressed, replaced or removed between listing and opening.
int Cursor::begin_next_file() {
  std::string tried;
  while (true) {
    const auto next =
        std::ranges::find_if(files_, [this](const LogFile& file) { return file > file_ && file.end > next_index_; });
    const bool again = next != files_.end() && next->name == tried;
    if (next != files_.end()) tried = next->name;
    const u64 expected = next_index_;
    const int error = next != files_.end() ? begin(*next) : -ENOENT;
    if (error == 0 && files_begun_ > 1 && at_ > expected) missing_ = at_ - expected;
    if (error != -ENOENT || again) return error;
    if (const int listed = list()) return listed;
    if (files_.empty() || files_.back() <= file_) return os::fail(ENOENT, "log %s: its last file was removed", dir_.c_str());
  }
}

// Returns 1 if there is a file after this one, 0 if there is none, or −errno.
int Cursor::find_later_file() {
  if (file_.end != no_end) return 1;
  if (const int error = list()) return error;
  const auto later = std::ranges::upper_bound(files_, file_);
  if (later == files_.end()) return 0;
  file_.end = later->first_index;
  return 1;
}

// What stands behind the end is not read, so it need not be whole or readable.
void Cursor::look_behind_the_end() {
  std::string_view text;
  const int got = lines_.next(text);
  if (got == 0 && lines_.tail_bytes() == 0) return;
  overlaps_.push_back({file_, number(), got == 1 ? lines_.line_byte() : lines_.tail_byte()});
}

bool Cursor::is_among_the_last(const LogFile& file) const {
  const auto is_later = [&](const LogFile& other) { return other > file; };
  const auto later = std::ranges::count_if(files_, is_later) + std::ranges::count_if(superseded_, is_later);
  return static_cast<std::size_t>(later) < explained_later;
}

int Cursor::fail(int error) const {
  if (error != -EFBIG) return error;
  return os::fail(EBADMSG, "log %s/%s: line %llu is longer than %zu bytes: it is not a line of an audit log", dir_.c_str(),
                  file_.name.c_str(), wide(number()), max_line_bytes);
}

int Cursor::next(LogLine& out) {
  while (true) {
    if (at_ >= file_.end) {
      look_behind_the_end();
      if (const int error = begin_next_file()) return error;
      continue;
    }
    const int got = lines_.next(out.text);
    if (got < 0) return fail(got);
    out.whole = got == 1;
    out.file = file_.name, out.first_index = file_.first_index, out.index = at_, out.number = number();
    out.byte = lines_.line_byte(), out.tail_bytes = out.missing = 0;
    if (got == 1) {
      if (at_++ < next_index_) continue;
      next_index_ = at_;
      out.missing = std::exchange(missing_, 0);
      return 1;
    }
    if (!complete_) {
      const int later = find_later_file();
      if (later <= 0) return later;
      complete_ = true;  // and look once more: the last lines may have come before the later file
      continue;
    }
    if (lines_.tail_bytes() > 0 && !tail_reported_) {
      tail_reported_ = true;
      out.text = {}, out.byte = lines_.tail_byte(), out.tail_bytes = lines_.tail_bytes();
      return 1;
    }
    if (const int error = begin_next_file()) return error;
  }
}

int find_line(int directory, const std::string& dir, LogFile file, u64 index, std::string& text, u64& byte) {
  file.end = no_end;
  Cursor lines;
  if (const int error = lines.open_at(directory, dir, file, 0)) return error;
  LogLine line;
  for (u64 at = file.first_index; at <= index; ++at) {
    const int got = lines.next(line);
    if (got < 0) return got;
    if (got == 0 || !line.whole || line.file != file.name) return 0;
  }
  text = line.text, byte = line.byte;
  return 1;
}

}  // namespace shmring::log
