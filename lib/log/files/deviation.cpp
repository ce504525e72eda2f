// The words for a deviation: see deviation.hpp.
#include "lib/log/files/deviation.hpp"

#include <algorithm>

#include "lib/log/format/json.hpp"

namespace shmring::log {

std::string in_words(const Causes& causes) {
  std::string text;
  for (std::size_t i = 0; i < cause_count; ++i) {
    if (causes.count[i] != 0) text += join(text.empty() ? "" : ", ", name_of(static_cast<Cause>(i)), " ", causes.count[i]);
  }
  return text.empty() ? "none" : text;
}

std::string printable(std::string_view text) {
  if (text.empty()) return "the end of the line";
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  std::string out;
  if (!plain) append_escaped(out, text);
  return plain ? std::string(text) : out;
}

}  // namespace shmring::log
