// The lines of a log, in order, for all its readers: `log`, `verify` and recovery.
//
// Invariants:
//   - a line is returned once its newline is there. What follows the last newline is a tail, which is being written or torn;
//   - each index is returned once. A file's lines at or behind its end are not returned, nor are lines of a file that replaces
//     another one up to where the other one was read. Both have the same bytes;
//   - memory is bounded by one block, or by the longest line up to max_line_bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/log/files/names.hpp"
#include "lib/log/files/search.hpp"
#include "lib/log/files/source.hpp"

namespace shmring::log {

// Reads the whole lines of one file, forward.
class LineReader {
 public:
  // `offset` is where in the source to begin; a line begins there too.
  void read(std::unique_ptr<ByteSource> source, u64 offset = 0);

  // Returns 1 if `line` is the next whole line, without its newline and valid until the next call; 0 if there is none yet (ask
  // again later); or −errno with its text. But −EFBIG means a line longer than max_line_bytes, and has no text.
  int next(std::string_view& line);

  u64 line_byte() const { return line_byte_; }                 // where the line last returned begins
  u64 tail_bytes() const { return end_ - at_; }                // after next() returned 0: bytes behind the last whole line, …
  u64 tail_byte() const { return file_byte_ - tail_bytes(); }  // … and where they begin

 private:
  int fill();

  std::unique_ptr<ByteSource> source_;
  std::vector<char> buffer_;
  std::size_t at_ = 0, end_ = 0;  // unread bytes in the buffer
  std::size_t searched_ = 0;      // bytes from at_ on that are known to hold no newline
  u64 file_byte_ = 0;             // file offset of end_
  u64 line_byte_ = 0;
};

// A line and its place. If `whole` is false, this is the tail of a file that is not the last one, and text is empty.
struct LogLine {
  std::string_view text, file;
  u64 first_index;   // of the file
  u64 index;         // that the line must have, since indexes have no hole
  u64 number, byte;  // in the file; lines count from 1
  bool whole;
  u64 tail_bytes;
  u64 missing;  // so many lines before it are not there: they were removed before they were read, or a file is gone
};

// A file that has bytes behind its end.
struct Overlap {
  LogFile file;
  u64 line, byte;  // where they begin
};

// All lines of a log in order, across files. Lines that appear while it is read are included.
class Cursor {
 public:
  // Opens the log at its first file. Returns 0, or −errno with its text; −ENOENT also if the directory has no log file.
  int open(const std::string& dir);

  // Opens it in the middle of one file, where a line begins. Returns 0, or −errno with its text. The caller still owns
  // `directory`. Numbers and indexes of lines then count from `offset`.
  int open_at(int directory, const std::string& dir, const LogFile& file, u64 offset);

  // Goes to the line of this index, or to the first one behind it that is there. Returns 0, or −errno with its text.
  int seek(u64 index);
  // Returns a search through the files as they were last listed.
  Search search() const { return {directory_, dir_, files_}; }

  // Returns 1 for a line, 0 if there is nothing more now (ask again to follow the log), or −errno with its text.
  int next(LogLine& out);

  // After next() returned 0: returns whether the path now names a log that was begun since. Its lines are in no order with
  // those of this one, which is over.
  bool is_replaced() const;
  // Returns whether the log now begins behind this index: its older files were removed.
  bool begins_behind(u64 index) const;
  u64 first_index() const { return files_.front().first_index; }  // as the files were last listed

  u64 tail_bytes() const { return lines_.tail_bytes(); }  // after next() returned 0: behind the last whole line of the log
  const LogFile& file() const { return file_; }           // the one being read
  u64 files_begun() const { return files_begun_; }

  // Returns the files with bytes behind their ends that were found since the last call. The first call also has those that
  // were superseded when the log was opened.
  std::vector<Overlap> take_overlaps() { return std::exchange(overlaps_, {}); }
  // Returns whether this is one of the last three files, those that are superseded included.
  bool is_among_the_last(const LogFile& file) const;

 private:
  int begin(const LogFile& file) { return begin(file, {file.first_index, 0}); }
  int begin(const LogFile& file, Place place);
  void read(std::unique_ptr<ByteSource> source, LogFile file, Place place);
  int begin_next_file();
  int list();
  int find_later_file();
  void look_behind_the_end();
  int fail(int error) const;
  u64 number() const { return at_ - file_.first_index + 1; }

  std::string dir_;
  os::Fd own_;
  int directory_ = -1;  // ours, or the caller's
  std::vector<LogFile> files_, superseded_;
  LogFile file_{};
  LineReader lines_;
  u64 at_ = 0;             // index of the line that lines_ returns next
  u64 next_index_ = 0;     // the first that was not returned yet
  bool complete_ = false;  // a later file was there before the last look at this one, so nothing more will come
  bool tail_reported_ = false;
  u64 missing_ = 0;  // before the line that comes next
  u64 files_begun_ = 0;
  std::vector<Overlap> overlaps_;
};

// Looks for a line in one file, also behind the file's end. Returns 1, and sets its text and where it begins; 0 if the file has
// no such line; or −errno with its text.
int find_line(int directory, const std::string& dir, LogFile file, u64 index, std::string& text, u64& byte);

}  // namespace shmring::log
