// The small files of a sealed log that are not its lines: checkpoints and keys, beside the lines.
//
// Invariant: a file is written whole under a temporary name, synced, renamed, and the directory synced. After a crash it is
// the old one or the new one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/log/seal/checkpoint.hpp"

namespace shmring::log {

inline constexpr const char* cosigned_name = "checkpoint.cosigned";  // the newest one that a witness has signed, too

// They return 0, or −errno with its text: −ENOENT, and −EBADMSG if it is too large to be one, or no checkpoint.
int read_kept(int directory, const std::string& dir, const std::string& name, std::string& out);
int read_checkpoint(int directory, const std::string& dir, const std::string& name, SignedCheckpoint& out);

// The newest of those that stay for as long as the log: the newest of all may give way to the next while a witness is asked.
// −ENOENT: there is none.
int read_newest_kept(int directory, const std::string& dir, SignedCheckpoint& out);

// Replaces a file. Returns 0, or −errno with its text.
int write_kept(int directory, const std::string& dir, const std::string& name, std::string_view text);

// Puts a checkpoint that witnesses have signed in the place of the kept one, unless that is of a larger tree. If it is the same
// one, it gets the signatures that it does not have yet. One process at a time does that. Returns 0, or −errno with its text;
// −EEXIST: the kept one is of a larger tree. `out` is what is kept.
int keep_cosigned(int directory, const std::string& dir, const SignedCheckpoint& cosigned, SignedCheckpoint& out);

}  // namespace shmring::log
