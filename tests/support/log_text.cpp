// The reader of audit logs: see log_text.hpp.
#include "tests/support/log_text.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace shmring::test {

Object::Object(std::string_view text) {
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return;
  for (std::size_t at = 1; at < text.size() - 1; ++at) {
    const std::string_view key = value_at(text, at);
    at += key.size();
    const bool is_key = key.size() >= 2 && text[at] == ':';
    const std::string_view value = value_at(text, ++at);
    at += value.size();
    if (!is_key || value.empty() || (text[at] != ',' && at != text.size() - 1)) {
      pairs_.clear();
      break;
    }
    pairs_.emplace_back(key.substr(1, key.size() - 2), value);
  }
}

Object::~Object() = default;

std::string_view Object::operator[](std::string_view key) const {
  for (const auto& [name, value] : pairs_)
    if (name == key) return value;
  return {};
}

std::int64_t Object::number(std::string_view key) const { return to_number((*this)[key]); }

std::string_view Object::plain(std::string_view key) const {
  const std::string_view value = (*this)[key];
  return value.size() >= 2 && value.front() == '"' ? value.substr(1, value.size() - 2) : std::string_view();
}

std::int64_t Object::to_number(std::string_view text) {
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : -1;
}

std::string_view Object::value_at(std::string_view text, std::size_t at) {
  const std::size_t begin = at;
  int depth = 0;
  for (bool quoted = false; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      quoted = c != '"';
      continue;
    }
    if (depth == 0 && (c == ',' || c == ':' || c == '}' || c == ']')) break;
    quoted = c == '"';
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  }
  return text.substr(begin, at - begin);
}

std::vector<std::string_view> elements(std::string_view array) {
  std::vector<std::string_view> found;
  for (std::size_t at = 1; at + 1 < array.size();) {
    found.push_back(Object::value_at(array, at));
    at += found.back().size() + 1;
  }
  return found;
}

std::string unescaped(std::string_view quoted) {
  static constexpr std::string_view letters = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
  std::string out;
  for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] != '\\') {
      out += quoted[i];
      continue;
    }
    const char c = quoted[++i];
    unsigned code = 0;
    if (const auto letter = letters.find(c); letter != letters.npos) code = static_cast<unsigned char>(meant[letter]);
    if (c == 'u') std::from_chars(&quoted[i + 1], &quoted[i + 5], code, 16), i += 4;
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else {
      out += static_cast<char>(code < 0x800 ? 0xc0 | code >> 6 : 0xe0 | code >> 12);
      if (code >= 0x800) out += static_cast<char>(0x80 | (code >> 6 & 63));
      out += static_cast<char>(0x80 | (code & 63));
    }
  }
  return out;
}

std::string from_base64(std::string_view text) {
  static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0, held = 0;
  for (const char c : text) {
    if (c == '=') break;
    const auto digit = digits.find(c);
    if (digit == digits.npos) return {};
    bits = bits << 6 | static_cast<unsigned>(digit);
    if ((held += 6) >= 8) out += static_cast<char>(bits >> (held -= 8) & 255);
  }
  return out;
}

std::vector<std::string> log_files(const std::string& dir) {
  std::vector<std::string> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(dir, none))
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path().string());
  auto index = [](const std::string& name) { return name.substr(name.rfind('-')); };
  std::sort(files.begin(), files.end(),
            [&](const auto& a, const auto& b) { return index(a) != index(b) ? index(a) < index(b) : a < b; });
  return files;
}

std::uint64_t first_index_of(const std::string& file) { return std::stoull(file.substr(file.rfind('-') + 1, 20)); }

std::string range_of(const std::vector<std::string>& files, std::size_t file) {
  std::string text = contents(files[file]);
  if (file + 1 == files.size()) return text;
  const std::uint64_t end = first_index_of(files[file + 1]);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t line = std::min(text.find('\n', at), text.size());
    const std::size_t index = text.find("\"index\":", at);
    if (index < line && std::stoull(text.substr(index + 8, 20)) >= end) return text.substr(0, at);
    at = line + 1;
  }
  return text;
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string log_text(const std::string& dir) {
  std::string text;
  const std::vector<std::string> files = log_files(dir);
  for (std::size_t i = 0; i < files.size(); ++i) text += range_of(files, i);
  return text;
}

std::uint64_t count_sequences(const std::string& dir, std::string_view producer, std::vector<int>& times) {
  std::uint64_t from = 0;
  const std::string text = log_text(dir);
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    const Object line(std::string_view(text).substr(at, end - at));
    if (line.plain("producer") != producer) continue;
    if (line.plain("kind") == "attach" && line.number("from") > 0) from = static_cast<std::uint64_t>(line.number("from"));
    const bool loss = line.plain("kind") == "loss";
    if (!loss && line.plain("kind") != "event") continue;
    for (std::int64_t n = line.number(loss ? "first" : "seq"); n <= line.number(loss ? "last" : "seq"); ++n)
      ++times.at(static_cast<std::size_t>(n));
  }
  return from;
}

}  // namespace shmring::test
