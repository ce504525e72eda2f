// Fields to JSON: see fields.hpp.
#include "lib/log/format/fields.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <string_view>

#include "lib/include/shmring/shmring.hpp"
#include "lib/log/format/base64.hpp"
#include "lib/log/format/json.hpp"
#include "lib/log/format/time.hpp"

namespace shmring::log {
namespace {

// Integers up to this one are the same in every reader of JSON.
constexpr u64 exact = (u64{1} << 53) - 1;

struct Field {
  FieldType type;
  std::string_view key;
  u64 number;
  std::span<const std::byte> content;
};

// Takes one encoded field off the front of `rest`. Returns false if there is no valid field.
bool take_field(std::span<const std::byte>& rest, Field& out) {
  if (rest.size() < 2) return false;
  const auto head = static_cast<std::size_t>(rest[0]), key_bytes = static_cast<std::size_t>(rest[1]), n = head >> 4;
  out.type = static_cast<FieldType>(head & 15);
  if (out.type < FieldType::int64 || out.type > FieldType::time || n > 8 || key_bytes == 0) return false;
  if (out.type == FieldType::real && n != 8) return false;
  rest = rest.subspan(2);
  if (rest.size() < key_bytes + n) return false;
  out.key = {reinterpret_cast<const char*>(rest.data()), key_bytes};
  rest = rest.subspan(key_bytes);
  const bool is_signed = out.type == FieldType::int64 || out.type == FieldType::time;
  out.number = is_signed && n > 0 && std::to_integer<int>(rest[n - 1] & std::byte{0x80}) != 0 ? ~u64{0} : 0;
  for (std::size_t i = n; i-- > 0;) out.number = out.number << 8 | std::to_integer<u64>(rest[i]);
  rest = rest.subspan(n);
  if (out.type == FieldType::boolean && out.number > 1) return false;
  out.content = {};
  if (out.type != FieldType::text && out.type != FieldType::bytes) return true;
  if (out.number > rest.size()) return false;
  out.content = rest.first(out.number);
  rest = rest.subspan(out.number);
  return true;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

template <class T>
void append_number(std::string& out, T value) {
  char text[32];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

template <class T>
void append_integer(std::string& out, T value, bool is_exact) {
  if (!is_exact) out += '"';
  append_number(out, value);
  if (!is_exact) out += '"';
}

void append_real(std::string& out, double value) {
  if (std::isfinite(value)) return append_number(out, value);
  out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

void append_bytes(std::string& out, std::span<const std::byte> bytes) {
  out += "{\"base64\":\"";
  append_base64(out, bytes);
  out += "\"}";
}

void append_value(std::string& out, const Field& field) {
  const auto number = static_cast<i64>(field.number);
  const std::string_view text(reinterpret_cast<const char*>(field.content.data()), field.content.size());
  switch (field.type) {
    case FieldType::int64: return append_integer(out, number, (number < 0 ? -field.number : field.number) <= exact);
    case FieldType::uint64: return append_integer(out, field.number, field.number <= exact);
    case FieldType::real: return append_real(out, std::bit_cast<double>(field.number));
    case FieldType::boolean: out += field.number != 0 ? "true" : "false"; return;
    case FieldType::text: return valid_utf8(text) ? append_quoted(out, text) : append_bytes(out, field.content);
    case FieldType::bytes: return append_bytes(out, field.content);
    case FieldType::time: {
      const auto time = format_time(number);
      return append_quoted(out, {time.data(), time.size()});
    }
  }
}

}  // namespace

bool append_fields(std::string& out, std::span<const std::byte> payload) {
  const std::size_t before = out.size();
  thread_local std::array<std::string_view, max_fields> keys;  // is not cleared for each record
  std::size_t count = 0;
  bool valid = true;
  out += '{';
  while (valid && !payload.empty()) {
    Field field;
    valid = count < max_fields && take_field(payload, field) && valid_utf8(field.key);
    if (!valid) break;
    if (count != 0) out += ',';
    keys[count++] = field.key;
    append_quoted(out, field.key);
    out += ':';
    append_value(out, field);
  }
  std::sort(keys.begin(), keys.begin() + count);
  valid = valid && std::adjacent_find(keys.begin(), keys.begin() + count) == keys.begin() + count;
  if (!valid) return out.resize(before), false;
  out += '}';
  return true;
}

}  // namespace shmring::log
