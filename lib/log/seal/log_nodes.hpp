// The hashes of a log's tree, from what lies in its directory: tiles, the frontier with which its first file begins, and lines.
//
// A subtree is looked for in this order: the frontier has it; a tile has it; both of its halves; its line.
//
// Invariants:
//   - the result is what the files say, and may be wrong where they are: tiles are a cache, and nothing here compares them.
//     Whoever uses a hash compares it with a root that was signed, and asks again without tiles if it differs;
//   - of lines that were removed, what a proof of a line that is left needs is in that frontier.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/log/files/cursor.hpp"
#include "lib/log/seal/proof.hpp"

namespace shmring::log {

// Finds the first file of a log whose first line says where the tree stands. Returns 0, or −errno with its text: −ENOENT if
// there is none, so that the log is not sealed.
int find_tree(int directory, const std::string& dir, const std::vector<LogFile>& files, TreeState& out);

class LogNodes final : public Nodes {
 public:
  explicit LogNodes(Digest& digest) : digest_(digest) {}

  // Returns 0, or −errno with its text: as find_tree().
  int open(const std::string& dir, bool with_tiles);

  u64 base() const { return tree_.base; }  // the index of the line that is leaf 0
  int directory() const { return directory_.get(); }

  int read(std::span<const Node> nodes, std::span<Hash> out) override;
  // The hash of one line. Returns as read().
  int leaf(u64 index, Hash& out);

 private:
  const std::vector<Hash>& tile(unsigned level, u64 index);
  bool read_tile(const std::string& path, std::size_t width, std::vector<Hash>& out) const;
  int hash(Node node, Hash& out);

  Digest& digest_;
  std::string dir_;
  os::Fd directory_;
  bool with_tiles_ = true;
  TreeState tree_;
  std::map<Node, Hash> known_;                                   // of the frontier
  std::map<std::pair<unsigned, u64>, std::vector<Hash>> tiles_;  // what there is of them
  Cursor log_;
  std::optional<u64> at_;  // the leaf whose line comes next
};

}  // namespace shmring::log
