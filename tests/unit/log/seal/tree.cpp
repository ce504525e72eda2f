// The log's Merkle tree: roots, frontiers, tiles, and going on after a restart, also inside of a tile.
#include "lib/log/seal/tree.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "lib/log/seal/tile.hpp"
#include "tests/unit/log/seal/leaves.hpp"

using namespace seal_test;

namespace {

constexpr u64 many = 150;  // with a height of 2 they reach level 3

// The tiles of a tree, from their definition (c2sp.org/tlog-tiles).
std::vector<Tile> defined_tiles(Digest& digest, std::span<const Hash> leaves, unsigned height, unsigned lowest) {
  std::vector<Tile> out;
  const u64 width = u64{1} << height;
  for (unsigned level = lowest; width << (level * height) <= leaves.size(); ++level) {
    const u64 span = u64{1} << (level * height);
    for (u64 index = 0; (index + 1) * width * span <= leaves.size(); ++index) {
      Tile tile{level, index, {}};
      for (u64 i = 0; i < width; ++i)
        tile.hashes.push_back(defined_root(digest, leaves.subspan((index * width + i) * span, span)));
      out.push_back(std::move(tile));
    }
  }
  return out;
}

std::vector<Tile> sorted(std::vector<Tile> tiles) {
  std::ranges::sort(tiles, {}, [](const Tile& tile) { return std::pair(tile.level, tile.index); });
  return tiles;
}

}  // namespace

TEST_CASE("roots are those that RFC 6962 logs have published for eight known leaves") {
  Digest digest;
  const std::string leaves[] = {"",
                                std::string(1, '\0'),
                                "\x10",
                                "\x20\x21",
                                "\x30\x31",
                                "\x40\x41\x42\x43",
                                "\x50\x51\x52\x53\x54\x55\x56\x57",
                                "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};
  const char* const roots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                               "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                               "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                               "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                               "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                               "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                               "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                               "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  Tree tree(digest);
  CHECK(hex_of(tree.root()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (std::size_t i = 0; i < std::size(leaves); ++i) {
    tree.add(digest.leaf(leaves[i]));
    CHECK(hex_of(tree.root()) == roots[i]);
  }
}

TEST_CASE("root, frontier and tiles are as defined at every size, over four levels") {
  Digest digest;
  const std::vector<Hash> leaves = make_leaves(digest, many);
  for (const unsigned height : {1u, 2u, 3u}) {
    for (const unsigned lowest : {0u, 1u}) {
      CAPTURE(height);
      CAPTURE(lowest);
      Tree tree(digest, {}, height, lowest);
      std::vector<Tile> tiles;
      for (u64 size = 1; size <= many; ++size) {
        tree.add(leaves[size - 1]);
        std::ranges::copy(tree.take_tiles(), std::back_inserter(tiles));
        const std::span<const Hash> so_far(leaves.data(), size);
        CHECK(tree.size() == size);
        CHECK(tree.frontier().is_one());
        CHECK(tree.frontier() == frontier_of(digest, so_far));
        CHECK(tree.root() == defined_root(digest, so_far));
        CHECK(sorted(tiles) == defined_tiles(digest, so_far, height, lowest));
      }
      CHECK(std::ranges::max(tiles, {}, &Tile::level).level >= (height == 2 ? 2u : 1u));
      CHECK(tree.take_tiles().empty());
    }
  }
}

TEST_CASE("a tree goes on from any frontier; with its rows it gives out the same tiles, without them all but those begun") {
  Digest digest;
  const std::vector<Hash> leaves = make_leaves(digest, many);
  const std::vector<Tile> all = defined_tiles(digest, leaves, 2, 1);
  for (u64 size = 0; size <= many; ++size) {
    CAPTURE(size);
    Tree before(digest, {}, 2);
    for (u64 i = 0; i < size; ++i) before.add(leaves[i]);
    const std::vector<Tile> had = before.take_tiles(), rows = before.rows();
    for (const bool with_rows : {true, false}) {
      Tree after(digest, before.frontier(), 2);
      CHECK(after.has_rows() == rows.empty());
      for (const Tile& row : rows)
        if (with_rows) CHECK(after.adopt(row));
      CHECK(after.has_rows() == (rows.empty() || with_rows));
      for (u64 i = size; i < many; ++i) after.add(leaves[i]);
      CHECK(after.root() == defined_root(digest, leaves));
      std::vector<Tile> tiles = had;
      std::ranges::copy(after.take_tiles(), std::back_inserter(tiles));
      std::vector<Tile> expected = all;
      if (!with_rows)
        std::erase_if(expected, [&rows](const Tile& tile) {
          return std::ranges::any_of(rows, [&](const Tile& row) { return row.level == tile.level && row.index == tile.index; });
        });
      CHECK(sorted(tiles) == expected);
    }
  }
}

TEST_CASE("a row is adopted only if it is the tree's at this size") {
  Digest digest;
  const std::vector<Hash> leaves = make_leaves(digest, many);
  Tree before(digest, {}, 2);
  for (u64 i = 0; i < 118; ++i) before.add(leaves[i]);
  const std::vector<Tile> rows = before.rows();
  REQUIRE(rows.size() == 3);
  for (const Tile& row : rows) {
    Tree after(digest, before.frontier(), 2);
    for (std::size_t hash = 0; hash < row.hashes.size(); ++hash)
      for (std::size_t byte = 0; byte < sizeof(Hash); ++byte) {
        Tile changed = row;
        changed.hashes[hash][byte] ^= 1;
        CHECK_FALSE(after.adopt(changed));
      }
    Tile other = row;
    CHECK_FALSE(after.adopt({row.level, row.index + 1, row.hashes}));
    CHECK_FALSE(after.adopt({row.level + 1, row.index, row.hashes}));
    CHECK_FALSE(after.adopt({row.level - 1, row.index, row.hashes}));
    CHECK_FALSE(after.adopt({40, row.index, row.hashes}));
    other.hashes.pop_back();
    CHECK_FALSE(after.adopt(other));
    other = row, other.hashes.push_back(row.hashes[0]);
    CHECK_FALSE(after.adopt(other));
    CHECK(after.rows().empty());
    CHECK(after.adopt(row));
  }
}

TEST_CASE("tiles have the paths and bytes of tlog-tiles") {
  CHECK(tile_path(0, 0) == "tile/0/000");
  CHECK(tile_path(1, 67) == "tile/1/067");
  CHECK(tile_path(1, 1067) == "tile/1/x001/067");
  CHECK(tile_path(2, 1234067) == "tile/2/x001/x234/067");
  CHECK(tile_path(1, 1000000) == "tile/1/x001/x000/000");
  CHECK(tile_path(1, 273, 17) == "tile/1/273.p/17");
  CHECK(entries_path(1067, 1) == "tile/entries/x001/067.p/1");
  Digest digest;
  const Tile tile{1, 0, make_leaves(digest, 3)};
  const std::string bytes = tile_bytes(tile);
  REQUIRE(bytes.size() == 96);
  CHECK(static_cast<u8>(bytes[32]) == tile.hashes[1][0]);
  std::vector<Hash> read;
  CHECK(parse_tile(bytes, 3, read));
  CHECK(read == tile.hashes);
  CHECK_FALSE(parse_tile(bytes, 4, read));
  CHECK_FALSE(parse_tile(bytes.substr(1), 3, read));
  CHECK_FALSE(parse_tile(bytes + "x", 3, read));
}
