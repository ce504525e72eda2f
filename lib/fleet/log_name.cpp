// Names, subjects and paths of logs: see log_name.hpp.
#include "lib/fleet/log_name.hpp"

#include <algorithm>
#include <array>

namespace shmring::fleet {
namespace {

constexpr std::size_t most_name_bytes = 255;  // what a file system takes as one name
constexpr std::string_view digits = "0123456789ABCDEF";

bool is_plain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Takes the next token off; false if there is none, or it is no name's.
bool take_token(std::string_view& rest, std::string& out) {
  if (!rest.starts_with('.')) return false;
  rest.remove_prefix(1);
  const std::string_view token = rest.substr(0, rest.find('.'));
  rest.remove_prefix(token.size());
  return name_of_token(token, out);
}

}  // namespace

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > most_name_bytes || name == "." || name == "..") return false;
  return std::ranges::none_of(name, [](char c) { return c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string token_of(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain(c))
      out += c;
    else
      (out += '%').append({digits[byte >> 4], digits[byte & 15]});
  }
  return out;
}

bool name_of_token(std::string_view token, std::string& out) {
  out.clear();
  for (std::size_t at = 0; at < token.size(); ++at) {
    if (token[at] != '%') {
      out += token[at];
      continue;
    }
    if (token.size() - at < 3) return false;
    const std::size_t high = digits.find(token[at + 1]), low = digits.find(token[at + 2]);
    if (high == digits.npos || low == digits.npos) return false;
    out += static_cast<char>(high << 4 | low);
    at += 2;
  }
  return is_name(out) && token_of(out) == token;  // each name has one token
}

std::string subject_of(std::string_view prefix, const LogName& log, std::string_view rider) {
  std::string out(prefix);
  for (const std::string_view name : {std::string_view(log.host), std::string_view(log.ring), std::string_view(log.log), rider})
    if (!name.empty()) (out += '.') += token_of(name);
  return out;
}

bool parse_subject(std::string_view prefix, std::string_view subject, LogName& log, std::string& rider) {
  if (!subject.starts_with(prefix)) return false;
  subject.remove_prefix(prefix.size());
  rider.clear();
  for (std::string* name : {&log.host, &log.ring, &log.log})
    if (!take_token(subject, *name)) return false;
  return (subject.empty() || take_token(subject, rider)) && subject.empty();
}

}  // namespace shmring::fleet
