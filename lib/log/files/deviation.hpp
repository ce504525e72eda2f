// The first place where a log is not whole, and the words for it.
#pragma once

#include <string>
#include <string_view>

#include "lib/log/format/line.hpp"

namespace shmring::log {

struct Deviation {
  std::string file;
  u64 line = 0, byte = 0;             // line counts from 1; byte is where that line begins
  u64 incarnation = 0, sequence = 0;  // 0: the deviation is not about an account
  std::string expected, found;
};

inline std::string words(u64 number) { return std::to_string(number); }
inline std::string words(std::string_view text) { return std::string(text); }
template <class... T>
std::string join(const T&... parts) {
  return (words(parts) + ...);
}

std::string in_words(const Causes& causes);

// Returns a text for a line that is not valid, with nothing that a terminal could take for more than text.
std::string printable(std::string_view text);

}  // namespace shmring::log
