// Appends text to a string, fast. It serves the encoder.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "lib/log/format/json.hpp"

namespace shmring::log {

// Writes into room at the string's end, which it makes in steps and gives back. So the string grows once for many keys, and for
// many lines if nobody else appends in between, and no byte is copied again. (Small stores that are read back at once as wide
// words cost more than the rest of a line.)
class Pen {
 public:
  explicit Pen(std::string& out) : out_(out), at_(out.data() + out.size()), end_(at_) {}
  Pen(const Pen&) = delete;
  ~Pen() { flush(); }

  // Makes room for this many bytes, which the caller writes.
  [[gnu::always_inline]] char* take(std::size_t bytes) {
    if (bytes > static_cast<std::size_t>(end_ - at_)) [[unlikely]]
      make_room(bytes);
    at_ += bytes;
    return at_ - bytes;
  }

  [[gnu::always_inline]] Pen& operator<<(std::string_view text) {
    std::memcpy(take(text.size()), text.data(), text.size());
    return *this;
  }

  Pen& operator<<(u64 value) {
    constexpr std::size_t most_digits = 20;
    char* const first = take(most_digits);
    at_ = std::to_chars(first, first + most_digits, value).ptr;
    return *this;
  }

  Pen& string(std::string_view text) {
    if (plain_prefix(text) == text.size()) return plain(text);
    *this << "\"";
    append_escaped(flush(), text);
    return *this << "\"";
  }

  // A text that plain_prefix() has found to consist of plain characters only.
  Pen& plain(std::string_view text) { return *this << "\"" << text << "\""; }

  template <std::size_t n>
  Pen& hex(const std::array<u8, n>& bytes) {
    char* at = take(2 * n);
    for (const u8 byte : bytes) *at++ = "0123456789abcdef"[byte >> 4], *at++ = "0123456789abcdef"[byte & 15];
    return *this;
  }

  // Puts everything written so far into the string. Writing goes on behind it.
  std::string& flush() {
    if (at_ == end_) return out_;
    out_.resize(static_cast<std::size_t>(at_ - out_.data()));
    end_ = at_;
    step_ = least_step;
    return out_;
  }

 private:
  static constexpr std::size_t least_step = 384, most_step = 65536;

  [[gnu::noinline]] void make_room(std::size_t bytes) {
    const std::size_t used = at_ == end_ ? out_.size() : static_cast<std::size_t>(at_ - out_.data());
    out_.resize(used + bytes + step_);
    at_ = out_.data() + used, end_ = out_.data() + out_.size();
    step_ = std::min(2 * step_, most_step);
  }

  std::string& out_;
  char* at_;   // the next byte
  char* end_;  // end of the room; if at_ is here, all of the string is written, also what others appended after a flush
  std::size_t step_ = least_step;
};

}  // namespace shmring::log
