// Where lines differ from those that were signed: see locate.hpp.
#include "lib/log/seal/locate.hpp"

#include <algorithm>

#include "lib/log/files/cursor.hpp"
#include "lib/log/files/deviation.hpp"
#include "lib/log/seal/log_nodes.hpp"
#include "lib/log/seal/tile.hpp"
#include "lib/log/seal/tree.hpp"

namespace shmring::log {
namespace {

constexpr std::size_t shown_bytes = 200;

// Narrows it further if all hashes of a group's lines were kept, which are those that make this hash.
void by_leaves(LogNodes& kept, LogNodes& computed, Digest& digest, u64 group, const Hash& said, Located& where) {
  std::vector<Node> leaves;
  for (u64 i = 0; i < tile_width; ++i) leaves.push_back({0, (group << tile_height) + i});
  std::vector<Hash> expected(leaves.size()), found(leaves.size());
  if (kept.read(leaves, expected) != 0 || root_of(digest, frontier_of(digest, expected)) != said) return;
  if (computed.read(leaves, found) != 0) return;
  for (u64 leaf = where.first; leaf < where.end; ++leaf) {
    const u64 i = leaf - (group << tile_height);
    if (expected[i] == found[i]) continue;
    where.first = leaf, where.end = leaf + 1;
    return;
  }
}

// A tile that is missing is computed from the lines, and so agrees with them.
int by_tiles(const std::string& dir, Digest& digest, u64 lines, Located& where) {
  LogNodes kept(digest), computed(digest);
  if (const int error = kept.open(dir, true)) return error;
  if (const int error = computed.open(dir, false)) return error;
  for (u64 group = where.first >> tile_height; (group + 1) << tile_height <= lines && group << tile_height < where.end;
       ++group) {
    const Node node{tile_height, group};
    Hash said, is;
    if (kept.read({&node, 1}, {&said, 1}) != 0 || computed.read({&node, 1}, {&is, 1}) != 0 || said == is) continue;
    where.first = std::max(where.first, group << tile_height);
    where.end = std::min(where.end, (group + 1) << tile_height);
    by_leaves(kept, computed, digest, group, said, where);
    return 0;
  }
  return 0;
}

int by_copy(const std::string& dir, const std::string& against, u64 base, Located& where) {
  Cursor log, copy;
  LogLine ours{}, theirs{};
  for (Cursor* cursor : {&log, &copy}) {
    if (const int error = cursor->open(cursor == &log ? dir : against)) return error;
    if (const int error = cursor->seek(base + where.first)) return error;
  }
  for (u64 leaf = where.first; leaf < where.end; ++leaf) {
    const int got = log.next(ours), there = copy.next(theirs);
    if (got < 0 || there < 0) return std::min(got, there);
    if (got == 0 || there == 0 || ours.index != base + leaf || theirs.index != base + leaf) return 0;  // no such line
    if (ours.text == theirs.text) continue;
    where.first = leaf, where.end = leaf + 1;
    where.expected = printable(theirs.text.substr(0, shown_bytes));
    where.found = printable(ours.text.substr(0, shown_bytes));
    return 0;
  }
  return 0;
}

}  // namespace

int locate(const std::string& dir, const std::string& against, Digest& digest, u64 base, u64 lines, Located& where) {
  if (const int error = by_tiles(dir, digest, lines, where)) return error;
  return against.empty() ? 0 : by_copy(dir, against, base, where);
}

}  // namespace shmring::log
