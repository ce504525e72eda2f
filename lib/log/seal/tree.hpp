// A log's Merkle tree as it grows, and the tiles of it that are kept.
//
//   line → Digest::leaf → Tree::add → root(), for a checkpoint · frontier(), for the next clean start · take_tiles()
//
// A tile of level l holds 2^height neighbouring hashes of subtrees, each over 2^(height·l) leaves. The row of a level is what
// the tile that is being filled has so far. The frontier alone does not have it: in it, neighbours are one hash already. So a
// tree that goes on from a frontier knows the row of a level from the next tile's beginning on, or once adopt() was given it.
//
// Invariants:
//   - nothing is believed of a row that is adopted before it was compared with the frontier;
//   - a tile that is given out is whole and right. Of a tree that went on inside of a tile whose row nobody knows, that one
//     tile is never given out: tiles are a cache, and whoever needs it computes it from the lines;
//   - the height is a parameter only so that tests reach level 3 without 16 million lines. Files have tile_height.
// Thread role: one thread a Tree, and that of its Digest.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "lib/log/seal/hash.hpp"

namespace shmring::log {

inline constexpr unsigned tile_height = 8;
// The level from which on tiles are kept: level 0 is the leaves, whose lines are there anyway.
inline constexpr unsigned usual_lowest = 1;

// A full tile, or what there is of one that is being filled.
struct Tile {
  unsigned level = 0;
  u64 index = 0;  // in its level
  std::vector<Hash> hashes;
  bool operator==(const Tile&) const = default;
};

Hash root_of(Digest& digest, const Frontier& frontier);
// Returns the frontier of a tree with these leaves.
Frontier frontier_of(Digest& digest, std::span<const Hash> leaves);

class Tree {
 public:
  // Goes on from a frontier, which must be one: is_one().
  explicit Tree(Digest& digest, Frontier frontier = {}, unsigned height = tile_height, unsigned lowest_level = usual_lowest);

  void add(const Hash& leaf);

  u64 size() const { return frontier_.size; }
  const Frontier& frontier() const { return frontier_; }
  Hash root() const { return root_of(digest_, frontier_); }

  // Returns the tiles that became full since the last call, in the order in which they did.
  std::vector<Tile> take_tiles() { return std::exchange(full_, {}); }
  // Returns the rows that are known, each as a tile that is not full: what adopt() takes after a restart from this size.
  std::vector<Tile> rows() const;
  // Takes a row that was kept. Returns false if it is not this tree's at this size; then nothing has changed.
  bool adopt(Tile row);
  // Returns whether all rows are known, so that from here on no tile will be missing.
  bool has_rows() const;

 private:
  struct Row {
    std::vector<Hash> hashes;
    bool known = false;
  };

  u64 count(unsigned level) const;  // of the level's hashes
  u64 width(unsigned level) const { return count(level) & ((u64{1} << height_) - 1); }
  void keep(unsigned level, const Hash& hash);

  Digest& digest_;
  Frontier frontier_;
  unsigned height_, lowest_;
  std::vector<Row> rows_;  // by level, from lowest_ on
  std::vector<Tile> full_;
};

}  // namespace shmring::log
