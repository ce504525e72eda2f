// A log's Merkle tree: see tree.hpp.
#include "lib/log/seal/tree.hpp"

#include <algorithm>

namespace shmring::log {

Hash root_of(Digest& digest, const Frontier& frontier) {
  if (frontier.hashes.empty()) return digest.empty();
  Hash root = frontier.hashes.back();
  for (std::size_t i = frontier.hashes.size() - 1; i-- > 0;) root = digest.node(frontier.hashes[i], root);
  return root;
}

Frontier frontier_of(Digest& digest, std::span<const Hash> leaves) {
  Frontier out;
  for (Hash hash : leaves) {
    for (u64 size = out.size; (size & 1) != 0; size >>= 1) {
      hash = digest.node(out.hashes.back(), hash);
      out.hashes.pop_back();
    }
    out.hashes.push_back(hash);
    ++out.size;
  }
  return out;
}

Tree::Tree(Digest& digest, Frontier frontier, unsigned height, unsigned lowest_level)
    : digest_(digest), frontier_(std::move(frontier)), height_(height), lowest_(lowest_level) {
  for (unsigned level = lowest_; count(level) > 0; ++level) rows_.push_back({{}, width(level) == 0});
}

u64 Tree::count(unsigned level) const {
  const unsigned shift = level * height_;
  return shift < 64 ? frontier_.size >> shift : 0;
}

void Tree::add(const Hash& leaf) {
  const u64 before = frontier_.size++;
  Hash hash = leaf;
  keep(0, hash);
  unsigned bit = 0;
  for (; (before >> bit & 1) != 0; ++bit) {
    if (bit > 0 && bit % height_ == 0) keep(bit / height_, hash);
    hash = digest_.node(frontier_.hashes.back(), hash);
    frontier_.hashes.pop_back();
  }
  if (bit > 0 && bit % height_ == 0) keep(bit / height_, hash);
  frontier_.hashes.push_back(hash);
}

// Adds a subtree's hash, which is complete by now, to the row of its level.
void Tree::keep(unsigned level, const Hash& hash) {
  if (level < lowest_) return;
  const u64 index = count(level) - 1;
  if (level - lowest_ == rows_.size()) rows_.push_back({{}, true});
  Row& row = rows_[level - lowest_];
  const u64 all = u64{1} << height_;
  if (index % all == 0) row = {{}, true};
  if (!row.known) return;
  row.hashes.push_back(hash);
  if (row.hashes.size() == all) full_.push_back({level, index >> height_, std::exchange(row.hashes, {})});
}

std::vector<Tile> Tree::rows() const {
  std::vector<Tile> out;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const unsigned level = lowest_ + static_cast<unsigned>(i);
    if (!rows_[i].hashes.empty()) out.push_back({level, count(level) >> height_, rows_[i].hashes});
  }
  return out;
}

bool Tree::has_rows() const { return std::ranges::all_of(rows_, &Row::known); }

bool Tree::adopt(Tile row) {
  if (row.level < lowest_ || row.level - lowest_ >= rows_.size()) return false;
  if (row.index != count(row.level) >> height_ || row.hashes.size() != width(row.level) || row.hashes.empty()) return false;
  // The frontier has one hash for each bit of the size, and those bits of it that belong to this level are the row's.
  const auto before = static_cast<std::size_t>(std::popcount(row.index));
  const std::vector<Hash> subtrees = frontier_of(digest_, row.hashes).hashes;
  if (!std::equal(subtrees.begin(), subtrees.end(), frontier_.hashes.begin() + static_cast<std::ptrdiff_t>(before)))
    return false;
  rows_[row.level - lowest_] = {std::move(row.hashes), true};
  return true;
}

}  // namespace shmring::log
