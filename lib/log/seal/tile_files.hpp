// The tiles of a log's tree as files below its directory: a cache, which whoever needs one can compute from the lines.
//
// A full tile is written under a temporary name and renamed, and is not synced: one that a power cut tears or loses is written
// again by the start, if it is not older than the file with which that begins. The rows of tiles that are being filled are kept
// when a file begins, since a start goes on from there, and a frontier does not tell them.
// Thread role: one at a time, of any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/log/seal/tile.hpp"
#include "lib/os/file.hpp"

namespace shmring::log {

class TileFiles {
 public:
  // The directory stays the caller's.
  void open(int directory, std::optional<gid_t> group) { directory_ = directory, group_ = group; }

  // Writes full tiles. They return 0 or −errno.
  int write(const std::vector<Tile>& tiles);
  // Writes the rows, and removes those before them.
  int keep_rows(const std::vector<Tile>& rows);
  // Reads the rows of a tree of this size, from this level on, as far as they are there. They are the cache's word: see
  // Tree::adopt().
  std::vector<Tile> read_rows(u64 size, unsigned lowest_level) const;

 private:
  int write(const std::string& path, const Tile& tile);
  int make_folders(const std::string& path);

  int directory_ = -1;
  std::optional<gid_t> group_;
  std::vector<std::string> rows_;  // paths
};

}  // namespace shmring::log
