// The files of a log and their lines, for recovery, verify and log alike.
//
// Invariants:
//   - the files of a log are those named YYYYMMDDTHHMMSSZ-<first index, 20 digits>.jsonl, in the order of that index
//     (the clock in a name may have gone back); nothing else in the directory is looked at;
//   - a line is returned once its newline is there; what follows the last newline is a tail: being written, or torn;
//   - bounded memory: one block, or the longest line up to max_line_bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/os/file.hpp"
#include "lib/log/format/numbers.hpp"

namespace shmring::log {

inline constexpr std::size_t max_line_bytes = std::size_t{128} << 20;

struct LogFile {
  std::string name;
  u64 first_index;
  auto operator<=>(const LogFile& other) const {
    if (const auto order = first_index <=> other.first_index; order != 0) return order;
    return name <=> other.name;
  }
  bool operator==(const LogFile&) const = default;
};

std::string log_file_name(u64 time_ns, u64 first_index);
bool is_log_file_name(std::string_view name, u64& first_index);

// "YYYYMMDDTHHMMSSZ", as in the names of files.
std::string compact_time(u64 time_ns);
u64 utc_now_ns();

// Open a log's directory: 0, or −errno with its text (ENOENT, ENOTDIR, EACCES …).
int open_log_directory(const std::string& dir, os::Fd& out);

// The log's files by first index: 0 (possibly none), or −errno with its text.
int list_log_files(int directory, const std::string& dir, std::vector<LogFile>& out);

// A file of the log: 0, or −errno with its text. What is no regular file (a FIFO, a directory, a symbolic link …) is −EBADMSG,
// and is neither waited for nor read.
int open_log_file(int directory, const std::string& dir, const std::string& name, int flags, os::Fd& out);

// The whole lines of one file, forward.
class LineReader {
 public:
  // `offset` is where a line begins.
  void read(os::Fd file, u64 offset = 0);

  // 1: `line` is the next whole line, without its newline, valid until the next call · 0: none yet (ask again later) ·
  // −errno; −EFBIG: a line longer than max_line_bytes.
  int next(std::string_view& line);

  u64 number() const { return number_; }         // of the line last returned, counted from `offset`, from 1
  u64 line_byte() const { return line_byte_; }   // where it begins in the file
  u64 tail_bytes() const { return end_ - at_; }  // after next() returned 0: bytes behind the last whole line, …
  u64 tail_byte() const { return file_byte_ - tail_bytes(); }  // … and where they begin

 private:
  int fill();

  os::Fd file_;
  std::vector<char> buffer_;
  std::size_t at_ = 0, end_ = 0;  // unread bytes in the buffer
  std::size_t searched_ = 0;      // of them, from at_ on, known to hold no newline
  u64 file_byte_ = 0;             // file offset of end_
  u64 number_ = 0, line_byte_ = 0;
};

// A line and its place. `whole` false: the tail of a file that is not the last one; text is empty.
struct LogLine {
  std::string_view text, file;
  u64 first_index;  // of the file
  u64 number, byte;
  bool whole;
  u64 tail_bytes;
};

// All lines of a log in order, across files, also those that appear while it is read.
class LogReader {
 public:
  // Open at the first file: 0, or −errno with its text; −ENOENT too if the directory has no log file.
  int open(const std::string& dir);

  // Go to the file that has line `index`; returns that file's first index.
  u64 go_to(u64 index);

  // 1: a line · 0: nothing further now (ask again to follow the log) · −errno with its text.
  int next(LogLine& out);

  u64 tail_bytes() const {
    return lines_.tail_bytes();
  }                                              // after next() returned 0: behind the last whole line of the log
  const LogFile& file() const { return file_; }  // the one being read
  u64 files_begun() const { return files_begun_; }

 private:
  int begin(const LogFile& file);
  int find_later_file();
  int fail(int error) const;

  std::string dir_;
  os::Fd directory_;
  std::vector<LogFile> files_;
  LogFile file_{};
  LineReader lines_;
  bool opened_ = false;    // lines_ reads file_
  bool complete_ = false;  // a later file was there before the last look at this one: nothing more will come
  bool tail_reported_ = false;
  u64 files_begun_ = 0;
};

}  // namespace shmring::log
