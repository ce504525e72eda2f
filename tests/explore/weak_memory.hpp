// Memory that is weaker than a sequence of steps: what a load may see, as acquire and release permit it.
//
// The model is the promise-free, view-based one of C++20 (RC11 without load buffering). Each atomic word keeps its
// modification order: messages, each with the view that its writer released. Each role keeps a view: the oldest message
// of each word that it may still read.
//   load                any message that its view permits; acquire joins the message's view into the reader's
//   store               behind any message that its view permits, but not between an update and what that has read;
//                       release attaches the writer's view
//   update (cas, add)   reads a message that no other update has read, stands right behind it, and continues its release
//                       sequence; a cas that fails is a load
//   seq_cst             in the order of the execution: none reads a message older than the newest seq_cst store before it
//                       to the same word, or writes behind one. So it orders seq_cst accesses, and nothing else.
// A store need not be the newest of its word: a processor may make an earlier store visible after a later update of
// the same word has read what was there before. Where stores only ever append, "the tail before the claim" is not seen.
//
// Not shown: load buffering, where a store becomes visible before an earlier load of its own thread has read. It needs a
// relaxed store behind a relaxed load. The ring's stores are release, but for take, which stands behind an acquire
// (observe), for clock_begin, which stands behind a load of its own word, and for figures (high_water, waiters_leave,
// incarnation_next, nested, the status page's), which order nothing. With a label relaxed on
// purpose that argument may end: what is found then is broken, what is not found is no proof.
//
// Plain bytes have no choice of values: who copies bytes of which his view lacks the last write, or writes over bytes of
// which it lacks the last write or read, has a race.
//
// Invariants:
//   - index 0 of what may be chosen is the newest message: a choice of 0 each time is the sequentially consistent execution;
//   - an access reaches back over most_candidates messages and no further;
//   - a view's number of a word is an index into the modification order: who inserts a message renumbers;
//   - locations are numbered by their first use, for all executions of one search.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace explore {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

inline u64 mix(u64 a, u64 b) {
  a = (a + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9 ^ (b + 0x632be59bd9b4e019) * 0x94d049bb133111eb;
  a ^= a >> 31, a *= 0xd6e8feb86659fd93, a ^= a >> 32;
  return a;
}

class WeakMemory {
 public:
  static constexpr std::size_t most_locations = 256, most_roles = 8, most_candidates = 16;

  // sleep: the kernel's compare, behind all that those knew who have called wake before.
  enum class Use : u8 { load, store, add, cas, sleep };
  struct Candidates {
    std::array<u16, most_candidates> at;
    int count = 0;
  };
  struct Message;

  explicit WeakMemory(std::size_t bytes) : word_at_(bytes / 4, -1), plain_at_(bytes / 4, -1) {}

  void reset();  // an execution begins: every view is empty, every word has the value that it is first met with

  int word(u64 offset, u64 newest);  // its location
  Candidates candidates(int role, int word, std::memory_order, Use, u64 expected) const;
  const Message& message(int word, u16 index) const;
  void read(int role, int word, u16 index, std::memory_order);
  // Behind message `index`; `step` is for a trace. True: it is the newest.
  bool write(int role, int word, u16 index, u64 value, std::memory_order, bool update, int step);

  static constexpr int no_race = -1, overlap = -2;
  int copy(int role, u64 offset, u32 bytes, bool writes);  // the role that it races with, if any

  void learn(int role, int other) { join(views_[static_cast<std::size_t>(role)], views_[static_cast<std::size_t>(other)]); }
  void waking(int role, int word);

  // All that can matter later. `stale`: whether a load may still choose; if not, only the newest messages count, and of the
  // views only what they say of plain bytes. A message is told from others by what the living may read, a view by what they
  // may learn from it.
  u64 digest(u32 living, u32 dead, bool stale) const;

  struct View {
    std::array<u16, most_locations> at{};
  };
  struct Message {
    u64 value = 0;
    View view;  // what an acquire load of it learns
    bool update = false;
    int writer = -1;  // role
    int step = 0;
  };

 private:
  struct Location {
    bool plain = false;
    u16 last = 0;               // index of the newest message; of plain bytes: how often written (or read)
    u16 strong = 0, woken = 0;  // newest seq_cst store; newest that a waker knew
    std::vector<Message> messages;
  };
  struct Plain {
    u64 offset = 0;
    int written = 0, writer = -1;
    std::array<int, most_roles> read{};  // locations; 0: never
  };

  int add_location(bool plain);
  void join(View& into, const View& from) const;
  void make_room(int word, u16 from);
  Plain* plain(u64 offset, u32 bytes);
  bool knows(int role, int location) const;
  u64 hash_of(const View& view, const View& floor, const std::vector<u16>& open) const;

  std::vector<Location> locations_ = std::vector<Location>(1);  // number 0 is nobody's
  std::vector<Plain> plains_;
  std::vector<std::int16_t> word_at_, plain_at_;  // by offset / 4
  std::array<View, most_roles> views_{};
  mutable std::vector<u16> open_;  // of digest
};

}  // namespace explore
