// What is odd about a log's files, and whether a line of the log explains it.
//
// Invariants:
//   - a file that goes on behind its end, or that is superseded, is explained by an incident whose `code` is sync_failed,
//     write_failed, file_cut or unsynced, whose `file` is its name, and whose `void` is not behind its end. In the last three
//     files it may be missing, because it may still come;
//   - what is missing at the log's beginning is explained by a `retain` line whose `before` is not below the first index;
//   - such a line stands behind what it explains, so memory depends on what is not explained yet, and on no other line.
#pragma once

#include <vector>

#include "lib/log/files/cursor.hpp"
#include "lib/log/files/deviation.hpp"
#include "lib/log/format/parse.hpp"

namespace shmring::log {

// Returns whether this note explains a file that goes on behind its end. Sets the file's name, and the index from which on its
// lines are void.
bool explains(const Parsed& line, std::string_view& file, u64& from);

class Explained {
 public:
  // Takes a note, which the cursor has returned last.
  void note(const Parsed& line, Cursor& log);

  // Call this when all lines were read; the log begins with `first`. Returns false, with the deviation, if something that must
  // be explained is not. What need not be explained yet is then in `open()`.
  bool all(Cursor& log, const LogFile& first, Deviation& out);
  const std::vector<Overlap>& open() const { return overlaps_; }

 private:
  std::vector<Overlap> overlaps_;  // not explained so far
  u64 removed_before_ = 0;
};

}  // namespace shmring::log
