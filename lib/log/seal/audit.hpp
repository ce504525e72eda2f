// Whether a log is what was signed: its lines are hashed, and the root is compared at each size of which somebody has a
// signature.
//
// What a seal cannot show: what whoever has the secret keys rewrites since the last checkpoint that is kept elsewhere, events
// that were never written, and whether a clock was right.
//
// Invariants:
//   - nothing of the log's directory is believed: the chain of keys begins with a key that was given, what is compared was
//     signed, and a frontier, which a log whose older files were removed begins with, counts once a signed root confirms it;
//   - the first size at which lines and signature differ ends it. The lines between it and the last size at which they agree
//     are named; where the tiles narrow that to 256 lines, or a copy to one, so are these;
//   - memory is bounded by the number of checkpoints and files.
#pragma once

#include <string>
#include <vector>

#include "lib/log/files/deviation.hpp"
#include "lib/log/files/verify.hpp"
#include "lib/log/seal/anchors.hpp"

namespace shmring::log {

struct AuditRequest {
  std::vector<VerifierKey> keys;   // of the log's first epoch; if they are known, its own key and those of witnesses
  std::vector<Anchor> given;       // checkpoints that were kept elsewhere
  std::string against;             // a copy of the log; empty: there is none
  unsigned threads = 1;            // that hash, beside the one that calls
  u64 share_bytes = u64{4} << 20;  // of a file, that one of them hashes at a time
  LineTaker* taker = nullptr;      // is given the lines while they are verified; may be null
};

struct Witnessed {
  std::string name;
  u64 size = 0, time_s = 0;
};

struct Audit {
  bool holds = false;
  std::string expected, found;  // if it does not hold
  std::string file;             // where, if that is known: lines are named by file, and from first to last index
  u64 first_line = 0, last_line = 0;
  u64 first_index = 0, last_index = 0;
  std::string line_expected, line_found;  // if a copy was given: both lines
  std::string conviction;                 // if two signed notes contradict each other: see conviction.hpp

  std::string origin;
  u64 base = 0;           // index of the first sealed line
  u64 signed_lines = 0;   // below the newest checkpoint
  u64 signed_epoch = 0;   // whose key has signed that
  std::string signed_at;  // the time of its last line
  u64 unsigned_lines = 0;
  std::string unsigned_since;  // the time of the first of them
  u64 first_known = 0;         // leaves that were removed before the first line that is there
  u64 epochs = 0, compared = 0, not_compared = 0, ignored = 0;
  std::vector<Witnessed> witnesses;
};

// Verifies the log in `dir`, with the seal. Returns 0 and both verdicts, or −errno with its text: as verify().
int audit(const std::string& dir, const AuditRequest& request, Verdict& verdict, Audit& audit);

}  // namespace shmring::log
