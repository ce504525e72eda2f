// The layout of help: see help.hpp.
#include "tools/common/help.hpp"

#include <algorithm>

namespace shmring::tool {
namespace {

constexpr std::size_t most_columns = 100, text_column = 30;

// Returns the number of characters, each of which takes one column here.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// Appends the words of `text` to `out`, whose last line ends at column `at`. Each further line begins at column `indent`.
void wrap(std::string& out, std::string_view text, std::size_t at, std::size_t indent) {
  bool first = true;
  while (!text.empty()) {
    const std::size_t begin = text.find_first_not_of(" \n");
    if (begin == text.npos) break;
    const std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(end);
    if (!first && at + 1 + columns(word) > most_columns) {
      out += "\n" + std::string(indent, ' ');
      at = indent;
      first = true;
    }
    if (!first) out += ' ';
    out += word;
    at += columns(word) + !first;
    first = false;
  }
  out += '\n';
}

bool begins_paragraph(std::string_view line) {
  return line.starts_with(' ') || line.starts_with("Exit status:") || line.starts_with("Example");
}

}  // namespace

std::string paragraph_text(std::string_view text) {
  std::string out;
  wrap(out, text, 0, 0);
  return out;
}

std::string entry_text(const std::string& name, std::string_view text) {
  std::string out = "  " + name;
  const std::size_t at = columns(out);
  out += at + 2 <= text_column ? std::string(text_column - at, ' ') : "\n" + std::string(text_column, ' ');
  wrap(out, text, text_column, text_column);
  return out;
}

std::string footer_text(std::string_view text) {
  const std::string footer = std::string(text) + "\n";
  std::string out, paragraph;
  for (std::size_t at = 0; at < footer.size();) {
    const std::size_t end = footer.find('\n', at);
    const std::string line = footer.substr(at, end - at);
    at = end + 1;
    if (line.empty() || begins_paragraph(line)) {
      if (!paragraph.empty()) wrap(out, paragraph, 0, 0);
      paragraph.clear();
    }
    if (line.empty()) {
      if (at < footer.size()) out += '\n';
    } else if (line.starts_with(' ')) {
      out += line + "\n";
    } else {
      paragraph += line + " ";
    }
  }
  if (!paragraph.empty()) wrap(out, paragraph, 0, 0);
  return out;
}

}  // namespace shmring::tool
