// The mark of a log: how far it survives a power cut, for whoever collects next.
//
// It is a file in the log's directory, one line of a fixed length. It is written after each sync, and need only survive the
// collector, not the machine: a mark that the disk lost says less than is true, which costs work and no truth.
//
// Invariants:
//   - each collector makes a mark of its own, and does not trust that the one before had synced what it sees: the kernel may
//     have told that one of an error. Until the new one has its name, the old one stands;
//   - a mark counts only if its checksum is right. If it does not name the inode that it is read from, the log is a copy, and
//     nothing that the original's collector knew holds for it;
//   - whoever cannot read a mark takes it that this boot wrote the log, and that nothing is durable: only a mark of an earlier
//     boot proves that what is read now comes from the disk.
#pragma once

#include <string>

#include "lib/log/format/numbers.hpp"
#include "lib/os/file.hpp"

namespace shmring::log {

struct Mark {
  u64 boot[2]{};
  u64 device = 0, inode = 0;  // of the file in which it stands
  u64 durable = 0;            // D: the first index that is not known to be durable
  u64 accounts = 0;           // K: the index of the last `accounts` line below D, …
  std::string file;           // … the file in which it stands, and
  u64 byte = 0;               // … where it begins there. No file: not known
  bool is_cut = false;        // a start is about to cut the log's end, or has, and that may not be on the disk yet

  bool operator==(const Mark&) const = default;
};

// The text of a mark, and back. parse_mark returns false if the text is not one.
std::string mark_text(const Mark& mark);
bool parse_mark(std::string_view text, Mark& out);

enum class MarkSays { nothing, torn, another_place, this_place };
// Reads a directory's mark. Nothing: there is none.
MarkSays read_mark(int directory, Mark& out);
void remove_mark(int directory);

class MarkFile {
 public:
  // Makes a mark that says this, and lets it take the place of the one that is there. When this returns 0, it survives a power
  // cut, with its name and the directory's. Otherwise it returns −errno, and the mark that was there may have stayed.
  int begin(int directory, const Mark& mark);
  // Returns 0 or −errno. Waits for no disk. It sets device and inode.
  int write(Mark mark) const;

 private:
  int make(int directory, const Mark& mark);
  int open(int directory, const char* name, int flags, const Mark& mark);

  os::Fd file_;
  u64 device_ = 0, inode_ = 0;
};

}  // namespace shmring::log
