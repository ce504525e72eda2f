// JSON text: writing strings that cannot break a line or a terminal, and a small strict scanner for what was written.
//
// Invariants:
//   - canonical form has no white space outside strings. Its strings are valid UTF-8, in which quote, backslash, C0, DEL, C1,
//     the line separators and the bidirectional controls occur only as escapes. Everything appended here has this form, and
//     Scanner accepts nothing else;
//   - no function reads outside its input, recurses deeper than max_json_depth, or allocates except for `out`.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "lib/log/format/numbers.hpp"

namespace shmring::log {

inline constexpr unsigned max_json_depth = 64;

// Returns the number of bytes at the beginning of `text` that stand in a string unchanged: printable ASCII except quote and
// backslash.
std::size_t plain_prefix(std::string_view text);

bool valid_utf8(std::string_view text);

// Appends `text` as the inside of a JSON string. A byte that is not UTF-8 becomes U+FFFD.
void append_escaped(std::string& out, std::string_view text);

// Appends one RFC 8259 value in canonical form. Returns false, with `out` as before, if this is not one value, not UTF-8, half
// a surrogate pair, or too deep.
bool append_canonical(std::string& out, std::string_view json);

// A cursor over text in canonical form. A function that returns false leaves it where the text was not as expected; of a
// number that is too large, that is its first digit.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

  // Takes a text that a compiler knows the size of.
  template <std::size_t Size>
  bool literal(const char (&text)[Size]) {
    constexpr std::size_t bytes = Size - 1;
    if (static_cast<std::size_t>(end_ - at_) < bytes || std::memcmp(at_, text, bytes) != 0) return false;
    at_ += bytes;
    return true;
  }
  bool next_is(char c) const { return at_ != end_ && *at_ == c; }
  bool starts_with(std::string_view text) const {
    return std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(text);
  }
  // Reads a decimal number below 2^64, without a leading zero.
  bool number(u64& value);
  // Reads a string. `raw` is the text between the quotes, with its escapes untouched.
  bool string(std::string_view& raw);
  // Reads any value. `raw` is its text.
  bool value(std::string_view& raw);

  // Returns the text between this cursor and a later one over the same text.
  std::string_view up_to(const Scanner& later) const { return {at_, static_cast<std::size_t>(later.at_ - at_)}; }

  bool at_end() const { return at_ == end_; }
  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  friend bool append_canonical(std::string&, std::string_view);

  u64 next_8() const;
  bool any(unsigned depth);
  bool object(unsigned depth);
  bool array(unsigned depth);
  bool any_number();
  bool inside_string();
  bool escape();
  bool unicode_escape(unsigned& code);
  void space();
  bool take(char c);
  void emit(std::string_view text) {
    if (canonical_ != nullptr) canonical_->append(text);
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  std::string* canonical_ =
      nullptr;  // if not null, white space and unsafe characters are allowed, and the text is rewritten to here
};

}  // namespace shmring::log
