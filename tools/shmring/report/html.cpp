// HTML text: see html.hpp.
#include "tools/shmring/report/html.hpp"

#include "lib/log/format/json.hpp"

namespace shmring::tool {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

// Returns how many bytes at the beginning are one character, or 0 if they are none. A character has at most four.
std::size_t character_bytes(std::string_view text) {
  for (std::size_t bytes = 1; bytes <= 4 && bytes <= text.size(); ++bytes)
    if (log::valid_utf8(text.substr(0, bytes))) return bytes;
  return 0;
}

std::string_view entity(char c) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return "";
  }
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t bytes = character_bytes(text);
    if (const std::string_view named = entity(text.front()); !named.empty()) {
      out += named;
    } else if (bytes == 0 || (first < ' ' && first != '\n' && first != '\t') || first == 0x7f) {
      out += replacement;
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return out;
}

}  // namespace shmring::tool
