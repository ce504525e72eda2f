// The lines of a log, in order, for all its readers: `log`, `verify` and recovery.
//
// Invariants:
//   - a line is returned once its newline is there. What follows the last newline is a tail, which is being written or torn;
//   - memory is bounded by one block, or by the longest line up to max_line_bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/log/files/names.hpp"
#include "lib/log/files/source.hpp"

namespace shmring::log {

inline constexpr std::size_t max_line_bytes = std::size_t{128} << 20;

// Reads the whole lines of one file, forward.
class LineReader {
 public:
  // `offset` is where in the file the source begins; a line begins there too.
  void read(std::unique_ptr<ByteSource> source, u64 offset = 0);

  // Returns 1 if `line` is the next whole line, without its newline and valid until the next call; 0 if there is none yet (ask
  // again later); or −errno. −EFBIG means a line longer than max_line_bytes.
  int next(std::string_view& line);

  u64 number() const { return number_; }                       // of the line last returned, counted from 1 at `offset`
  u64 line_byte() const { return line_byte_; }                 // where it begins in the file
  u64 tail_bytes() const { return end_ - at_; }                // after next() returned 0: bytes behind the last whole line, …
  u64 tail_byte() const { return file_byte_ - tail_bytes(); }  // … and where they begin

 private:
  int fill();

  std::unique_ptr<ByteSource> source_;
  std::vector<char> buffer_;
  std::size_t at_ = 0, end_ = 0;  // unread bytes in the buffer
  std::size_t searched_ = 0;      // bytes from at_ on that are known to hold no newline
  u64 file_byte_ = 0;             // file offset of end_
  u64 number_ = 0, line_byte_ = 0;
};

// A line and its place. If `whole` is false, this is the tail of a file that is not the last one, and text is empty.
struct LogLine {
  std::string_view text, file;
  u64 first_index;  // of the file
  u64 number, byte;
  bool whole;
  u64 tail_bytes;
};

// All lines of a log in order, across files. Lines that appear while it is read are included.
class Cursor {
 public:
  // Opens the log at its first file. Returns 0, or −errno with its text; −ENOENT also if the directory has no log file.
  int open(const std::string& dir);

  // Opens it in the middle of one file, where a line begins. Returns 0, or −errno with its text. The caller still owns
  // `directory`.
  int open_at(int directory, const std::string& dir, const LogFile& file, u64 offset);

  // Goes to the file that has line `index`, and returns that file's first index.
  u64 go_to(u64 index);

  // Returns 1 for a line, 0 if there is nothing more now (ask again to follow the log), or −errno with its text.
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
  bool complete_ = false;  // a later file was there before the last look at this one, so nothing more will come
  bool tail_reported_ = false;
  u64 files_begun_ = 0;
};

}  // namespace shmring::log
