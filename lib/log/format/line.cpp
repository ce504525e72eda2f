// What lines have in common: causes by name, sums of them, identities as text. See line.hpp.
#include "lib/log/format/line.hpp"

#include <bit>

namespace shmring::log {
namespace {

constexpr std::string_view cause_names[cause_count] = {"full",    "timeout", "contended", "too_big",
                                                       "no_room", "aborted", "retired",   "overwritten",
                                                       "died",    "corrupt", "collector", "refused"};

}  // namespace

std::string_view name_of(Cause cause) { return cause_names[static_cast<std::size_t>(cause)]; }

Causes& Causes::operator+=(const Causes& other) {
  for (std::size_t i = 0; i < count.size(); ++i) count[i] += other.count[i];
  return *this;
}

u64 Causes::total() const {
  u64 sum = 0;
  for (u64 n : count) {
    if (__builtin_add_overflow(sum, n, &sum)) return ~0ull;  // only possible in a log that is not ours
  }
  return sum;
}

u64 Causes::refusals() const {
  u64 sum = (*this)[Cause::refused];
  for (std::size_t i = 0; i < refusal_causes; ++i) sum += count[i];
  return sum;
}

std::string text_of(const RingId& ring) {
  std::string text;
  for (const u8 byte : std::bit_cast<std::array<u8, 16>>(ring)) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

bool ring_id_of(std::string_view text, RingId& out) {
  std::array<u8, 16> bytes{};
  if (text.size() != 2 * bytes.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return false;
    bytes[i / 2] = static_cast<u8>(bytes[i / 2] << 4 | (digit ? c - '0' : c - 'a' + 10));
  }
  out = std::bit_cast<RingId>(bytes);
  return true;
}

}  // namespace shmring::log
