// Where the tree of a log stands when a collector starts: it is computed from the lines, and compared with what was signed.
//
//   the last clean start that is not behind the newest checkpoint → its frontier → each line up to the end → the tree
//
// Invariants:
//   - nothing is signed over a log that is shorter than what was signed, or differs from it: that is −EBADMSG, and nothing is
//     changed. What counts are the notes of keys, the checkpoints beside the last files and beside the log, and that of the
//     state directory, as far as the log's own key has signed them;
//   - a checkpoint that is not there is missed by nobody, since none is behind what is durable;
//   - a log none of whose files has a tree is begun to be sealed from its end on.
// The cost is that of the lines of one file, or two, unless the newest checkpoint is older.
// Thread role: the collector's, before it begins.
#pragma once

#include <string>

#include "lib/log/seal/notary.hpp"

namespace shmring::log {

struct Resumed {
  bool has_begun = false;  // the log has a tree
  u64 base = 0;            // leaf 0 is the line with this index
  u64 signed_index = 0;    // behind the last line that a checkpoint covers; 0: none does
};

// `next_index` is behind the last line. The tree is the notary's then. Returns 0, or −errno with its text.
int resume(int directory, const std::string& dir, u64 next_index, Notary& notary, Resumed& out);

}  // namespace shmring::log
