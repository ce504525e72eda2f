// Encodes typed key/value pairs into the bytes of SHMRING_KIND_FIELDS, whose encoding shmring.h specifies. This is part of
// shmring.hpp: include that one.
//
// Invariants:
//   - nothing is written outside the caller's memory, nothing is cut, and nothing allocates or throws;
//   - a record that the collector would not accept as fields is refused here, and code() gives its first fault. Only that keys
//     are UTF-8 is up to the caller.
// Thread role: an encoder is used by one thread at a time.
// SPDX-License-Identifier: MIT
#pragma once

#if __cplusplus <= 201703L
#error "shmring.hpp needs C++20 (-std=c++20); older C++ can use the C interface in shmring.h"
#else

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "shmring.h"

namespace shmring {

enum class FieldType : std::uint8_t {
  int64 = SHMRING_FIELD_INT,
  uint64 = SHMRING_FIELD_UINT,
  real = SHMRING_FIELD_DOUBLE,
  boolean = SHMRING_FIELD_BOOL,
  text = SHMRING_FIELD_TEXT,
  bytes = SHMRING_FIELD_BYTES,
  time = SHMRING_FIELD_TIME
};
inline constexpr std::size_t max_fields = SHMRING_MAX_FIELDS;

template <class T>
concept FieldInteger = std::integral<T> && sizeof(T) <= 8 && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                       !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;
template <class T>
concept FieldReal = std::same_as<T, float> || std::same_as<T, double>;

// Encodes into the caller's memory. The first field that cannot be added makes the whole record invalid, and code() says why.
class FieldEncoder {
 public:
  explicit FieldEncoder(std::span<std::byte> room) noexcept : room_(room.first(std::min(room.size(), most_bytes))) {}

  template <FieldInteger T>
  FieldEncoder& add(std::string_view key, T value) noexcept {
    if constexpr (std::same_as<T, bool>) return number(FieldType::boolean, key, value);
    if constexpr (std::signed_integral<T>) return signed_number(FieldType::int64, key, value);
    return number(FieldType::uint64, key, static_cast<std::uint64_t>(value));
  }
  template <FieldReal T>
  FieldEncoder& add(std::string_view key, T value) noexcept {
    put(FieldType::real, key, std::bit_cast<std::uint64_t>(static_cast<double>(value)), 8, {});
    return *this;
  }
  FieldEncoder& add(std::string_view key, std::string_view text) noexcept {
    return content(FieldType::text, key, std::as_bytes(std::span(text)));
  }
  FieldEncoder& add(std::string_view key, const char* text) noexcept {
    if (text != nullptr) return add(key, std::string_view(text));
    spoil(-EINVAL);
    return *this;
  }
  FieldEncoder& add(std::string_view key, std::nullptr_t) = delete;
  FieldEncoder& add(std::string_view key, std::span<const std::byte> bytes) noexcept {
    return content(FieldType::bytes, key, bytes);
  }
  // Adds the number of an enumerator.
  template <class T>
  requires std::is_enum_v<T> FieldEncoder& add(std::string_view key, T value) noexcept {
    using Number = decltype(+static_cast<std::underlying_type_t<T>>(value));  // an enum of char is a number, too
    return add(key, static_cast<Number>(value));
  }
  // Adds a field if there is a value, and none if there is not.
  template <class T>
  FieldEncoder& add(std::string_view key, const std::optional<T>& value) noexcept {
    return value ? add(key, *value) : *this;
  }
  // Adds a time in nanoseconds since 1970, so only the years 1677 to 2262 can be encoded.
  template <class D>
  FieldEncoder& add(std::string_view key, std::chrono::sys_time<D> time) noexcept {
    using ns = std::chrono::duration<std::int64_t, std::nano>;
    return signed_number(FieldType::time, key, std::chrono::duration_cast<ns>(time.time_since_epoch()).count());
  }

  // Returns 0 if bytes() has all fields, SHMRING_TOO_BIG if they did not fit or were more than max_fields, or −EINVAL if a key
  // was given twice or does not have 1 … 255 bytes, or if a text is NULL.
  int code() const noexcept { return code_; }
  bool fits() const noexcept { return code_ == 0; }
  std::span<const std::byte> bytes() const noexcept { return room_.first(used_); }

 private:
  FieldEncoder& number(FieldType type, std::string_view key, std::uint64_t value) noexcept {
    put(type, key, value, (static_cast<std::size_t>(std::bit_width(value)) + 7) / 8, {});
    return *this;
  }
  FieldEncoder& signed_number(FieldType type, std::string_view key, std::int64_t value) noexcept {
    const auto magnitude = static_cast<std::uint64_t>(value ^ (value >> 63));  // and one bit for the sign
    const std::size_t n = value == 0 ? 0 : (static_cast<std::size_t>(std::bit_width(magnitude)) + 8) / 8;
    put(type, key, static_cast<std::uint64_t>(value), n, {});
    return *this;
  }
  FieldEncoder& content(FieldType type, std::string_view key, std::span<const std::byte> bytes) noexcept {
    put(type, key, bytes.size(), (static_cast<std::size_t>(std::bit_width(bytes.size())) + 7) / 8, bytes);
    return *this;
  }
  [[gnu::always_inline]] void put(FieldType type, std::string_view key, std::uint64_t value, std::size_t n,
                                  std::span<const std::byte> content) noexcept {
    if (code_ != 0) return;
    const std::size_t left = room_.size() - used_, before = 2 + key.size() + n;
    if (key.empty() || key.size() > 255) return spoil(-EINVAL);
    const std::uint64_t tag = tag_of(key);
    if (has(key, tag)) return spoil(-EINVAL);
    if (before > left || content.size() > left - before || fields_ == max_fields) return spoil(SHMRING_TOO_BIG);
    std::byte* to = room_.data() + used_;
    *to++ = static_cast<std::byte>(static_cast<std::size_t>(type) | n << 4);
    *to++ = static_cast<std::byte>(key.size());
    std::memcpy(to, key.data(), key.size());
    to += key.size();
    for (std::size_t i = 0; i < n; ++i) *to++ = static_cast<std::byte>(value >> 8 * i);
    if (!content.empty()) std::memcpy(to, content.data(), content.size());
    note(tag);
    used_ += before + content.size();
  }
  void spoil(int code) noexcept {
    if (code_ == 0) code_ = code;
  }

  // Returns eight bits of a hash of all bytes of the key. If its callers are inlined, the tag of a literal is a constant.
  [[gnu::always_inline]] static std::uint64_t tag_of(std::string_view key) noexcept {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    const auto word = [&key]<class T>(std::size_t at, T value) {
      std::memcpy(&value, key.data() + at, sizeof value);
      return std::uint64_t{value};
    };
    const std::size_t size = key.size();
    std::uint64_t hash = size * odd;
    for (std::size_t at = 0; at + 8 < size; at += 8) {
      hash = (hash ^ word(at, std::uint64_t{})) * odd;
      hash ^= hash >> 32;
    }
    if (size >= 8) {
      hash ^= word(size - 8, std::uint64_t{});
    } else if (size >= 4) {
      hash ^= word(0, std::uint32_t{}) | word(size - 4, std::uint32_t{}) << 32;
    } else {
      hash ^= word(0, std::uint8_t{}) | word(size / 2, std::uint8_t{}) << 8 | word(size - 1, std::uint8_t{}) << 16;
    }
    return (hash ^ hash >> 32) * odd >> 56;
  }

  // Returns whether the record has the key. Each word holds eight tags. The key is compared with the keys that have the same
  // tag, and sometimes with another one.
  bool has(std::string_view key, std::uint64_t tag) const noexcept {
    constexpr std::uint64_t each = 0x0101010101010101;
    for (std::size_t first = 0; first < fields_; first += 8) {
      const std::uint64_t differs = tags_[first / 8] ^ tag * each;
      for (std::uint64_t same = (differs - each) & ~differs & each << 7; same != 0; same &= same - 1)
        if (is_key(first + static_cast<std::size_t>(std::countr_zero(same)) / 8, key)) return true;
    }
    return false;
  }
  // The room may be shared memory that others have overwritten since. Whatever it contains, nothing beyond it is read.
  bool is_key(std::size_t i, std::string_view key) const noexcept {
    if (i >= fields_) return false;
    const std::span<const std::byte> field = bytes().subspan(offsets_[i]);
    return static_cast<std::size_t>(field[1]) == key.size() && key.size() <= field.size() - 2 &&
           std::memcmp(field.data() + 2, key.data(), key.size()) == 0;
  }
  void note(std::uint64_t tag) noexcept {
    const std::size_t word = fields_ / 8, at = fields_ % 8;
    tags_[word] = (at == 0 ? 0 : tags_[word]) | tag << 8 * at;
    offsets_[fields_++] = static_cast<std::uint32_t>(used_);
  }

  static constexpr std::size_t most_bytes = std::size_t{1} << 30;  // far beyond any max_record
  std::span<std::byte> room_;
  std::size_t used_ = 0, fields_ = 0;
  int code_ = 0;
  // Only the elements of the fields so far are initialized.
  std::array<std::uint64_t, max_fields / 8> tags_;
  std::array<std::uint32_t, max_fields> offsets_;
};

}  // namespace shmring

#endif
