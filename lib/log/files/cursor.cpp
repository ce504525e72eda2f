// The lines of a log, in order: see cursor.hpp.
#include "lib/log/files/cursor.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr std::size_t block_bytes = std::size_t{256} << 10;

}  // namespace

void LineReader::read(std::unique_ptr<ByteSource> source, u64 offset) {
  source_ = std::move(source);
  at_ = end_ = searched_ = 0;
  file_byte_ = line_byte_ = offset;
  number_ = 0;
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
      ++number_;
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
  if (buffer_.size() < end_ + block_bytes) buffer_.resize(std::max(end_ + block_bytes, 2 * end_));
  const ssize_t got = source_->read(std::span(buffer_).subspan(end_));
  if (got <= 0) return static_cast<int>(got);
  end_ += static_cast<std::size_t>(got);
  file_byte_ += static_cast<u64>(got);
  return 1;
}

int Cursor::open(const std::string& dir) {
  dir_ = dir;
  if (const int error = open_log_directory(dir, own_)) return error;
  directory_ = own_.get();
  if (const int error = list_log_files(directory_, dir, files_)) return error;
  if (files_.empty()) {
    return os::fail(ENOENT, "log %s: no file named like %s in it; give the directory that shmringd --log writes to",
                    dir.c_str(), log_file_name(0, 0).c_str());
  }
  file_ = files_.front();
  return 0;
}

int Cursor::open_at(int directory, const std::string& dir, const LogFile& file, u64 offset) {
  dir_ = dir, directory_ = directory, files_ = {file};
  return begin(file, offset);
}

u64 Cursor::go_to(u64 index) {
  auto after = std::upper_bound(files_.begin(), files_.end(), index, [](u64 i, const LogFile& f) { return i < f.first_index; });
  if (after != files_.begin()) --after;
  file_ = *after;
  opened_ = false;
  return file_.first_index;
}

int Cursor::begin(const LogFile& file, u64 offset) {
  file_ = file;
  opened_ = true;
  complete_ = tail_reported_ = false;
  ++files_begun_;
  os::Fd opened;
  const int error = open_log_file(directory_, dir_, file_.name, O_RDONLY, opened);
  if (error == 0) lines_.read(std::make_unique<PlainSource>(std::move(opened), offset), offset);
  return error;
}

// Returns 1 if there is a file after this one, 0 if there is none, or −errno.
int Cursor::find_later_file() {
  if (files_.back() > file_) return 1;
  if (const int error = list_log_files(directory_, dir_, files_)) return error;
  return !files_.empty() && files_.back() > file_;
}

int Cursor::fail(int error) const {
  if (error == -EFBIG) {
    return os::fail(EBADMSG, "log %s/%s: line %llu is longer than %zu bytes: it is not a line of an audit log", dir_.c_str(),
                    file_.name.c_str(), static_cast<unsigned long long>(lines_.number()) + 1, max_line_bytes);
  }
  return os::fail(-error, "log %s/%s: cannot read: %s", dir_.c_str(), file_.name.c_str(), std::strerror(-error));
}

int Cursor::next(LogLine& out) {
  if (!opened_) {
    if (const int error = begin(LogFile(file_))) return error;
  }
  while (true) {
    const int got = lines_.next(out.text);
    if (got < 0) return fail(got);
    out.whole = got == 1;
    out.file = file_.name, out.first_index = file_.first_index;
    out.number = lines_.number(), out.byte = lines_.line_byte(), out.tail_bytes = 0;
    if (got == 1) return 1;
    if (!complete_) {
      const int later = find_later_file();
      if (later <= 0) return later;
      complete_ = true;  // and look once more: the last lines may have come before the later file
      continue;
    }
    if (lines_.tail_bytes() > 0 && !tail_reported_) {
      tail_reported_ = true;
      out.text = {}, out.number += 1, out.byte = lines_.tail_byte(), out.tail_bytes = lines_.tail_bytes();
      return 1;
    }
    const auto later = std::upper_bound(files_.begin(), files_.end(), file_);
    if (const int error = begin(LogFile(*later))) return error;
  }
}

}  // namespace shmring::log
