// Checkpoints (c2sp.org/tlog-checkpoint): how large a log's tree was, and its root. A log signs them as notes.
//
//   <origin>            which log this is, whatever its files are named
//   <size>              leaves of the tree
//   <root, base64>
//   …                   lines of other logs: they are allowed, and nothing is made of them. None are written
#pragma once

#include <string>
#include <string_view>

#include "lib/log/seal/note.hpp"

namespace shmring::log {

struct Checkpoint {
  std::string origin;
  u64 size = 0;
  Hash root{};
  bool operator==(const Checkpoint&) const = default;
};

// Returns the text that is signed.
std::string text_of(const Checkpoint& checkpoint);
// Returns false if the text of a note is no checkpoint.
bool parse_checkpoint(std::string_view text, Checkpoint& out);

// A checkpoint and the note that it came as.
struct SignedCheckpoint {
  Checkpoint checkpoint;
  SignedNote note;
};
bool parse_signed_checkpoint(std::string_view text, SignedCheckpoint& out, Mistake& mistake);

}  // namespace shmring::log
