// Times as text and back: RFC 3339 in UTC, as they stand in a log.
//
// Invariants: pure, no clock is read; a text that is written is one that is read; years 1677 to 9999 are written, what
// 64 bits of signed nanoseconds hold is read.
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
  for (unsigned i = 0; i < 100; ++i)
    text[2 * i] = static_cast<char>('0' + i / 10), text[2 * i + 1] = static_cast<char>('0' + i % 10);
  return text;
}();

// Two digits of a value below 100.
inline void put_two(char* to, u64 value) { std::memcpy(to, &pairs_of_digits[2 * value], 2); }

// "2026-11-24T22:00:08." of a second since 1970.
void format_second(i64 second, char (&to)[20]);

// "123456789Z", behind it, of the nanoseconds in that second: 10 bytes.
inline void format_fraction(u64 ns, char* to) {
  put_two(to, ns / 10'000'000);
  put_two(to + 2, ns / 100'000 % 100);
  put_two(to + 4, ns / 1'000 % 100);
  put_two(to + 6, ns / 10 % 100);
  to[8] = static_cast<char>('0' + ns % 10), to[9] = 'Z';
}

// Both, of nanoseconds since 1970, before it too.
std::array<char, 30> format_time(i64 ns);

// Nanoseconds since 1970 of an RFC 3339 time: any offset, at most nine digits of a second. Nothing: it is none (a leap
// second neither), or it is before 1678 or after 2261.
std::optional<i64> parse_time(std::string_view text);

}  // namespace shmring::log
