// Numbers with units: see units.hpp.
#include "tools/common/units.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <span>

#include "lib/os/clock.hpp"
#include "lib/os/users.hpp"

namespace shmring::tool {
namespace {

using u64 = std::uint64_t;

struct Unit {
  std::string_view name;
  u64 factor;
};
// From the smallest on, so that the last one that fits is the largest.
constexpr Unit sizes[] = {{"B", 1}, {"KiB", u64{1} << 10}, {"MiB", u64{1} << 20}, {"GiB", u64{1} << 30}, {"TiB", u64{1} << 40}};
constexpr Unit durations[] = {{"ns", 1},
                              {"us", 1'000},
                              {"ms", 1'000'000},
                              {"s", os::second_ns},
                              {"min", 60 * os::second_ns},
                              {"h", 3'600 * os::second_ns},
                              {"d", 86'400 * os::second_ns}};

std::optional<u64> read_unit(std::string_view text, std::span<const Unit> units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<u64> number = read_whole(text.substr(0, digits), 10);
  std::string_view name = text.substr(digits);
  if (name.starts_with(' ')) name.remove_prefix(1);
  for (const Unit& unit : units) {
    u64 out;
    if (number && name == unit.name && !__builtin_mul_overflow(*number, unit.factor, &out)) return out;
  }
  return std::nullopt;
}

std::string unit_text(u64 value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units)
    if (value != 0 && value % unit.factor == 0) best = &unit;
  return std::to_string(value / best->factor) + " " + std::string(best->name);
}

}  // namespace

std::optional<u64> read_whole(std::string_view text, int base) {
  u64 out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

std::optional<u64> read_size(std::string_view text) {
  const std::optional<u64> bytes = read_whole(text, 10);
  return bytes ? bytes : read_unit(text, sizes);
}
std::string size_text(u64 bytes) { return unit_text(bytes, sizes); }

std::optional<u64> read_duration(std::string_view text) { return read_unit(text, durations); }
std::string duration_text_exact(u64 ns) { return unit_text(ns, durations); }

std::string read_group(const std::string& text, u64& out) {
  gid_t group = 0;
  const int error = os::find_group(text.c_str(), group);
  out = group;
  if (error == 0) return "";
  return error == -ENOENT ? "unknown" : "'" + text + "' cannot be looked up: " + std::strerror(-error);
}

}  // namespace shmring::tool
