// Base64 (RFC 4648, section 4), with padding and without line breaks.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace shmring::log {

void append_base64(std::string& out, std::span<const std::byte> bytes);
// Writes the digits of `bytes` to `to`, which has room for base64_size() of them.
void encode_base64(std::span<const std::byte> bytes, char* to);
constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

// Decodes a text that has exactly as many bytes as `out` has room for. Returns false if it is not their only encoding: each
// digit, the padding, and unused bits, which are 0, are looked at.
bool decode_base64(std::string_view text, std::span<std::byte> out);
// Returns how many bytes a text of this form stands for; 0 if it has no such form.
std::size_t base64_bytes(std::string_view text);

}  // namespace shmring::log
