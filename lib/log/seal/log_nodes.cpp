// The hashes of a log's tree: see log_nodes.hpp.
#include "lib/log/seal/log_nodes.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "lib/log/format/parse.hpp"
#include "lib/log/seal/text.hpp"
#include "lib/log/seal/tile.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {

int find_tree(int directory, const std::string& dir, const std::vector<LogFile>& files, TreeState& out) {
  for (const LogFile& file : files) {
    std::unique_ptr<ByteSource> source;
    const int error = open_source(directory, dir, file, source);
    if (error == -ENOENT) continue;  // it was removed meanwhile, and the next one has the same tree
    if (error != 0) return error;
    LineReader lines;
    lines.read(std::move(source));
    std::string_view text;
    Parsed line{};
    Mistake mistake{};
    if (lines.next(text) != 1 || !parse(text, line, mistake) || line.kind != Kind::accounts || !line.tree) continue;
    out = std::move(*line.tree);
    return 0;
  }
  return os::fail(
      ENOENT,
      "log %s: it is not sealed: none of its files says where a tree begins; shmringd seals it if [seal] enabled is true",
      dir.c_str());
}

int LogNodes::open(const std::string& dir, bool with_tiles) {
  dir_ = dir, with_tiles_ = with_tiles;
  if (const int error = log_.open(dir)) return error;
  if (const int error = open_log_directory(dir, directory_)) return error;
  std::vector<LogFile> files;
  if (const int error = list_log_files(directory_.get(), dir, files)) return error;
  if (const int error = find_tree(directory_.get(), dir, files, tree_)) return error;
  const std::vector<Node> subtrees = subtrees_of({0, tree_.frontier.size});  // as many as the frontier has hashes
  for (std::size_t i = 0; i < subtrees.size(); ++i) known_.emplace(subtrees[i], tree_.frontier.hashes[i]);
  return 0;
}

int LogNodes::read(std::span<const Node> nodes, std::span<Hash> out) {
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (const int error = hash(nodes[i], out[i])) return error;
  return 0;
}

int LogNodes::hash(Node node, Hash& out) {
  if (const auto known = known_.find(node); known != known_.end()) return out = known->second, 0;
  if (node.level % tile_height == 0) {
    const std::vector<Hash>& hashes = tile(node.level / tile_height, node.index >> tile_height);
    if (node.index % tile_width < hashes.size()) return out = hashes[node.index % tile_width], 0;
  }
  if (node.level == 0) return leaf(node.index, out);
  Hash left, right;
  if (const int error = hash({node.level - 1, 2 * node.index}, left)) return error;
  if (const int error = hash({node.level - 1, 2 * node.index + 1}, right)) return error;
  out = digest_.node(left, right);
  return 0;
}

// Returns what there is of a tile: all of it, or a row that was kept while it was filled.
const std::vector<Hash>& LogNodes::tile(unsigned level, u64 index) {
  const auto [found, is_new] = tiles_.try_emplace({level, index});
  if (!is_new || !with_tiles_ || read_tile(tile_path(level, index), tile_width, found->second)) return found->second;
  u64 width = 0;
  const std::string rows = tile_path(level, index) + ".p";
  os::Fd folder;
  if (os::open_at(directory_.get(), rows.c_str(), os::directory_flags, 0, folder) != 0) return found->second;
  list_names(folder.get(), dir_, [&width](std::string_view name) {
    u64 number = 0;
    if (number_of(name, number) && number < tile_width) width = std::max(width, number);
  });
  if (width > 0)
    read_tile(tile_path(level, index, static_cast<std::size_t>(width)), static_cast<std::size_t>(width), found->second);
  return found->second;
}

bool LogNodes::read_tile(const std::string& path, std::size_t width, std::vector<Hash>& out) const {
  os::Fd file;
  std::string bytes(width * sizeof(Hash) + 1, '\0');
  if (os::open_at(directory_.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, file) != 0) return false;
  const ssize_t got = os::read_full(file.get(), bytes.data(), bytes.size(), 0);
  bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return parse_tile(bytes, width, out);
}

int LogNodes::leaf(u64 index, Hash& out) {
  const u64 wanted = tree_.base + index;
  const auto name = wide(wanted);
  if (wanted < log_.first_index())
    return os::fail(ENOENT, "log %s: the line with index %llu was removed, and no tile has its hash", dir_.c_str(), name);
  if (at_ != index)
    if (const int error = log_.seek(wanted)) return error;
  at_.reset();
  LogLine line{};
  const int got = log_.next(line);
  if (got < 0) return got;
  if (got == 0 || !line.whole || line.missing > 0 || line.index != wanted)
    return os::fail(ENOENT, "log %s: there is no line with index %llu; `shmring verify` says what is wrong", dir_.c_str(),
                    name);
  out = digest_.leaf({line.text.data(), line.text.size() + 1});  // its newline stands behind it
  at_ = index + 1;
  return 0;
}

}  // namespace shmring::log
