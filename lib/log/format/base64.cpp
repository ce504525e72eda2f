// Base64: see base64.hpp.
#include "lib/log/format/base64.hpp"

namespace shmring::log {
namespace {

constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Returns a digit's six bits, or −1.
int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

std::size_t padding_of(std::string_view text) { return text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0; }

}  // namespace

void encode_base64(std::span<const std::byte> bytes, char* to) {
  for (std::size_t i = 0; i < bytes.size(); i += 3, to += 4) {
    const std::size_t have = bytes.size() - i;
    const unsigned group = static_cast<unsigned>(bytes[i]) << 16 | (have > 1 ? static_cast<unsigned>(bytes[i + 1]) << 8 : 0) |
                           (have > 2 ? static_cast<unsigned>(bytes[i + 2]) : 0);
    to[0] = digits[group >> 18];
    to[1] = digits[group >> 12 & 63];
    to[2] = have > 1 ? digits[group >> 6 & 63] : '=';
    to[3] = have > 2 ? digits[group & 63] : '=';
  }
}

void append_base64(std::string& out, std::span<const std::byte> bytes) {
  const std::size_t begin = out.size();
  out.resize(begin + base64_size(bytes.size()));
  encode_base64(bytes, out.data() + begin);
}

std::size_t base64_bytes(std::string_view text) { return text.size() % 4 == 0 ? text.size() / 4 * 3 - padding_of(text) : 0; }

bool decode_base64(std::string_view text, std::span<std::byte> out) {
  if (text.size() != base64_size(out.size()) || text.size() % 4 != 0) return false;
  if (padding_of(text) != text.size() / 4 * 3 - out.size()) return false;
  unsigned group = 0;
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool padding = i >= text.size() - padding_of(text);
    const int value = padding ? 0 : value_of(text[i]);
    if (value < 0) return false;
    group = group << 6 | static_cast<unsigned>(value);
    if (i % 4 != 3) continue;
    for (unsigned byte = 0; byte < 3; ++byte) {
      const auto next = static_cast<std::byte>(group >> (16 - 8 * byte));
      if (done < out.size()) {
        out[done++] = next;
      } else if (next != std::byte{0}) {
        return false;
      }
    }
    group = 0;
  }
  return true;
}

}  // namespace shmring::log
