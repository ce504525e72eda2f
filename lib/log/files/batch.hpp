// Lines on their way into a log, as plain values.
#pragma once

#include <string>

#include "lib/log/format/numbers.hpp"

namespace shmring::log {

// Encoded lines. A batch is whole: its bytes are those that the file gets.
struct Batch {
  u64 number;       // of the batches of one appender, from 1
  u64 first_index;  // of its lines; …
  u64 lines;        // … this is their number
  std::string bytes;
  std::size_t accounts_at = std::string::npos;  // where its last line begins, if that is an `accounts` line
};

// How far a log has come.
struct Commit {
  u64 batch = 0;    // every line of all batches up to this number is in the log: the kernel holds it, whichever process dies
  u64 index = 0;    // the first that is not in the log
  u64 durable = 0;  // the first that is not known to survive a power cut
  // The first that the archive does not have, where a line counts as stored only there; otherwise nobody asks for it.
  u64 archived = ~u64{0};
};

}  // namespace shmring::log
