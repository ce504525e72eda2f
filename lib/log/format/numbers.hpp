// What a log's lines count, and under which causes; its number types.
//
// Causes have the numbers that the ring gives them (lib/collect/ledger.cpp asserts this). A line has their names.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace shmring::log {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

// As printf takes it by %llu.
inline unsigned long long wide(u64 value) { return value; }

// A ring's identity: random bits, drawn when it is made. All zero means none.
using RingId = std::array<u64, 2>;

// Why a sequence has no event. The first seven causes are refusals, which the handle counts itself. `refused` is a refusal
// whose cause is not known.
enum class Cause : u8 {
  full,
  timeout,
  contended,
  too_big,
  no_room,
  aborted,
  retired,
  overwritten,
  died,
  corrupt,
  collector,
  refused
};
inline constexpr std::size_t refusal_causes = 7;
inline constexpr std::size_t cause_count = 12;

}  // namespace shmring::log
