// Proofs over a log's tree: see proof.hpp.
#include "lib/log/seal/proof.hpp"

#include <algorithm>
#include <bit>

#include "lib/log/format/base64.hpp"
#include "lib/log/seal/text.hpp"

namespace shmring::log {
namespace {

constexpr std::string_view proof_head = "c2sp.org/tlog-proof@v1";
constexpr std::size_t max_path = 63;  // a tree has fewer than 2^63 leaves

// The left half of a tree with so many leaves, more than one: the largest power of two that is smaller.
u64 left_of(u64 leaves) { return std::bit_floor(leaves - 1); }

// The hash of a tree that consists of these subtrees.
Hash fold(Digest& digest, std::span<const Hash> subtrees) {
  if (subtrees.empty()) return digest.empty();
  Hash root = subtrees.back();
  for (std::size_t i = subtrees.size() - 1; i-- > 0;) root = digest.node(subtrees[i], root);
  return root;
}

// Goes up from a leaf, or from a subtree that ends where the smaller tree does.
class Climb {
 public:
  Climb(u64 index, u64 size) : at_(index), last_(size - 1) {}

  bool at_root() const { return last_ == 0; }
  bool has_left() const { return (at_ & 1) != 0 || at_ == last_; }  // else its neighbour is on the right
  void skip_left() {
    while ((at_ & 1) != 0) up();
  }
  void on() {
    if (has_left())
      while ((at_ & 1) == 0 && at_ != 0) up();
    up();
  }

 private:
  void up() { at_ >>= 1, last_ >>= 1; }
  u64 at_, last_;
};

// Both roots, from the hash of the largest subtree in which the smaller tree ends, and the rest of the proof.
std::optional<Roots> climb(Digest& digest, u64 from, u64 size, const Hash& start, std::span<const Hash> proof) {
  Climb climb(from - 1, size);
  climb.skip_left();
  Roots roots{start, start};
  for (const Hash& hash : proof) {
    if (climb.at_root()) return std::nullopt;
    if (climb.has_left()) {
      roots.smaller = digest.node(hash, roots.smaller);
      roots.larger = digest.node(hash, roots.larger);
    } else {
      roots.larger = digest.node(roots.larger, hash);
    }
    climb.on();
  }
  if (!climb.at_root()) return std::nullopt;
  return roots;
}

void append_hashes(std::string& out, std::span<const Hash> hashes) {
  for (const Hash& hash : hashes) out += base64_of(hash) + "\n";
}

}  // namespace

std::vector<Node> subtrees_of(Range range) {
  std::vector<Node> out;
  for (u64 at = range.first, left = range.end - range.first; left > 0;) {
    const auto level = static_cast<unsigned>(std::bit_width(left)) - 1;
    out.push_back({level, at >> level});
    at += u64{1} << level;
    left -= u64{1} << level;
  }
  return out;
}

std::vector<Range> inclusion_path(u64 index, u64 size) {
  std::vector<Range> out;
  for (u64 first = 0, end = size; end - first > 1;) {
    const u64 middle = first + left_of(end - first);
    if (index < middle) {
      out.push_back({middle, end});
      end = middle;
    } else {
      out.push_back({first, middle});
      first = middle;
    }
  }
  std::ranges::reverse(out);
  return out;
}

std::vector<Range> consistency_path(u64 from, u64 size, bool explicitly) {
  std::vector<Range> out;
  u64 first = 0, end = size;
  bool known = !explicitly;  // the subtree is the smaller tree itself
  if (from == 0 || (from == size && known)) return out;
  while (from != end) {
    const u64 middle = first + left_of(end - first);
    if (from <= middle) {
      out.push_back({middle, end});
      end = middle;
    } else {
      out.push_back({first, middle});
      first = middle;
      known = false;
    }
  }
  if (!known) out.push_back({first, end});
  std::ranges::reverse(out);
  return out;
}

int prove(Nodes& nodes, Digest& digest, std::span<const Range> ranges, std::vector<Hash>& out) {
  std::vector<Node> wanted;
  std::vector<std::size_t> ends;
  for (const Range& range : ranges) {
    std::ranges::copy(subtrees_of(range), std::back_inserter(wanted));
    ends.push_back(wanted.size());
  }
  std::vector<Hash> read(wanted.size());
  if (const int error = nodes.read(wanted, read)) return error;
  out.clear();
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    out.push_back(fold(digest, std::span(read).subspan(begin, end - begin)));
    begin = end;
  }
  return 0;
}

int root_at(Nodes& nodes, Digest& digest, u64 size, Hash& out) {
  std::vector<Hash> root;
  const Range all{0, size};
  if (const int error = prove(nodes, digest, {&all, 1}, root)) return error;
  out = root.front();
  return 0;
}

std::optional<Hash> inclusion_root(Digest& digest, const Hash& leaf, u64 index, u64 size, std::span<const Hash> proof) {
  if (index >= size) return std::nullopt;
  Climb climb(index, size);
  Hash root = leaf;
  for (const Hash& hash : proof) {
    if (climb.at_root()) return std::nullopt;
    root = climb.has_left() ? digest.node(hash, root) : digest.node(root, hash);
    climb.on();
  }
  if (!climb.at_root()) return std::nullopt;
  return root;
}

bool check_consistency(Digest& digest, u64 from, const Hash& smaller, u64 size, const Hash& larger,
                       std::span<const Hash> proof) {
  if (from > size) return false;
  if (from == size) return proof.empty() && smaller == larger;
  if (from == 0) return proof.empty() && smaller == digest.empty();
  const bool known = std::has_single_bit(from);  // the smaller tree is a subtree of the larger one
  if (!known && proof.empty()) return false;
  const std::optional<Roots> roots =
      climb(digest, from, size, known ? smaller : proof.front(), known ? proof : proof.subspan(1));
  return roots && roots->smaller == smaller && roots->larger == larger;
}

std::optional<Roots> consistency_roots(Digest& digest, u64 from, u64 size, std::span<const Hash> proof) {
  if (from == 0 || from >= size || proof.empty()) return std::nullopt;
  return climb(digest, from, size, proof.front(), proof.subspan(1));
}

std::string text_of(const LineProof& proof) {
  std::string out(proof_head);
  out += "\nindex " + std::to_string(proof.index) + "\n";
  append_hashes(out, proof.path);
  return out + "\n" + proof.checkpoint;
}

bool parse_line_proof(std::string_view text, LineProof& out, Mistake& mistake) {
  TextReader lines(text);
  std::string_view line;
  const auto miss = [&](std::string_view expected) {
    mistake = {expected, lines.offset()};
    return false;
  };
  if (!lines.line(line) || line != proof_head) return miss("c2sp.org/tlog-proof@v1");
  if (!lines.line(line)) return miss("index N");
  if (take_prefix(line, "extra ")) {  // others may say more; nothing is made of it
    std::string extra(base64_bytes(line), '\0');
    if (!decode_base64(line, std::as_writable_bytes(std::span(extra)))) return miss("base64 behind extra");
    if (!lines.line(line)) return miss("index N");
  }
  if (!take_prefix(line, "index ") || !number_of(line, out.index)) return miss("index N");
  out.path.clear();
  while (lines.line(line) && !line.empty()) {
    if (out.path.size() == max_path) return miss("at most 63 hashes");
    if (!hash_of(line, out.path.emplace_back())) return miss("a hash in base64");
  }
  if (!line.empty()) return miss("an empty line before the checkpoint");
  out.checkpoint = lines.rest();
  return true;
}

std::string witness_request(u64 from, std::span<const Hash> proof, std::string_view checkpoint) {
  std::string out = "old " + std::to_string(from) + "\n";
  append_hashes(out, proof);
  return (out += "\n") += checkpoint;
}

}  // namespace shmring::log
