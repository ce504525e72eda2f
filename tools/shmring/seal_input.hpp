// What the commands about seals share: they read keys, checkpoints and proofs, from files, from standard input ("-"), and from
// arguments.
//
// Invariant: an exit status that is not 0 was explained on stderr.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/log/seal/checkpoint.hpp"

namespace shmring::tool {

// Reads all of it. Returns 0 or an exit status.
int read_input(const std::string& name, std::string& out);

// Each is the text of a verifier key, or a file with such texts, a line each. Returns 0 or an exit status.
int read_keys(const std::vector<std::string>& given, std::vector<log::VerifierKey>& out);

// Returns 0 or an exit status.
int read_checkpoint_input(const std::string& name, log::SignedCheckpoint& out);

// Prints text of a note, which is hostile: each line is shown as it is, but for what could harm a terminal. Returns false, and
// prints nothing, if a line would be changed by that.
bool print_note(std::string_view text);

// Says what was expected of the input, and where. Returns the exit status.
int not_understood(const std::string& name, const log::Mistake& mistake);

// Says what the library said last. Returns the exit status of this −errno.
int failed(int error);

inline constexpr const char* key_help =
    "A verifier key, NAME+ID+KEY, or a file with such keys, a line each: what `shmring keygen` has printed. May be given "
    "several "
    "times";

}  // namespace shmring::tool
