// Tiles as files: see tile.hpp.
#include "lib/log/seal/tile.hpp"

#include <cstdio>
#include <cstring>

namespace shmring::log {
namespace {

std::string path_of(const std::string& level, u64 index, std::size_t width) {
  char group[8];
  std::string path;
  for (const char* form = "%03u"; path.empty() || index > 0; form = "x%03u/", index /= 1000) {
    std::snprintf(group, sizeof group, form, static_cast<unsigned>(index % 1000));
    path.insert(0, group);
  }
  path = "tile/" + level + "/" + path;
  return width == tile_width ? path : path + ".p/" + std::to_string(width);
}

}  // namespace

std::string tile_path(unsigned level, u64 index, std::size_t width) { return path_of(std::to_string(level), index, width); }

std::string entries_path(u64 index, std::size_t width) { return path_of("entries", index, width); }

std::string tile_bytes(const Tile& tile) {
  return {reinterpret_cast<const char*>(tile.hashes.data()), tile.hashes.size() * sizeof(Hash)};
}

bool parse_tile(std::string_view bytes, std::size_t width, std::vector<Hash>& out) {
  if (bytes.size() != width * sizeof(Hash)) return false;
  out.resize(width);
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return true;
}

}  // namespace shmring::log
