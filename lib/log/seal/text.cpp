// The text formats of a seal: see text.hpp.
#include "lib/log/seal/text.hpp"

#include <charconv>
#include <span>

#include "lib/log/format/base64.hpp"

namespace shmring::log {

bool number_of(std::string_view text, u64& out) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out >> 63 == 0;
}

bool hash_of(std::string_view text, Hash& out) { return decode_base64(text, std::as_writable_bytes(std::span(out))); }

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::string base64_of(const Hash& hash) {
  std::string out;
  append_base64(out, std::as_bytes(std::span(hash)));
  return out;
}

}  // namespace shmring::log
