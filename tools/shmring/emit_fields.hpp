// Fields given on a command line: KEY=VALUE or KEY:TYPE=VALUE, as one value each.
//
// Invariant: this is pure. What was parsed can be encoded, if there is room for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/include/shmring/shmring.hpp"

namespace shmring::tool {

using FieldTime = std::chrono::sys_time<std::chrono::nanoseconds>;

struct FieldValue {
  std::string key;
  std::variant<std::string, std::int64_t, std::uint64_t, double, bool, std::vector<std::byte>, FieldTime> value;
};

// Returns "", or what is wrong with the text, not escaped yet.
std::string parse_field(std::string_view text, FieldValue& out);

void add_to(FieldEncoder& encoder, const FieldValue& field);

}  // namespace shmring::tool
