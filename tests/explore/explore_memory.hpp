// The Memory of lib/ring/memory.hpp that the scheduler drives: each access is a point, then takes effect.
#pragma once

#include "tests/explore/scheduler.hpp"

namespace explore {

struct ExploreMemory {
  static constexpr bool fills_from_registers = false;
  using Use = WeakMemory::Use;

  template <class T>
  static T load(At at, const std::atomic<T>& word, std::memory_order order) {
    Scheduler& s = Scheduler::active();
    const Access access{at, Kind::load, &word, sizeof(T)};
    s.point(access);
    return static_cast<T>(s.read(access, newest(word), s.order_of(at, order)));
  }
  template <class T>
  static void store(At at, std::atomic<T>& word, T value, std::memory_order order) {
    Scheduler& s = Scheduler::active();
    const Access access{at, Kind::store, &word, sizeof(T)};
    const bool mostly_the_same = at == At::entry_zero || at == At::figure;  // most of an entry is zero already, and all figures
    if (mostly_the_same && newest(word) == value) return;
    order = s.order_of(at, order);
    s.point(access);
    const u64 before = s.place(access, newest(word), order);
    write(access, word, before, value, order, false);
  }
  template <class T>
  static bool cas(At at, std::atomic<T>& word, T& expected, T desired, std::memory_order success, std::memory_order failure) {
    Scheduler& s = Scheduler::active();
    const Access access{at, Kind::cas, &word, sizeof(T)};
    success = s.order_of(at, success);
    s.point(access);
    const T before = static_cast<T>(s.read_to_swap(access, newest(word), expected, success, failure));
    if (before != expected) {
      expected = before;
      return false;
    }
    write(access, word, before, desired, success, true);
    return true;
  }
  template <class T>
  static T add(At at, std::atomic<T>& word, T value, std::memory_order order) {
    Scheduler& s = Scheduler::active();
    const Access access{at, Kind::add, &word, sizeof(T)};
    order = s.order_of(at, order);
    s.point(access);
    const T before = static_cast<T>(s.read(access, newest(word), order, Use::add));
    write(access, word, before, static_cast<T>(before + value), order, true);
    return before;
  }
  static void copy(At at, void* to, const void* from, std::size_t bytes);
  static void pause() { Scheduler::active().pause(); }
  static void sleep(At at, std::atomic<u32>& word, u32 expected, u64 deadline_ns) {
    Scheduler& s = Scheduler::active();
    const Access access{at, Kind::sleep, &word, sizeof(u32)};
    s.point(access);
    s.sleep(access, newest(word), expected, deadline_ns);
  }
  static u64 now_ns() {
    Scheduler::active().observe(Scheduler::active().now_ns());
    return Scheduler::active().now_ns();
  }
  static void prefetch(const void*) {}
  static void prefetch_to_read(const void*) {}
  static u64 ticks(shmring::ring::Clock) { return 1'000'000; }  // time stands still: nothing in the protocol may rest on it

 private:
  template <class T>
  static T newest(const std::atomic<T>& word) {
    return word.load(std::memory_order_relaxed);
  }
  template <class T>
  static void write(const Access& access, std::atomic<T>& word, u64 before, T value, std::memory_order order, bool update) {
    Scheduler& s = Scheduler::active();
    const bool is_newest = s.write(value, order, update);
    if (is_newest) word.store(value, std::memory_order_relaxed);
    s.effect(access, before, value, is_newest);
  }
};

}  // namespace explore
