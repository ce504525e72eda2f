// A transport of the benchmark in a sandbox, with hands that write into it and drain it.
//
// Invariant: a drain checks every byte of what comes.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "tests/support/sandbox.hpp"
#include "tools/bench/board.hpp"

namespace shmring::test {

using namespace shmring::bench;

inline constexpr u32 slots = 256, bytes = 64;
inline constexpr u64 long_ns = 10'000'000'000;  // nothing that works takes so long

template <class T>
struct Made {
  explicit Made(bool overwrite = false) : name(fresh_name()) {
    T::create(name, {slots, bytes, 6, overwrite ? WhenFull::overwrite : WhenFull::refuse});
  }
  ~Made() { T::remove(name); }
  Sandbox sandbox;
  const std::string name;
};

struct Record {
  std::byte data[bytes];
  Record(u32 producer, u64 sequence, std::size_t size = bytes) { make_record(data, size, producer, sequence); }
};

// One writer's records, one after the other.
template <class T>
struct Hand {
  Hand(const std::string& name, u32 producer) : writer(name), producer(producer) {}
  bool write() {
    const bool accepted = writer.write(Record(producer, sequence + 1).data, bytes);
    ++sequence;
    return accepted;
  }
  // Full: once more, for as long as `meanwhile` may bring room.
  template <class Meanwhile>
  bool write_in_the_end(const Meanwhile& meanwhile) {
    ++sequence;
    const u64 deadline_ns = os::monotonic_now_ns() + long_ns;
    while (!writer.write(Record(producer, sequence).data, bytes)) {
      if (os::monotonic_now_ns() > deadline_ns) return false;
      meanwhile();
    }
    return true;
  }
  typename T::Writer writer;
  u32 producer;
  u64 sequence = 0;
};

template <class T>
struct Drain {
  explicit Drain(const std::string& name) : reader(name) {}
  std::size_t once() {
    return reader.read([this](const std::byte* record, std::size_t size) {
      checker.add(record, size);
      u64 word = 0;
      std::memcpy(&word, record, sizeof word);
      if (first == 0) first = word & ((u64{1} << 48) - 1);
    });
  }
  // False: nothing has come for long.
  template <class Complete>
  bool until(const Complete& complete) {
    u64 came_ns = os::monotonic_now_ns();
    while (!complete()) {
      const u64 now_ns = os::monotonic_now_ns();
      if (once() != 0) {
        came_ns = now_ns;
      } else if (now_ns - came_ns > long_ns) {
        return false;
      } else {
        yield();
      }
    }
    return true;
  }
  void all() {
    while (once() != 0) continue;
  }
  typename T::Reader reader;
  Checker checker;
  u64 first = 0;  // sequence
};

// What a full one took is still there, and once that is read it takes more.
template <class T>
void check_that_it_goes_on(const Made<T>& made, Hand<T>& hand, u64 accepted) {
  Drain<T> drain(made.name);
  drain.all();
  CHECK(drain.checker.total == accepted);
  CHECK(drain.checker.last[0] == accepted);
  CHECK(hand.write());
  drain.all();
  CHECK(drain.checker.total == accepted + 1);
  CHECK(drain.checker.broken == "");
}

}  // namespace shmring::test
