// The lines of a log as ranges of bytes that may be sent: whole lines below D, from the file that holds them durably.
//
// Invariants:
//   - D is read before the files are listed. If a sync failed, the lines below D are in a file that replaces the one that was
//     being written, and a list that is younger than D has that file;
//   - a file that was superseded, removed, or ends before the next line is left for the beginning of the file that holds that
//     line. Lines are then repeated, never left out;
//   - what is read is at most as much as a message may have. A line that is longer comes in pieces.
// Thread role: one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/fleet/message.hpp"
#include "lib/log/files/names.hpp"
#include "lib/log/files/source.hpp"
#include "lib/os/file.hpp"

namespace shmring::fleet {

// Where a range begins. No file: nowhere.
struct Position {
  std::string file;  // its plain name
  u64 byte = 0;
  u64 index = 0;  // of the line that begins there, or that goes on there
  bool operator==(const Position&) const = default;
};

struct Chunk {
  Range range;
  std::string_view bytes;  // until the next call of next()
};

class LogFeed {
 public:
  explicit LogFeed(std::string dir) : dir_(std::move(dir)) {}

  // Reads D. Returns 0, or −errno with its text: −ENOENT if there is no directory or no mark, −EBADMSG for a mark that is torn
  // or was written in another place. D is then 0, and so nothing is sent.
  int look_at_mark();
  // Lists the files. Call it behind look_at_mark(). Returns 0, or −errno with its text; −ENOENT if there is none.
  int list();

  u64 durable() const { return durable_; }
  int directory() const { return directory_.get(); }
  const std::string& dir() const { return dir_; }
  const std::vector<log::LogFile>& files() const { return files_; }
  // Changes when the path names another directory.
  u64 place() const { return place_; }

  // Finds the beginning of the file that holds a line. Returns false if no file does. The last file counts as one that goes on.
  bool find(u64 index, Position& out) const;
  Position oldest() const { return {std::string(files_.front().plain_name()), 0, files_.front().first_index}; }
  // Sets the index behind the last whole line of the log. Returns 0, or −errno with its text.
  int end(u64& index);

  // Opens a file, also one that was superseded, and sets how many bytes it has. Returns 0, or −errno with its text; −ENOENT if
  // it is gone.
  int open(const std::string& plain_name, log::ByteSource*& out, u64& bytes);
  // Counts the lines of a file before a byte. Returns 0, or −errno with its text: −ENOENT if the file is gone, −ENODATA if it
  // is shorter.
  int count(const std::string& plain_name, u64 byte, u64& lines);
  // Returns whether the line is to be read from this file.
  bool holds(const std::string& plain_name, u64 index) const;

  // Reads a range from the position on, of at most so many bytes. Returns 1, 0 if there is nothing below D, or −errno with its
  // text: −ENODATA if no file holds the line, −EUCLEAN if a file ends before a line that is durable.
  int next(Position from, std::size_t most, Chunk& out);

 private:
  int read(const Position& from, u64 limit, std::size_t most, Chunk& out);

  std::string dir_;
  os::Fd directory_;
  u64 device_ = 0, inode_ = 0, place_ = 0;
  u64 durable_ = 0;
  std::vector<log::LogFile> files_, superseded_;
  std::string open_name_;  // of source_
  u64 open_inode_ = 0;     // 0: it is compressed
  std::unique_ptr<log::ByteSource> source_;
  std::string block_;  // what was read; it is kept, since memory that is new for each range costs more than reading it
};

}  // namespace shmring::fleet
