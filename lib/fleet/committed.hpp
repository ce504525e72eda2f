// How much of a log the archive has for good: the file `committed` in the log's directory of the archive.
//
// It has two records of a fixed length, each in a sector of its own, which are written by turns: the one of the higher
// generation counts. A record that a power cut has torn was not synced, so nothing was acknowledged by it, and the other one
// says what was before.
//
// Invariants:
//   - a record is written only when all that it speaks of survives a power cut, and counts when it is synced itself;
//   - each receiver makes a file of its own, with what the one before it says: the kernel may have told that one that a record
//     did not reach the disk, and show it nevertheless. So does a receiver for which a sync of this file has failed;
//   - the file is made before the first file of the log is. A directory that has files of a log and not this one was not left
//     by a crash.
#pragma once

#include <string>
#include <string_view>

#include "lib/log/format/numbers.hpp"
#include "lib/os/file.hpp"

namespace shmring::fleet {

using log::u64;

inline constexpr const char* committed_name = "committed";

struct Committed {
  std::string file;  // the log's newest file; empty: it has none yet
  u64 bytes = 0;     // of it
  u64 index = 0;  // of the line that begins there, or goes on there. As the log is read, all lines below it are there: from the
                  // first that the archive got, or from where a person gave up some
  bool wanted = false;   // the host is asked to go on from here
  bool replace = false;  // a sync of the newest file has failed, and what takes its place may not have its name for good
  bool operator==(const Committed&) const = default;
};

// The text of a record, and back. parse_committed returns false if the text is not one.
std::string committed_text(const Committed& committed, u64 generation);
bool parse_committed(std::string_view text, Committed& out, u64& generation);

// Reads what a directory says, for anybody. Returns 0, −ENOENT, −EBADMSG if no record of it is whole, or another −errno.
int read_committed(int directory, Committed& out);

class CommittedFile {
 public:
  // Makes the file anew. When it returns 0, the file survives a power cut, with its name. Otherwise it returns −errno, and the
  // one before may have stayed.
  int begin(int directory, const Committed& committed);
  // Writes and syncs a record. If it does not return 0, nothing but begin() may be called.
  int write(const Committed& committed);
  bool is_open() const { return static_cast<bool>(file_); }
  // Opens the file that this object has begun, after close().
  int open_again(int directory);
  void close() { file_.reset(); }

 private:
  int store(const Committed& committed);

  os::Fd file_;
  u64 generation_ = 0;
};

}  // namespace shmring::fleet
