// TOML to values: see config_file.hpp. It alone includes toml++, which takes seconds to compile.
#include "tools/shmringd/config_file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "lib/os/file.hpp"
#include "tools/common/front.hpp"

namespace shmring::tool {
namespace {

std::string at(const std::string& path, const toml::source_region& place, std::string_view what) {
  return fmt::format("{}:{}:{}: {}", path, place.begin.line, place.begin.column, what);
}

// Returns nothing if this kind of value cannot stand for a setting of that type. A mode is never a TOML number, whose digits
// would mean another one.
std::optional<std::string> text_of(const toml::node& node, Type type) {
  const bool is_whole = type == Type::number || type == Type::power;
  if (node.is_integer() && (is_whole || type == Type::size)) return std::to_string(node.as_integer()->get());
  if (node.is_boolean() && type == Type::flag) return node.as_boolean()->get() ? "true" : "false";
  if (node.is_string() && !is_whole && type != Type::flag) return node.as_string()->get();
  return std::nullopt;
}

const char* quoted_or_not(Type type) {
  switch (type) {
    case Type::number:
    case Type::power:
    case Type::flag: return "without quotes";
    default: return "in quotes";
  }
}

template <class Range, class Name>
std::string unknown(std::string_view what, std::string_view found, const Range& all, Name name) {
  std::set<std::string> known;
  for (const auto& one : all)
    if (const std::string word = name(one); !word.empty()) known.insert(word);
  const std::vector<std::string> words(known.begin(), known.end());
  const std::string near = nearest(found, words);
  return fmt::format("'{}' is not {}{}", found, what,
                     near.empty() ? fmt::format("; known are {}", fmt::join(words, ", ")) : near);
}

std::string read_table(const std::string& path, const std::string& table, const toml::table& keys, Values& values) {
  for (const auto& [key, node] : keys) {
    const auto found = std::ranges::find(settings(), table + "." + std::string(key.str()), &Setting::name);
    if (found == settings().end())
      return at(path, key.source(), unknown("a key of [" + table + "]", key.str(), settings(), [&](const Setting& one) {
                  return one.table == table ? std::string(one.key) : "";
                }));
    const std::optional<std::string> text = text_of(node, found->type);
    if (!text)
      return at(path, node.source(),
                fmt::format("{}: expected {}, {}", found->name(), permitted(*found), quoted_or_not(found->type)));
    std::optional<Value>& value = values[static_cast<std::size_t>(found - settings().begin())];
    if (const std::string wrong = read_value(*found, *text, value.emplace()); !wrong.empty())
      return at(path, node.source(), found->name() + ": " + wrong);
  }
  return "";
}

}  // namespace

std::string read_config(const std::string& path, Values& values) {
  constexpr std::size_t most = 1 << 20;
  std::string text;
  if (const int error = os::read_small(path.c_str(), text, most); error != 0)
    return fmt::format("{}: cannot read it: {}", path, std::strerror(-error));
  toml::table document;
  try {
    document = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    return at(path, error.source(), error.description());
  }
  for (const auto& [name, node] : document) {
    const std::string table(name.str());
    if (std::ranges::find(settings(), table, &Setting::table) == settings().end())
      return at(path, name.source(), unknown("a table of the configuration", table, settings(), [](const Setting& one) {
                  return std::string(one.table);
                }));
    if (!node.is_table())
      return at(path, name.source(), fmt::format("'{0}' is not a table: expected [{0}], and its keys below", table));
    if (std::string wrong = read_table(path, table, *node.as_table(), values); !wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace shmring::tool
