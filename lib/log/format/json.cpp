// JSON text: see json.hpp.
#include "lib/log/format/json.hpp"

#include <bit>

namespace shmring::log {
namespace {

constexpr char hex[] = "0123456789abcdef";

using Bytes8 [[gnu::vector_size(8)]] = signed char;
using Bytes16 [[gnu::vector_size(16)]] = signed char;

// Returns a byte of ones for each byte of the text that is not plain, and a byte of zeros for each other one. As signed
// numbers, bytes above 0x7f are below a space.
template <class Vector>
auto special_bytes(const char* at) {
  Vector bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return (bytes < ' ') | (bytes == 0x7f) | (bytes == '"') | (bytes == '\\');
}

// Returns how many of the first 16 bytes stand before the first one that is not plain.
[[gnu::always_inline]] inline std::size_t plain_of_16(const char* at) {
  const auto special = special_bytes<Bytes16>(at);
  u64 words[2];
  std::memcpy(words, &special, sizeof words);
  if ((words[0] | words[1]) == 0) return 16;
  const bool low = words[0] != 0;
  return static_cast<std::size_t>(std::countr_zero(low ? words[0] : words[1])) / 8 + (low ? 0 : 8);
}
static_assert(std::endian::native == std::endian::little, "the first byte is the lowest one of a word");

bool all_plain_64(const char* at) {
  const auto special = special_bytes<Bytes16>(at) | special_bytes<Bytes16>(at + 16) | special_bytes<Bytes16>(at + 32) |
                       special_bytes<Bytes16>(at + 48);
  u64 words[2];
  std::memcpy(words, &special, sizeof words);
  return (words[0] | words[1]) == 0;
}

bool all_plain_8(const char* at) { return std::bit_cast<u64>(special_bytes<Bytes8>(at)) == 0; }

constexpr u64 ten_to[] = {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000};

// Returns how many of these eight bytes, from the lowest one on, are decimal digits. A carry of one sum, or a borrow of the
// other, comes out of a byte that is no digit and changes later bytes only.
std::size_t leading_digits(u64 text) {
  constexpr u64 each = 0x0101010101010101;
  const u64 others = ((text + each * (0x80 - '9' - 1)) | (text - each * '0')) & each * 0x80;
  return static_cast<std::size_t>(std::countr_zero(others)) / 8;
}

// Returns the number that eight digits are, the first of them in the lowest byte; a byte of zeros counts as the digit 0. The
// digits are put together in pairs, in fours, and all eight.
u64 number_of_8(u64 digits) {
  digits = (digits & 0x0f0f0f0f0f0f0f0f) * (10 << 8 | 1) >> 8;
  digits = (digits & 0x00ff00ff00ff00ff) * (100 << 16 | 1) >> 16;
  return (digits & 0x0000ffff0000ffff) * (u64{10'000} << 32 | 1) >> 32;
}

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

bool continues(const char* at) { return (static_cast<unsigned char>(*at) & 0xc0) == 0x80; }

// Returns the length of the UTF-8 character at `at` and its code, or 0 if it is not UTF-8 (overlong, surrogate, beyond
// U+10FFFF, cut short).
std::size_t decode_utf8(const char* at, const char* end, unsigned& code) {
  const auto lead = static_cast<unsigned char>(*at);
  if (lead < 0x80) return code = lead, 1;
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || static_cast<std::size_t>(end - at) < bytes) return 0;
  code = lead & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!continues(at + i)) return 0;
    code = code << 6 | (static_cast<unsigned char>(at[i]) & 0x3fu);
  }
  constexpr unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < least[bytes] || code > 0x10ffff || surrogate ? 0 : bytes;
}

// Returns whether a terminal or a line reader may take this for more than a character: controls, line separators, text
// direction.
bool is_unsafe(unsigned code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f || code == 0x061c;
}

void append_unicode_escape(std::string& out, unsigned code) {
  const char text[] = {'\\', 'u', hex[code >> 12 & 15], hex[code >> 8 & 15], hex[code >> 4 & 15], hex[code & 15]};
  out.append(text, sizeof text);
}

void append_character(std::string& out, unsigned code, std::string_view bytes) {
  switch (code) {
    case '"': out += "\\\""; break;
    case '\\': out += "\\\\"; break;
    case '\n': out += "\\n"; break;
    case '\r': out += "\\r"; break;
    case '\t': out += "\\t"; break;
    default:
      if (is_unsafe(code)) {
        append_unicode_escape(out, code);
      } else {
        out += bytes;
      }
  }
}

}  // namespace

std::size_t plain_prefix(std::string_view text) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* at = begin;
  const auto length = [begin](const char* to) { return static_cast<std::size_t>(to - begin); };
  while (end - at >= 16) {  // most strings are short
    const std::size_t plain = plain_of_16(at);
    at += plain;
    if (plain < 16) return length(at);
    while (end - at >= 64 && all_plain_64(at)) at += 64;
  }
  if (at == end) return text.size();
  // Checks the rest, together with some bytes that were checked before.
  if (text.size() >= 16) return length(end - 16) + plain_of_16(end - 16);
  if (text.size() >= 8 && all_plain_8(at) && all_plain_8(end - 8)) return text.size();
  while (at != end && is_plain(*at)) ++at;
  return length(at);
}

bool valid_utf8(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    at += plain_prefix({at, static_cast<std::size_t>(end - at)});
    if (at == end) break;
    unsigned code;
    const std::size_t bytes = decode_utf8(at, end, code);
    if (bytes == 0) return false;
    at += bytes;
  }
  return true;
}

void append_escaped(std::string& out, std::string_view text) {
  while (true) {
    const std::size_t plain = plain_prefix(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    unsigned code;
    const std::size_t bytes = decode_utf8(text.data(), text.data() + text.size(), code);
    if (bytes == 0) {
      out += "\\ufffd";
      text.remove_prefix(1);
    } else {
      append_character(out, code, text.substr(0, bytes));
      text.remove_prefix(bytes);
    }
  }
}

bool append_canonical(std::string& out, std::string_view json) {
  const std::size_t before = out.size();
  Scanner scanner(json);
  scanner.canonical_ = &out;
  scanner.space();
  const bool ok = scanner.any(1);
  scanner.space();
  if (ok && scanner.at_end()) return true;
  out.resize(before);
  return false;
}

void Scanner::space() {
  if (canonical_ == nullptr) return;
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
}

// Takes one punctuation character, with the white space around it.
bool Scanner::take(char c) {
  space();
  if (!next_is(c)) return false;
  emit({at_++, 1});
  space();
  return true;
}

// Returns the next eight bytes, the first of them in the lowest one; behind the end there are zeros.
[[gnu::always_inline]] inline u64 Scanner::next_8() const {
  u64 text = 0;
  if (end_ - at_ >= 8) {
    std::memcpy(&text, at_, sizeof text);
  } else {
    for (const char* at = end_; at != at_;) text = text << 8 | static_cast<unsigned char>(*--at);
  }
  return text;
}

bool Scanner::number(u64& value) {
  const char* const begin = at_;
  u64 text = next_8();
  std::size_t digits = leading_digits(text);
  if (digits == 0) return false;
  u64 sum = number_of_8(text << 8 * (8 - digits));
  at_ += digits;
  while (digits == 8) {
    text = next_8();
    digits = leading_digits(text);
    if (digits == 0) break;
    const u64 more = number_of_8(text << 8 * (8 - digits));
    if (__builtin_mul_overflow(sum, ten_to[digits], &sum) || __builtin_add_overflow(sum, more, &sum)) return at_ = begin, false;
    at_ += digits;
  }
  value = sum;
  return *begin != '0' || at_ == begin + 1;
}

bool Scanner::string(std::string_view& raw) {
  if (!next_is('"')) return false;
  const char* const inside = ++at_;
  at_ += plain_prefix({at_, static_cast<std::size_t>(end_ - at_)});  // of most strings, all
  if (next_is('"')) {
    ++at_;
  } else if (!inside_string()) {
    return false;
  }
  raw = {inside, static_cast<std::size_t>(at_ - 1 - inside)};
  return true;
}

bool Scanner::value(std::string_view& raw) {
  const char* const begin = at_;
  if (!any(1)) return false;
  raw = {begin, static_cast<std::size_t>(at_ - begin)};
  return true;
}

// Reads from behind the opening quote to behind the closing one.
bool Scanner::inside_string() {
  while (true) {
    const std::size_t plain = plain_prefix({at_, static_cast<std::size_t>(end_ - at_)});
    emit({at_, plain});
    at_ += plain;
    if (at_ == end_) return false;
    if (*at_ == '"') return ++at_, true;
    if (*at_ == '\\') {
      const char* const begin = at_;
      if (!escape()) return false;
      emit({begin, static_cast<std::size_t>(at_ - begin)});
      continue;
    }
    unsigned code;
    const std::size_t bytes = decode_utf8(at_, end_, code);
    if (bytes == 0 || code < 0x20 || (is_unsafe(code) && canonical_ == nullptr)) return false;
    if (canonical_ != nullptr) append_character(*canonical_, code, {at_, bytes});
    at_ += bytes;
  }
}

bool Scanner::escape() {
  if (end_ - at_ < 2) return false;
  if (at_[1] != 'u') {
    constexpr std::string_view known = "\"\\/bfnrt";
    if (known.find(at_[1]) == known.npos) return false;
    at_ += 2;
    return true;
  }
  unsigned code;
  if (!unicode_escape(code) || (code >= 0xdc00 && code <= 0xdfff)) return false;
  if (code < 0xd800 || code > 0xdfff) return true;
  return unicode_escape(code) && code >= 0xdc00 && code <= 0xdfff;
}

bool Scanner::unicode_escape(unsigned& code) {
  if (end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u') return false;
  code = 0;
  for (int i = 2; i < 6; ++i) {
    const char c = at_[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return false;
    code = code << 4 | static_cast<unsigned>(digit);
  }
  at_ += 6;
  return true;
}

bool Scanner::any(unsigned depth) {
  if (depth > max_json_depth || at_ == end_) return false;
  switch (*at_) {
    case '{': return object(depth);
    case '[': return array(depth);
    case '"':
      emit("\"");
      ++at_;
      if (!inside_string()) return false;
      emit("\"");
      return true;
    case 't': return literal("true") && (emit("true"), true);
    case 'f': return literal("false") && (emit("false"), true);
    case 'n': return literal("null") && (emit("null"), true);
    default: return any_number();
  }
}

bool Scanner::object(unsigned depth) {
  if (!take('{')) return false;
  if (take('}')) return true;
  do {
    if (!next_is('"') || !any(depth) || !take(':') || !any(depth + 1)) return false;
  } while (take(','));
  return take('}');
}

bool Scanner::array(unsigned depth) {
  if (!take('[')) return false;
  if (take(']')) return true;
  do {
    if (!any(depth + 1)) return false;
  } while (take(','));
  return take(']');
}

bool Scanner::any_number() {
  const char* const begin = at_;
  auto digits = [this] {
    const char* const first = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != first;
  };
  if (next_is('-')) ++at_;
  const bool zero = next_is('0');
  const char* const whole = at_;
  if (!digits() || (zero && at_ != whole + 1)) return false;
  if (next_is('.')) {
    ++at_;
    if (!digits()) return false;
  }
  if (next_is('e') || next_is('E')) {
    ++at_;
    if (next_is('+') || next_is('-')) ++at_;
    if (!digits()) return false;
  }
  emit({begin, static_cast<std::size_t>(at_ - begin)});
  return true;
}

}  // namespace shmring::log
