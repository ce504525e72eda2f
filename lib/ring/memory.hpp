// How ring code touches shared memory: every access goes through a Memory, which is a type, so that the same source is
// shipped over hardware and explored under a scheduler. No virtual call, no state.
//
// A Memory has, all static:
//   T    load(At, const std::atomic<T>&, std::memory_order)
//   void store(At, std::atomic<T>&, T, std::memory_order)
//   bool cas(At, std::atomic<T>&, T& expected, T desired, std::memory_order success, std::memory_order failure)
//   T    add(At, std::atomic<T>&, T, std::memory_order)                returns the value before
//   void copy(At, void* to, const void* from, std::size_t bytes)       plain bytes that the protocol gives to one role
//   bool fills_from_registers                                           whether a fill need not be one copy: see slot.hpp
//   void pause()                                                        in a spin
//   void sleep(At, std::atomic<u32>&, u32 expected, u64 deadline_ns)   while the word is expected; may wake for nothing
//   u64  now_ns()                                                       CLOCK_MONOTONIC
//   void prefetch(const void*)                                         of a line that is written next
//   void prefetch_to_read(const void*)
//   u64  ticks(Clock)
//
// At names the access: the labels of the tables in slot.hpp, lane.hpp, account.hpp and status.hpp.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstring>
#include <ctime>

#include "lib/ring/layout.hpp"

namespace shmring::ring {

// One label for each access. Its "order.partner" is in the table at the top of the file that makes the access.
enum class At : u8 {
  // slot.hpp
  look,
  look_alone,
  claim,
  overwrite,
  claim_alone,
  fill,
  publish,
  observe,
  take,
  copy_out,
  release,
  step_over,
  free_dead,
  // lane.hpp
  tail_hint,
  tail_help,
  tail_own,
  tail_seen,
  head_seen,
  head_publish,
  head_resume,
  high_water,
  high_water_seen,
  freed_bump,
  freed_seen,
  freed_sleep,
  waiters_seen,
  waiters_add,
  waiters_leave,
  waiters_now,
  lane_take,
  lane_free,
  lane_owner,
  // account.hpp
  owner_claim,
  owner_state,
  owner_seen,
  incarnation_next,
  incarnation_hint,
  incarnation_set,
  incarnation_seen,
  lane_set,
  lane_seen,
  identity_fill,
  identity_copy,
  attempt,
  finish,
  account_seen,
  counter,
  counter_seen,
  refusal,
  refusal_seen,
  nested,
  nested_seen,
  logged,
  logged_seen,
  waiting,
  waiting_over,
  waiting_seen,
  durable,
  durable_resume,
  durable_awaited,
  durable_sleep,
  durable_seen,
  entry_zero,
  segment_state,
  segment_again,
  segment_retire,
  segment_reopen,
  owner_judged,
  type_claim,
  type_fill,
  type_publish,
  type_seen,
  type_copy,
  // status.hpp
  collector_set,
  collector_seen,
  status_count,
  figure,
  figure_seen,
  level,
  level_seen,
  clock_resume,
  clock_begin,
  clock_fill,
  clock_end,
  clock_seen,
  clock_copy,
  clock_again,
};

// Returns the half of a word that the kernel compares when somebody sleeps on it. It has the address of the word.
inline std::atomic<u32>& low_half(std::atomic<u64>& word) {
  static_assert(std::endian::native == std::endian::little);
  return reinterpret_cast<std::atomic<u32>&>(word);
}

// The empty instruction keeps the word in a register of its own: gcc would load and store two words at once in a vector, whose
// halves take a way over the stack to be multiplied.
[[gnu::always_inline]] inline u64 word_at(const std::byte* from) {
  u64 word;
  std::memcpy(&word, from, sizeof word);
  asm("" : "+r"(word));
  return word;
}
[[gnu::always_inline]] inline void store_word(std::byte* to, u64 word) { std::memcpy(to, &word, sizeof word); }

// Shows `see` the bytes as pairs of words, from first to last, and, if `stores`, puts each pair to the same place of `to`. A
// pair is read before it is stored. The last pair may overlap the one before it, whose bytes are then read and stored twice.
// The words of a string of less than 16 bytes overlap or are shorter. So nothing beyond the string is touched.
template <bool stores, class See>
[[gnu::always_inline]] inline void each_pair(std::byte* to, const std::byte* from, std::size_t bytes, See& see) {
  const auto pair = [&](std::size_t first, std::size_t second) __attribute__((always_inline)) {
    const u64 a = word_at(from + first), b = word_at(from + second);
    see(a, b);
    if constexpr (stores) store_word(to + first, a), store_word(to + second, b);
  };
  if (bytes >= 16) {
    const std::size_t last = bytes - 16;
    const auto up_to_three = [&](std::size_t at) __attribute__((always_inline)) {
      if (at < last) pair(at, at + 8);
      if (at + 16 < last) pair(at + 16, at + 24);
      if (at + 32 < last) pair(at + 32, at + 40);
    };
    if (last <= 48) {
      up_to_three(0);
    } else {
      std::size_t at = 0;
      for (; at + 48 < last; at += 64) pair(at, at + 8), pair(at + 16, at + 24), pair(at + 32, at + 40), pair(at + 48, at + 56);
      up_to_three(at);
    }
    pair(last, last + 8);
  } else if (bytes >= 8) {
    pair(0, bytes - 8);
  } else if (bytes >= 4) {
    u32 a, b;
    std::memcpy(&a, from, sizeof a), std::memcpy(&b, from + bytes - sizeof b, sizeof b);
    see(a, b);
    if constexpr (stores) std::memcpy(to, &a, sizeof a), std::memcpy(to + bytes - sizeof b, &b, sizeof b);
  } else if (bytes > 0) {
    const std::byte a = from[0], b = from[bytes / 2], c = from[bytes - 1];
    see(static_cast<u64>(a) << 8 | static_cast<u64>(b), static_cast<u64>(c));
    if constexpr (stores) to[0] = a, to[bytes / 2] = b, to[bytes - 1] = c;
  }
}

// The memory of the real machine, except for sleep, which the operating system provides: os/memory.hpp.
struct HardwareMemory {
  static constexpr bool fills_from_registers = true;

  template <class T>
  [[gnu::always_inline]] static T load(At, const std::atomic<T>& word, std::memory_order order) {
    return word.load(order);
  }
  template <class T>
  [[gnu::always_inline]] static void store(At, std::atomic<T>& word, T value, std::memory_order order) {
    word.store(value, order);
  }
  template <class T>
  [[gnu::always_inline]] static bool cas(At, std::atomic<T>& word, T& expected, T desired, std::memory_order success,
                                         std::memory_order failure) {
    return word.compare_exchange_strong(expected, desired, success, failure);
  }
  template <class T>
  [[gnu::always_inline]] static T add(At, std::atomic<T>& word, T value, std::memory_order order) {
    return word.fetch_add(value, order);
  }
  [[gnu::always_inline]] static void copy(At, void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  [[gnu::always_inline]] static void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }
  // Fetches a line for writing. It does not use the builtin: without a compiler option for newer processors the builtin fetches
  // the line as shared, and the store that follows pays for it a second time. Processors that do not know prefetchw ignore it.
  [[gnu::always_inline]] static void prefetch(const void* address) {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
    __builtin_prefetch(address, 1);
#endif
  }
  [[gnu::always_inline]] static void prefetch_to_read(const void* address) { __builtin_prefetch(address); }
  [[gnu::always_inline]] static u64 ticks(Clock clock) {
#if defined(__x86_64__)
    if (clock == Clock::tsc) return __builtin_ia32_rdtsc();
#endif
    (void)clock;
    return now_ns();
  }
  static u64 now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<u64>(now.tv_sec) * 1'000'000'000u + static_cast<u64>(now.tv_nsec);
  }
};

// Orders a handle's own stores against a signal handler on the same thread: the compiler keeps the order, as the processor
// does.
[[gnu::always_inline]] inline void signal_fence() { std::atomic_signal_fence(std::memory_order_seq_cst); }

}  // namespace shmring::ring
