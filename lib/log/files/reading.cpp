// The files of a log and their lines: see reading.hpp.
#include "lib/log/files/reading.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "lib/os/error.hpp"

namespace shmring::log {

namespace {

constexpr std::size_t block_bytes = std::size_t{256} << 10;
constexpr std::string_view name_shape = "00000000T000000Z-00000000000000000000.jsonl";  // 0: a digit

const char* kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFIFO:
      return "a FIFO";
    case S_IFDIR:
      return "a directory";
    case S_IFSOCK:
      return "a socket";
    case S_IFLNK:
      return "a symbolic link";
    default:
      return "a device";
  }
}

}  // namespace

std::string compact_time(u64 time_ns) {
  const time_t second = static_cast<time_t>(time_ns / 1'000'000'000);
  struct tm utc {};
  gmtime_r(&second, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc)};
}

u64 utc_now_ns() {
  timespec now{};
  os::calls.clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<u64>(now.tv_sec) * 1'000'000'000 + static_cast<u64>(now.tv_nsec);
}

std::string log_file_name(u64 time_ns, u64 first_index) {
  char index[32];
  std::snprintf(index, sizeof index, "-%020llu.jsonl", static_cast<unsigned long long>(first_index));
  return compact_time(time_ns) + index;
}

bool is_log_file_name(std::string_view name, u64& first_index) {
  if (name.size() != name_shape.size()) return false;
  u64 index = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool digit = name[i] >= '0' && name[i] <= '9';
    if (name_shape[i] == '0' ? !digit : name[i] != name_shape[i]) return false;
    if (i < name_shape.find('-') || !digit) continue;
    if (__builtin_mul_overflow(index, 10, &index) ||
        __builtin_add_overflow(index, static_cast<u64>(name[i] - '0'), &index))
      return false;
  }
  first_index = index;
  return true;
}

int open_log_directory(const std::string& dir, os::Fd& out) {
  const int error = os::open_at(AT_FDCWD, dir.c_str(), O_RDONLY | O_DIRECTORY, 0, out);
  if (error == 0) return 0;
  const char* advice = error == -ENOENT    ? "give the directory that shmringd --log writes to"
                       : error == -ENOTDIR ? "give the directory, not a file in it"
                                           : "check its owner and mode";
  return os::fail(-error, "log %s: cannot open the directory: %s; %s", dir.c_str(), std::strerror(-error), advice);
}

int list_log_files(int directory, const std::string& dir, std::vector<LogFile>& out) {
  out.clear();
  os::Fd fd;
  int error = os::open_at(directory, ".", O_RDONLY | O_DIRECTORY, 0, fd);
  DIR* stream = error == 0 ? os::calls.fdopendir(fd.get()) : nullptr;
  if (error == 0 && stream == nullptr) error = -errno;
  if (stream != nullptr) {
    (void)fd.release();
    errno = 0;
    while (const dirent* entry = os::calls.readdir(stream)) {
      u64 first_index;
      if (is_log_file_name(entry->d_name, first_index)) out.push_back({entry->d_name, first_index});
    }
    error = -errno;
    os::calls.closedir(stream);
  }
  if (error != 0) return os::fail(-error, "log %s: cannot list the directory: %s", dir.c_str(), std::strerror(-error));
  std::sort(out.begin(), out.end());
  return 0;
}

int open_log_file(int directory, const std::string& dir, const std::string& name, int flags, os::Fd& out) {
  // Looked at before it is opened, as to open a FIFO or a device does something to it; and behind that, as it may be another.
  struct stat status {};
  int error = os::result(os::calls.fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW));
  if (error == 0 && S_ISREG(status.st_mode)) {
    error = os::open_at(directory, name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK, 0, out);
    if (error == 0) error = os::result(os::calls.fstat(out.get(), &status));
  }
  if (error != 0) return os::fail(-error, "log %s/%s: cannot open it: %s", dir.c_str(), name.c_str(), std::strerror(-error));
  if (S_ISREG(status.st_mode)) return 0;
  return os::fail(EBADMSG, "log %s/%s: it is %s, and no file of an audit log: move it away", dir.c_str(), name.c_str(),
                  kind_of(status.st_mode));
}

void LineReader::read(os::Fd file, u64 offset) {
  file_ = std::move(file);
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

// 1: more bytes are in the buffer · 0: the file has none now · −errno.
int LineReader::fill() {
  if (at_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + at_, end_ - at_);
    end_ -= at_;
    at_ = 0;
  }
  if (end_ > max_line_bytes) return -EFBIG;
  if (buffer_.size() < end_ + block_bytes) buffer_.resize(std::max(end_ + block_bytes, 2 * end_));
  const ssize_t got = os::read_full(file_.get(), buffer_.data() + end_, buffer_.size() - end_, file_byte_);
  if (got <= 0) return static_cast<int>(got);
  end_ += static_cast<std::size_t>(got);
  file_byte_ += static_cast<u64>(got);
  return 1;
}

int LogReader::open(const std::string& dir) {
  dir_ = dir;
  if (const int error = open_log_directory(dir, directory_)) return error;
  if (const int error = list_log_files(directory_.get(), dir, files_)) return error;
  if (files_.empty()) {
    return os::fail(ENOENT, "log %s: no file named like %s in it; give the directory that shmringd --log writes to",
                    dir.c_str(), log_file_name(0, 0).c_str());
  }
  file_ = files_.front();
  return 0;
}

u64 LogReader::go_to(u64 index) {
  auto after =
      std::upper_bound(files_.begin(), files_.end(), index, [](u64 i, const LogFile& f) { return i < f.first_index; });
  if (after != files_.begin()) --after;
  file_ = *after;
  opened_ = false;
  return file_.first_index;
}

int LogReader::begin(const LogFile& file) {
  file_ = file;
  opened_ = true;
  complete_ = tail_reported_ = false;
  ++files_begun_;
  os::Fd opened;
  const int error = open_log_file(directory_.get(), dir_, file_.name, O_RDONLY, opened);
  if (error == 0) lines_.read(std::move(opened));
  return error;
}

// 1: there is a file after this one · 0: none · −errno.
int LogReader::find_later_file() {
  if (files_.back() > file_) return 1;
  if (const int error = list_log_files(directory_.get(), dir_, files_)) return error;
  return !files_.empty() && files_.back() > file_;
}

int LogReader::fail(int error) const {
  if (error == -EFBIG) {
    return os::fail(EBADMSG, "log %s/%s: line %llu is longer than %zu bytes: no line of an audit log", dir_.c_str(),
                    file_.name.c_str(), static_cast<unsigned long long>(lines_.number() + 1), max_line_bytes);
  }
  return os::fail(-error, "log %s/%s: cannot read: %s", dir_.c_str(), file_.name.c_str(), std::strerror(-error));
}

int LogReader::next(LogLine& out) {
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
      complete_ = true;  // and look once more: the last lines may have come before the later file did
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
