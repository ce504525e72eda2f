// The keys of a sealed log, in its file `keys`: a chain of signed notes, the genesis first.
//
//   <origin>                        A note's text has these five lines. The key is the verifier key of that epoch, and its
//   epoch <n>                       name is <origin>/epoch-<n>; that of the log's own key is <origin>.
//   <size of the tree>
//   <root of the tree, base64>
//   <verifier key of the epoch>
//
// Invariants:
//   - the genesis is epoch 0, of the empty tree. It is signed by the log's key and by its own;
//   - each other note is of the next epoch, of a tree that is not smaller, and signed by the key of the epoch before;
//   - a note says that the lines below its size were there when its epoch began. No key of an earlier epoch signs more.
// Values in, values out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/log/seal/note.hpp"

namespace shmring::log {

inline constexpr const char* keys_name = "keys";                        // in the log's directory
inline constexpr const char* checkpoint_name = "checkpoint";            // the newest one, beside it
inline constexpr std::string_view checkpoints_suffix = ".checkpoints";  // those of a file, behind its plain name

struct KeyNote {
  std::string origin;
  u64 epoch = 0;
  u64 size = 0;
  Hash root{};
  VerifierKey key;

  bool operator==(const KeyNote&) const = default;
};

// Returns the name of an epoch's key.
std::string epoch_name(std::string_view origin, u64 epoch);
// Returns whether a key of this name is one of the log with this origin: its own, or that of an epoch.
bool is_key_of(std::string_view name, std::string_view origin);

// The text that is signed, and back. parse_key_note returns false if it is not such a text.
std::string text_of(const KeyNote& note);
bool parse_key_note(std::string_view text, KeyNote& out);

// Reads the whole file, and checks each note with the key of the one before. Returns "" or what is wrong; then `out` has the
// notes before that.
std::string read_key_chain(std::string_view file, std::vector<KeyNote>& out);

}  // namespace shmring::log
