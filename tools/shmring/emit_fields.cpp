// Fields given on a command line: see emit_fields.hpp.
#include "tools/shmring/emit_fields.hpp"

#include <charconv>
#include <optional>

#include "lib/log/format/json.hpp"
#include "lib/log/format/time.hpp"
#include "lib/os/clock.hpp"

namespace shmring::tool {
namespace {

template <class T>
bool number(std::string_view text, FieldValue& out) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  out.value = value;
  return !text.empty() && error == std::errc{} && end == text.data() + text.size();
}

bool boolean(std::string_view text, FieldValue& out) {
  out.value = text == "true";
  return text == "true" || text == "false";
}

bool hex(std::string_view text, FieldValue& out) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
    if (error != std::errc{} || end != text.data() + i + 2) return false;
    bytes.push_back(static_cast<std::byte>(value));
  }
  out.value = std::move(bytes);
  return text.size() % 2 == 0;
}

bool time(std::string_view text, FieldValue& out) {
  const std::optional<std::int64_t> ns = text == "now" ? static_cast<std::int64_t>(os::utc_now_ns()) : log::parse_time(text);
  out.value = FieldTime(std::chrono::nanoseconds(ns.value_or(0)));
  return ns.has_value();
}

bool text(std::string_view text, FieldValue& out) {
  out.value = std::string(text);
  return true;
}

constexpr struct {
  std::string_view name;
  bool (*parse)(std::string_view, FieldValue&);
  const char* expected;
} types[] = {{"text", text, "any text"},
             {"int", number<std::int64_t>, "a whole number of 64 bits"},
             {"uint", number<std::uint64_t>, "a whole number of 64 bits, not below 0"},
             {"double", number<double>, "a number, inf or nan"},
             {"bool", boolean, "true or false"},
             {"time", time, "now, or a time such as 2026-01-31T12:00:00.5Z"},
             {"bytes", hex, "pairs of hex digits"}};

}  // namespace

std::string parse_field(std::string_view argument, FieldValue& out) {
  const std::string quoted = "'" + std::string(argument) + "' ";
  const std::size_t equals = argument.find('=');
  if (equals == argument.npos) return quoted + "is not a field: expected KEY=VALUE or KEY:TYPE=VALUE";
  const std::string_view name = argument.substr(0, equals), value = argument.substr(equals + 1);
  const std::size_t colon = name.rfind(':');
  out.key = name.substr(0, colon);
  if (out.key.empty() || out.key.size() > 255 || !log::valid_utf8(out.key))
    return quoted + "has no key of 1 to 255 bytes of UTF-8 before the =";
  const std::string_view wanted = colon == name.npos ? "text" : name.substr(colon + 1);
  for (const auto& type : types)
    if (type.name == wanted)
      return type.parse(value, out) ? "" : quoted + "is not of type " + std::string(wanted) + ": expected " + type.expected;
  return quoted + "has an unknown type: expected one of text, int, uint, double, bool, time, bytes";
}

void add_to(FieldEncoder& encoder, const FieldValue& field) {
  std::visit([&](const auto& value) { encoder.add(field.key, value); }, field.value);
}

}  // namespace shmring::tool
