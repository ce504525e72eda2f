// Where lines differ from those that were signed.
#pragma once

#include <string>

#include "lib/log/seal/hash.hpp"

namespace shmring::log {

// Leaves [first, end), of which at least one differs.
struct Located {
  u64 first = 0, end = 0;
  std::string expected, found;  // a line of the copy, and of the log, if one differs; without what could harm a terminal
};

// Narrows it to the 256 lines whose hash differs from the tile's, and to a line if the hash of each line was kept, or if
// `against` is a copy of the log. `lines` are as many as the log has. Returns 0, or −errno with its text.
int locate(const std::string& dir, const std::string& against, Digest& digest, u64 base, u64 lines, Located& where);

}  // namespace shmring::log
