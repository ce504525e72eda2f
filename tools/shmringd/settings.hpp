// The settings of shmringd: one table, which the configuration file, the command line, help, errors, reload and the manual
// share.
//
// Invariant: a value is what its text says, whoever gave the text. read_value() refuses every text that is not permitted, and
// what it returns can be applied.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/collect/settings.hpp"

namespace shmring::tool {

using u64 = std::uint64_t;

// word: one of `words` · text: without control characters · number, power: whole, a power of two · mode: octal digits · flag:
// true or false · size: bytes, with a unit · duration: nanoseconds, with a unit · group: a name or a number of this machine.
enum class Type { word, text, number, power, mode, flag, size, duration, group };

// `text` is the one form in which a value is compared and shown; `number` is what it stands for.
struct Value {
  std::string text;
  u64 number = 0;
};

struct Setting {
  const char *table, *key, *option, *form;  // [table] key = … in the file, and OPTION FORM on the command line
  Type type;
  u64 least, most;       // of number, power, size and duration, both included
  const char* standard;  // the default; "": it is not set
  bool is_required, needs_restart;
  const char* text;  // what it means
  std::vector<std::string> words;
  void (*apply)(const Value& value, collect::Settings& to);

  std::string name() const { return std::string(table) + "." + key; }
};

// In the order of the manual.
const std::vector<Setting>& settings();

// One for each setting, in their order.
using Values = std::vector<std::optional<Value>>;

// Returns "" and sets `out`, or what is wrong: the text in single quotes, and what is permitted.
std::string read_value(const Setting& setting, const std::string& text, Value& out);

// Returns what is permitted: "a whole number from 1 to 64".
std::string permitted(const Setting& setting);

// Returns what help and the manual say: the meaning, what is permitted, and the default.
std::string manual(const Setting& setting);

// Sets the defaults of settings that have no value.
void add_defaults(Values& values);

// `values` have their defaults. `to` must stay where it is, because its parts point to each other.
void apply(const Values& values, collect::Settings& to);

// Returns the place of a setting in these. `name` is "table.key".
std::size_t place_of(std::string_view name);

// Returns the value of a setting, which has one. `name` is "table.key".
const Value& value_of(const Values& values, std::string_view name);

}  // namespace shmring::tool
