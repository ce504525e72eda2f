// The lines of a log, in order: for whoever reads one, `log`, `verify` and recovery alike.
//
// Invariants:
//   - a line is returned once its newline is there; what follows the last newline is a tail: being written, or torn;
//   - bounded memory: one block, or the longest line up to max_line_bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/log/files/names.hpp"
#include "lib/log/files/source.hpp"

namespace shmring::log {

inline constexpr std::size_t max_line_bytes = std::size_t{128} << 20;

// The whole lines of one file, forward.
class LineReader {
 public:
  // `offset` is where in the file the source begins, and a line does.
  void read(std::unique_ptr<ByteSource> source, u64 offset = 0);

  // 1: `line` is the next whole line, without its newline, valid until the next call · 0: none yet (ask again later) ·
  // −errno; −EFBIG: a line longer than max_line_bytes.
  int next(std::string_view& line);

  u64 number() const { return number_; }                       // of the line last returned, counted from `offset`, from 1
  u64 line_byte() const { return line_byte_; }                 // where it begins in the file
  u64 tail_bytes() const { return end_ - at_; }                // after next() returned 0: bytes behind the last whole line, …
  u64 tail_byte() const { return file_byte_ - tail_bytes(); }  // … and where they begin

 private:
  int fill();

  std::unique_ptr<ByteSource> source_;
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
class Cursor {
 public:
  // Open at the first file: 0, or −errno with its text; −ENOENT too if the directory has no log file.
  int open(const std::string& dir);

  // Or in the middle of one file, where a line begins: 0, or −errno with its text. `directory` stays the caller's.
  int open_at(int directory, const std::string& dir, const LogFile& file, u64 offset);

  // Go to the file that has line `index`; returns that file's first index.
  u64 go_to(u64 index);

  // 1: a line · 0: nothing further now (ask again to follow the log) · −errno with its text.
  int next(LogLine& out);

  u64 tail_bytes() const { return lines_.tail_bytes(); }  // after next() returned 0: behind the last whole line of the log
  const LogFile& file() const { return file_; }           // the one being read
  u64 files_begun() const { return files_begun_; }

 private:
  int begin(const LogFile& file, u64 offset = 0);
  int find_later_file();
  int fail(int error) const;

  std::string dir_;
  os::Fd own_;
  int directory_ = -1;  // ours, or the caller's
  std::vector<LogFile> files_;
  LogFile file_{};
  LineReader lines_;
  bool opened_ = false;    // lines_ reads file_
  bool complete_ = false;  // a later file was there before the last look at this one: nothing more will come
  bool tail_reported_ = false;
  u64 files_begun_ = 0;
};

}  // namespace shmring::log
