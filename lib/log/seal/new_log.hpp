// A sealed log that cannot go on, for instance because it was restored from a backup, makes room for a new one.
//
//   intent: moving → each file of the log into old-<time>/ → secrets erased → intent: moved → the new log's first line is
//   durable → no intent
//
// Invariants:
//   - nothing of the old log is removed but its secrets, which would sign a second history of it;
//   - the intent is durable before anything is moved, and says where to. A start that finds one goes on with it, whether it was
//     asked for or not, so a log is never left in two places.
// Thread role: the collector's, before it begins. It waits for the disk.
#pragma once

#include <optional>
#include <string>

#include "lib/log/format/line.hpp"
#include "lib/log/seal/secrets.hpp"

namespace shmring::log {

// Moves the old log away if that `is_wanted`, or was begun; then `out` is what the new log's first line is to say. The caller
// holds the log's lock. Returns 0, or −errno with its text.
int move_old_log(int directory, const std::string& dir, const Secrets& secrets, bool is_wanted, u64 now_utc_ns,
                 std::optional<FormerLog>& out);

// Returns whether a start has to go on with that.
bool is_old_log_moving(int directory);

// The new log's first line is durable. Returns 0, or −errno with its text.
int forget_old_log(int directory, const std::string& dir);

}  // namespace shmring::log
