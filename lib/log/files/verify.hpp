// The proof that a log is whole: every sequence of every account exactly once, in order of lines.
//
// It does not look at what the records say (there is no seal), at what follows the last whole line, at what came before the
// log's first line, and at lines of kinds that it does not know. Whoever prints the verdict says so.
//
// Invariants:
//   - it makes one pass over the files. Its memory depends on the accounts that one accounts line names, on those that begin
//     and end between two such lines, and on the number of rings, but not on how many lines or producers there ever were. That
//     a producer attaches only once is therefore checked against the newest 16384 ranges of incarnations that are over;
//   - nothing in the log is believed before it was compared with the index, with the account, and with the file's name;
//   - what is odd about the files must be explained by a line of the log (explained.hpp);
//   - the first deviation ends it. It is named by file, line and byte, and by (incarnation, sequence) if it has one.
#pragma once

#include <string>
#include <vector>

#include "lib/log/files/cursor.hpp"
#include "lib/log/files/deviation.hpp"
#include "lib/log/format/parse.hpp"

namespace shmring::log {

struct Verdict {
  bool proven = false;
  bool readable = false;  // at least one line was a line of an audit log
  Deviation deviation;    // if not proven
  std::string ring;
  u64 files = 0, lines = 0, first_index = 0, last_index = 0;
  u64 events = 0, late = 0, truncated = 0;
  Causes lost;                         // attempted = events + lost.total()
  u64 closed = 0, open = 0, gone = 0;  // accounts
  u64 nested = 0;          // writes of closed accounts that took no sequence, made inside another call of the handle
  bool sealed = false;     // a file says where the log's tree stands
  u64 not_understood = 0;  // lines of kinds that a later version may have added
  u64 torn_bytes = 0;      // after the last whole line of the last file: a line being written, or torn
  std::string last_file;
  std::vector<Overlap> not_explained;  // among the last three files: an incident that explains them may still come
};

// Is given each line that holds, in order, while the log is verified: what else is made of the same lines takes no second look
// at them.
class LineTaker {
 public:
  virtual ~LineTaker() = default;
  // The log is read from its beginning. That may happen again, and then nothing counts that was taken before.
  virtual void begin() = 0;
  virtual void take(const LogLine& at, const Parsed& line) = 0;
};

// Verifies the log in `dir`. Returns 0 and `verdict`, or −errno with its text: −ENOENT if there is no directory or no log file
// in it, −EACCES, −ENOTDIR, −EBADMSG for a line longer than any line can be, or an I/O error.
int verify(const std::string& dir, Verdict& verdict, LineTaker* taker = nullptr);

}  // namespace shmring::log
