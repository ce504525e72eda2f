// What an archive has of a log, and how much of that its collector believes.
//
// The archive says it once all of it is synced there. The forwarder keeps it as the file `archived` in the log's directory:
//
//   {"v":1,"file":"20260102T…jsonl","bytes":1234,"index":57,"wanted":false}        one line, with its newline
//
// Invariants:
//   - the file is hostile until it is parsed. A text that is not one counts as "the archive has nothing", and so does one that
//     speaks of lines that the log does not have. That one was written for another log, and stays wrong when this one has grown
//     so far;
//   - what the file says now is what counts, also if it is less than before;
//   - nobody believes it beyond D: who waits for a line waits for both, and only files that are durable are removed.
// Values in, values out, but for read_archived().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/log/format/numbers.hpp"

namespace shmring::log {

inline constexpr const char* archived_name = "archived";

struct Archived {
  std::string file;     // the newest file that the archive has, without a suffix of compression; empty: none yet
  u64 bytes = 0;        // of it
  u64 index = 0;        // the archive has all lines below it, from the first that it ever got
  bool wanted = false;  // there is a gap: the host is to go on from here, whatever it has sent
  bool operator==(const Archived&) const = default;
};

std::string text_of(const Archived& archived);
// Returns "" or what is wrong, which names the key.
std::string parse_archived(std::string_view text, Archived& out);

// Reads the file of a log's directory. Returns 0 and sets `out`: nothing, if there is no such file. Otherwise it returns
// −errno: −EBADMSG for what is no regular file, or has more than such a text can have.
int read_archived(int directory, std::optional<std::string>& out);

// What a collector believes of it.
class ArchivedLines {
 public:
  // Takes what read_archived() gave. `written` is the index of the line that is written next. Returns true if the archive has
  // less than before, which is in `before`.
  bool look(int error, const std::optional<std::string>& text, u64 written, u64& before);

  // The archive has the lines below it.
  u64 index() const { return index_; }
  // What is wrong with the file; "": nothing is, or there is none.
  const std::string& problem() const { return problem_; }
  int error() const { return error_; }  // −errno of the call that failed; 0: none did

 private:
  std::optional<std::string> text_;
  std::string problem_;
  int error_ = 0;
  u64 index_ = 0;
};

}  // namespace shmring::log
