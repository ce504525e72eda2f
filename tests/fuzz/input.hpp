// The fuzzer's bytes as values, and the end of a run that broke a rule.
//
// Invariant: behind its last byte an input goes on with zeros: each input is a whole one, and its bytes are read front to back.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define SHMRING_MEMORY_SANITIZER 1
#include <sanitizer/msan_interface.h>
#endif
#endif

namespace shmring::fuzz {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

// Where messages go, though the code under test has its standard output and error closed.
inline std::FILE* const messages = ::fdopen(::dup(2), "w");

// A rule does not hold: libFuzzer keeps the input.
inline void must(bool holds, const std::string& rule) {
  if (holds) return;
  std::fprintf(messages, "BROKEN: %s\n", rule.c_str());
  std::fflush(messages);
  std::abort();
}

// What others may read has no byte that nobody wrote: such a byte would show them what the writer's memory held before.
inline void must_be_written([[maybe_unused]] const void* from, [[maybe_unused]] std::size_t bytes) {
#if SHMRING_MEMORY_SANITIZER
  __msan_check_mem_is_initialized(from, bytes);
#endif
}

class Input {
 public:
  Input(const u8* data, std::size_t bytes) : at_(data), end_(data + bytes) {}

  bool empty() const { return at_ == end_; }

  template <class T>
  T take() {
    T value{};
    const std::size_t bytes = std::min<std::size_t>(sizeof value, left());
    if (bytes != 0) std::memcpy(&value, at_, bytes);
    at_ += bytes;
    return value;
  }
  u32 below(u32 limit) { return (limit <= 256 ? take<u8>() : take<u32>()) % limit; }
  bool flip() { return (take<u8>() & 1) != 0; }

  std::string_view bytes(std::size_t most) {
    const std::size_t count = std::min(most, left());
    at_ += count;
    return {reinterpret_cast<const char*>(at_ - count), count};
  }
  std::string_view rest() { return bytes(left()); }

  // Any value, the likely ones more often; `old` is what stood there.
  u64 value(u64 old) {
    const u8 how = take<u8>();
    switch (how % 8) {
      case 0: return take<u64>();
      case 1: return take<u8>();
      case 2: return old + take<u8>();
      case 3: return old - take<u8>();
      case 4: return old ^ u64 { 1 } << (take<u8>() % 64);
      case 5: return ~u64{0} >> (take<u8>() % 64);
      case 6: return u64{1} << (take<u8>() % 64);
      default: return take<u16>();
    }
  }

 private:
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  const u8* at_;
  const u8* end_;
};

}  // namespace shmring::fuzz
