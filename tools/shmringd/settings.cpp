// What the rows of the table say, and how values are read: see settings.hpp.
#include "tools/shmringd/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "lib/os/clock.hpp"
#include "tools/common/units.hpp"

namespace shmring::tool {
namespace {

std::string check_text(const std::string& text) {
  const bool plain = std::ranges::none_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
  return plain && !text.empty() ? "" : "'" + text + "' is not a text without control characters";
}

}  // namespace

std::string permitted(const Setting& setting) {
  const u64 least = setting.least, most = setting.most;
  switch (setting.type) {
    case Type::word: return fmt::format("one of {}", fmt::join(setting.words, ", "));
    case Type::text: return "a text without control characters";
    case Type::number: return fmt::format("a whole number from {} to {}", least, most);
    case Type::power: return fmt::format("a power of two from {} to {}", least, most);
    case Type::mode: return "a mode: octal digits, for instance 0660";
    case Type::flag: return "true or false";
    case Type::size: return fmt::format("a size from {} to {}, for instance 128 MiB", size_text(least), size_text(most));
    case Type::duration:
      return fmt::format("a duration from {} to {}, for instance {} or {}", duration_text_exact(least),
                         duration_text_exact(most), least < os::second_ns ? "20 ms" : "90 s",
                         most < 3600 * os::second_ns ? "1 min" : "1 h");
    case Type::group: return "a group of this machine: name one that `getent group` lists, or give its number";
  }
  return "";
}

std::string read_value(const Setting& setting, const std::string& text, Value& out) {
  const std::string wrong = "'" + text + "' is not " + permitted(setting);
  std::optional<u64> number;
  switch (setting.type) {
    case Type::word: {
      const auto found = std::ranges::find(setting.words, text);
      if (found == setting.words.end()) return wrong;
      out = {text, static_cast<u64>(found - setting.words.begin())};
      return "";
    }
    case Type::text: out = {text, 0}; return check_text(text);
    case Type::flag: out = {text, text == "true"}; return text == "true" || text == "false" ? "" : wrong;
    case Type::group: {
      const std::string error = read_group(text, out.number);
      out.text = text;
      return error == "unknown" ? wrong : error;
    }
    case Type::number:
    case Type::power: number = read_whole(text, 10); break;
    case Type::mode: number = read_whole(text, 8); break;
    case Type::size: number = read_size(text); break;
    case Type::duration: number = read_duration(text); break;
  }
  const bool fits = number && *number >= setting.least && *number <= setting.most;
  if (!fits || (setting.type == Type::power && (*number & (*number - 1)) != 0)) return wrong;
  out.number = *number;
  out.text = setting.type == Type::size       ? size_text(*number)
             : setting.type == Type::duration ? duration_text_exact(*number)
             : setting.type == Type::mode     ? fmt::format("{:04o}", *number)
                                              : std::to_string(*number);
  return "";
}

std::string manual(const Setting& setting) {
  std::string out = setting.text;
  const bool says_range = setting.type == Type::number || setting.type == Type::power || setting.type == Type::size ||
                          setting.type == Type::duration;
  if (says_range) out += "; " + permitted(setting);
  if (setting.type == Type::mode) out += "; octal digits";
  if (*setting.standard != '\0' && setting.type != Type::flag) out += fmt::format(" (default {})", setting.standard);
  return out;
}

void add_defaults(Values& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Setting& setting = settings()[i];
    if (values[i] || *setting.standard == '\0') continue;
    read_value(setting, setting.standard, values[i].emplace());
  }
}

void apply(const Values& values, collect::Settings& to) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i]) settings()[i].apply(*values[i], to);
}

std::size_t place_of(std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(settings(), name, &Setting::name) - settings().begin());
}

const Value& value_of(const Values& values, std::string_view name) { return *values.at(place_of(name)); }

}  // namespace shmring::tool
