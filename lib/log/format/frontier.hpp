// The state of a log's Merkle tree (RFC 6962, section 2.1) between two lines, as an accounts line has it.
//
// A tree of `size` leaves is a row of complete subtrees, each smaller than the one before it: one for each bit that is set in
// the size. Their hashes are all that is needed to go on, and to compute the root.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <string>
#include <vector>

#include "lib/log/format/numbers.hpp"

namespace shmring::log {

using Hash = std::array<u8, 32>;  // SHA-256

struct Frontier {
  u64 size = 0;              // leaves
  std::vector<Hash> hashes;  // of the complete subtrees, the largest first

  bool is_one() const { return hashes.size() == static_cast<std::size_t>(std::popcount(size)); }
  bool operator==(const Frontier&) const = default;
};

// Where a log's tree stands in front of a line. Leaf i is the line with index base + i.
struct TreeState {
  u64 base = 0;
  Frontier frontier;
  bool operator==(const TreeState&) const = default;
};

// A sealed log that this one has taken the place of: what was signed of it last, and where it lies now.
struct FormerLog {
  std::string folder;
  std::string origin;  // "": nothing was signed
  u64 size = 0;
  Hash root{};
};

}  // namespace shmring::log
