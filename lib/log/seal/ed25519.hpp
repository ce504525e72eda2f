// What keys of notes have in common: their ids and texts, and Ed25519 itself, by OpenSSL.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "lib/log/seal/note.hpp"

namespace shmring::log::ed25519 {

bool verify(const std::array<u8, 32>& key, std::string_view message, std::string_view signature);

u32 id_of(std::string_view name, KeyKind kind, const std::array<u8, 32>& key);
inline constexpr std::size_t id_digits = 8;
std::string hex_of(u32 id);  // id_digits of them
std::string base64_of(KeyKind kind, const std::array<u8, 32>& key);

}  // namespace shmring::log::ed25519
