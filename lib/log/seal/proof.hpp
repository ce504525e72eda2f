// Proofs over a log's tree (RFC 6962, section 2.1): that a line is in it, and that a smaller tree is the beginning of it.
//
// Which hashes a proof consists of, their reading, and their arithmetic are three things:
//
//   inclusion_path, consistency_path → ranges of leaves → prove(), with one call of Nodes::read → hashes → check_…()
//
// Invariants:
//   - a proof to be checked is hostile. Its length is compared before its hashes are used, so no loop can run out;
//   - what Nodes returns is not believed either: whoever prints a proof checks it first.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/log/format/parse.hpp"
#include "lib/log/seal/hash.hpp"

namespace shmring::log {

// A complete subtree: of the leaves [index << level, (index + 1) << level).
struct Node {
  unsigned level;
  u64 index;
  auto operator<=>(const Node&) const = default;
};

// Where the hashes of a tree come from.
class Nodes {
 public:
  virtual ~Nodes() = default;
  // Reads so many hashes. Returns 0, or −errno with its text.
  virtual int read(std::span<const Node> nodes, std::span<Hash> out) = 0;
};

// Leaves [first, end), of which a tree is made by itself.
struct Range {
  u64 first, end;
  bool operator==(const Range&) const = default;
};

// The complete subtrees of a range that begins where a tree of its size may, the largest first.
std::vector<Node> subtrees_of(Range range);

// The proof that leaf `index` is in the tree of `size` > `index` leaves, from its neighbour up to the root's child.
std::vector<Range> inclusion_path(u64 index, u64 size);
// The proof that the tree of `size` leaves begins with that of `from`. `explicitly`: it has a hash of the smaller tree also
// where whoever checks it knows that tree's root, so that both roots follow from the proof alone.
std::vector<Range> consistency_path(u64 from, u64 size, bool explicitly = false);

// Computes the hashes of the ranges. Returns 0, or −errno with its text.
int prove(Nodes& nodes, Digest& digest, std::span<const Range> ranges, std::vector<Hash>& out);
// The root of the tree of so many leaves.
int root_at(Nodes& nodes, Digest& digest, u64 size, Hash& out);

// Returns the root that the proof leads to, or nothing if no such proof has this length.
std::optional<Hash> inclusion_root(Digest& digest, const Hash& leaf, u64 index, u64 size, std::span<const Hash> proof);

bool check_consistency(Digest& digest, u64 from, const Hash& smaller, u64 size, const Hash& larger,
                       std::span<const Hash> proof);

// The roots of both trees as an explicit proof has them.
struct Roots {
  Hash smaller, larger;
};
std::optional<Roots> consistency_roots(Digest& digest, u64 from, u64 size, std::span<const Hash> proof);

// A line's proof as a text (c2sp.org/tlog-proof). The checkpoint is a note; it stands there as it was signed.
struct LineProof {
  u64 index = 0;  // of the leaf
  std::vector<Hash> path;
  std::string checkpoint;
};
std::string text_of(const LineProof& proof);
// Returns false if the text is none. What the checkpoint says is looked at by others.
bool parse_line_proof(std::string_view text, LineProof& out, Mistake& mistake);

// What is sent to a witness: `old <size>`, the proof, and the checkpoint behind an empty line (c2sp.org/tlog-witness).
std::string witness_request(u64 from, std::span<const Hash> proof, std::string_view checkpoint);

}  // namespace shmring::log
