// The tiles of a log's tree as files: see tile_files.hpp.
#include "lib/log/seal/tile_files.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "lib/os/durable.hpp"

namespace shmring::log {
int TileFiles::make_folders(const std::string& path) {
  const mode_t mode = group_ ? 0750 : 0700;
  for (std::size_t at = path.find('/'); at != path.npos; at = path.find('/', at + 1)) {
    const std::string folder = path.substr(0, at);
    if (os::calls.mkdirat(directory_, folder.c_str(), mode) != 0) {
      if (errno == EEXIST) continue;
      return -errno;
    }
    os::Fd made;
    if (group_ && os::open_at(directory_, folder.c_str(), os::directory_flags, 0, made) == 0) {
      os::calls.fchown(made.get(), static_cast<uid_t>(-1), *group_);
      os::calls.fchmod(made.get(), mode);
    }
  }
  return 0;
}

int TileFiles::write(const std::string& path, const Tile& tile) {
  if (const int error = make_folders(path)) return error;
  const std::string temporary = path + ".tmp";
  os::calls.unlinkat(directory_, temporary.c_str(), 0);
  os::Fd file;
  constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW;
  if (const int error = os::open_at(directory_, temporary.c_str(), flags, 0600, file)) return error;
  if (group_) {
    os::calls.fchown(file.get(), static_cast<uid_t>(-1), *group_);
    os::calls.fchmod(file.get(), 0640);
  }
  const std::string bytes = tile_bytes(tile);
  int error = os::write_full(file.get(), bytes.data(), bytes.size());
  if (error == 0) error = os::rename_over(directory_, temporary.c_str(), path.c_str());
  if (error != 0) os::calls.unlinkat(directory_, temporary.c_str(), 0);
  return error;
}

int TileFiles::write(const std::vector<Tile>& tiles) {
  int error = 0;
  for (const Tile& tile : tiles)
    if (error == 0) error = write(tile_path(tile.level, tile.index), tile);
  return error;
}

int TileFiles::keep_rows(const std::vector<Tile>& rows) {
  std::vector<std::string> paths;
  for (const Tile& row : rows) {
    paths.push_back(tile_path(row.level, row.index, row.hashes.size()));
    if (const int error = write(paths.back(), row)) return error;
  }
  for (const std::string& old : rows_)
    if (std::find(paths.begin(), paths.end(), old) == paths.end()) os::calls.unlinkat(directory_, old.c_str(), 0);
  rows_ = std::move(paths);
  return 0;
}

std::vector<Tile> TileFiles::read_rows(u64 size, unsigned lowest_level) const {
  std::vector<Tile> out;
  unsigned level = lowest_level;
  for (u64 hashes = size >> (tile_height * lowest_level); hashes > 0; hashes >>= tile_height, ++level) {
    Tile row{level, hashes >> tile_height, {}};
    const std::size_t width = hashes & (tile_width - 1);
    os::Fd file;
    std::string bytes(width * sizeof(Hash), '\0');
    if (width == 0 || os::open_at(directory_, tile_path(level, row.index, width).c_str(), O_RDONLY | O_NOFOLLOW, 0, file) != 0)
      continue;
    if (os::read_full(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) continue;
    if (parse_tile(bytes, width, row.hashes)) out.push_back(std::move(row));
  }
  return out;
}

}  // namespace shmring::log
