// The real memory, with a place to act right before a chosen access: another role's step, or the death of this one.
//
// Invariants:
//   - each Role has its own hooks: what another role does inside a hook does not fire it;
//   - a hook is gone with its scope;
//   - time moves only in sleep, which lasts until its deadline unless a hook changed the word.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "lib/ring/memory.hpp"

namespace plain {

// The role that runs into it is dead: its own state is to be thrown away.
struct Crash {};

template <int Role>
struct HookedMemory : shmring::ring::HardwareMemory {
  static constexpr bool fills_from_registers = false;
  using At = shmring::ring::At;

  class Hook {
   public:
    // Before the nth access under this label from now on; 0: before each.
    Hook(At at, unsigned nth, std::function<void()> action) : at_(at), nth_(nth), action_(std::move(action)) {
      hooks.push_back(this);
    }
    Hook(const Hook&) = delete;
    ~Hook() { hooks.erase(std::find(hooks.begin(), hooks.end(), this)); }
    unsigned seen() const { return seen_; }
    void before(At at) {
      if (at != at_) return;
      ++seen_;
      if (nth_ == 0 || seen_ == nth_) action_();
    }

   private:
    At at_;
    unsigned nth_, seen_ = 0;
    std::function<void()> action_;
  };

  static void before(At at) {
    for (std::size_t i = 0; i < hooks.size(); ++i) hooks[i]->before(at);
  }
  template <class T>
  static T load(At at, const std::atomic<T>& word, std::memory_order order) {
    before(at);
    return HardwareMemory::load(at, word, order);
  }
  template <class T>
  static void store(At at, std::atomic<T>& word, T value, std::memory_order order) {
    before(at);
    HardwareMemory::store(at, word, value, order);
  }
  template <class T>
  static bool cas(At at, std::atomic<T>& word, T& expected, T desired, std::memory_order success, std::memory_order failure) {
    before(at);
    return HardwareMemory::cas(at, word, expected, desired, success, failure);
  }
  template <class T>
  static T add(At at, std::atomic<T>& word, T value, std::memory_order order) {
    before(at);
    return HardwareMemory::add(at, word, value, order);
  }
  static void copy(At at, void* to, const void* from, std::size_t bytes) {
    before(at);
    HardwareMemory::copy(at, to, from, bytes);
  }
  static void pause() { ++pauses; }
  static void sleep(At at, std::atomic<shmring::ring::u32>& word, shmring::ring::u32 expected, shmring::ring::u64 deadline_ns) {
    before(at);
    if (word.load() == expected) time = std::max(time, deadline_ns);
  }
  static shmring::ring::u64 now_ns() { return time; }
  static inline unsigned pauses = 0;  // so far

 private:
  static inline std::vector<Hook*> hooks;
  static inline shmring::ring::u64 time = 1;
};

using ProducerMemory = HookedMemory<0>;
using CollectorMemory = HookedMemory<1>;

// Compiled once, in hooked_memory.cpp.
extern template struct HookedMemory<0>;
extern template struct HookedMemory<1>;

}  // namespace plain
