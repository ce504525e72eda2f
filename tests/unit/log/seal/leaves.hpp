// What the tests of the seal share: leaves, and their tree as RFC 6962 defines it, by recursion.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/log/seal/hash.hpp"
#include "lib/log/seal/proof.hpp"

namespace seal_test {

using namespace shmring::log;

inline std::string line_of(u64 index) { return "line " + std::to_string(index) + "\n"; }

inline std::vector<Hash> make_leaves(Digest& digest, u64 count) {
  std::vector<Hash> out;
  for (u64 i = 0; i < count; ++i) out.push_back(digest.leaf(line_of(i)));
  return out;
}

inline std::string hex_of(const Hash& hash) {
  std::string out;
  for (const u8 byte : hash) out += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  return out;
}

// The hash of a tree, from its definition.
inline Hash defined_root(Digest& digest, std::span<const Hash> leaves) {
  if (leaves.empty()) return digest.empty();
  if (leaves.size() == 1) return leaves.front();
  std::size_t left = 1;
  while (2 * left < leaves.size()) left *= 2;
  return digest.node(defined_root(digest, leaves.first(left)), defined_root(digest, leaves.subspan(left)));
}

// Subtrees of leaves in memory. It counts how often it is asked.
struct MemoryNodes final : Nodes {
  MemoryNodes(Digest& with, std::vector<Hash> all) : digest(with), leaves(std::move(all)) {}
  int read(std::span<const Node> nodes, std::span<Hash> out) override {
    ++calls;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto first = static_cast<std::size_t>(nodes[i].index << nodes[i].level);
      out[i] = defined_root(digest, std::span(leaves).subspan(first, std::size_t{1} << nodes[i].level));
    }
    return 0;
  }
  Digest& digest;
  std::vector<Hash> leaves;
  int calls = 0;
};

}  // namespace seal_test
