// Tiles as files (c2sp.org/tlog-tiles): DIR/tile/<level>/<index>, the hashes one behind the other.
//
// An index is written in groups of three digits, all but the last with an x before it: 1234067 is x001/x234/067. A tile that is
// not full lies in the directory <index>.p, under the number of its hashes. A full tile has 8192 bytes.
#pragma once

#include <string>
#include <string_view>

#include "lib/log/seal/tree.hpp"

namespace shmring::log {

inline constexpr std::size_t tile_width = std::size_t{1} << tile_height;

// Returns "tile/1/x001/067", or "tile/1/x001/067.p/12" if it has fewer hashes than a full one.
std::string tile_path(unsigned level, u64 index, std::size_t width = tile_width);
// Returns "tile/entries/x001/067": the lines themselves.
std::string entries_path(u64 index, std::size_t width = tile_width);

std::string tile_bytes(const Tile& tile);
// Reads so many hashes. Returns false if these are not exactly their bytes; what they say is not known before it was compared.
bool parse_tile(std::string_view bytes, std::size_t width, std::vector<Hash>& out);

}  // namespace shmring::log
