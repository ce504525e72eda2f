// Times as text and back: RFC 3339 in UTC, as they stand in a log.
//
// Invariants: this is pure and reads no clock. Every text that is written can be read back. Years 1677 to 9999 can be written,
// and what 64 bits of signed nanoseconds hold can be read.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "lib/log/format/numbers.hpp"

namespace shmring::log {

using i64 = std::int64_t;

inline constexpr i64 second_ns = 1'000'000'000;

inline constexpr auto pairs_of_digits = [] {
  std::array<char, 200> text{};
  for (std::size_t i = 0; i < 100; ++i)
    text[2 * i] = static_cast<char>('0' + i / 10), text[2 * i + 1] = static_cast<char>('0' + i % 10);
  return text;
}();

// Writes the two digits of a value below 100.
inline void put_two(char* to, u64 value) { std::memcpy(to, &pairs_of_digits[2 * value], 2); }

// Writes "2026-11-24T22:00:08." for a second since 1970.
void format_second(i64 second, char (&to)[20]);

// Writes "123456789Z", which follows it, for the nanoseconds in that second: 10 bytes.
inline void format_fraction(u64 ns, char* to) {
  put_two(to, ns / 10'000'000);
  put_two(to + 2, ns / 100'000 % 100);
  put_two(to + 4, ns / 1'000 % 100);
  put_two(to + 6, ns / 10 % 100);
  to[8] = static_cast<char>('0' + ns % 10), to[9] = 'Z';
}

// Returns both for nanoseconds since 1970, which may be negative.
std::array<char, 30> format_time(i64 ns);

// Returns the nanoseconds since 1970 of an RFC 3339 time, with any offset and at most nine digits of a second. Returns nothing
// if the text is not such a time (a leap second is not), or if it is before 1678 or after 2261.
std::optional<i64> parse_time(std::string_view text);

}  // namespace shmring::log
