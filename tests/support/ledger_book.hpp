// A ledger, and the plain values that a pass would give it, made short.
//
// Invariant: lines are what the ledger gave out since the last look, as memory_log.hpp writes them.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "lib/collect/ledger.hpp"
#include "tests/support/memory_log.hpp"

namespace plain {

using namespace shmring::log;
using namespace shmring::collect;
inline u16 bit_of(Cause cause) { return static_cast<u16>(1u << static_cast<unsigned>(cause)); }
using shmring::ring::Observation;
using shmring::ring::RawRecord;

struct Said {  // by a record or an account
  u32 refused = 0;
  u16 mask = 0;
  u16 last = 0;  // low 16 bits of the sequence refused last
};

struct Book {
  explicit Book(bool overwrite = false);
  ~Book();

  Book& meet(u64 incarnation, u32 entry = 0, shmring::ring::Logged logged = {0, 0}, u64 start_time = 1);
  Record record(u64 incarnation, u64 sequence, Said said = {}, u64 time_ns = 1, u16 flags = 0);
  Book& enter(u64 incarnation, u64 sequence, Said said = {}, u16 flags = 0);
  Book& corrupt(u64 incarnation, u64 not_above = 99);
  Book& live(u64 incarnation, shmring::ring::AccountWord account, Said said = {});
  // counters: cause, how often, the last sequence under it.
  struct Counted {
    Cause cause;
    u32 count;
    u64 last;
  };
  Book& close(u64 incarnation, shmring::ring::AccountWord account, std::initializer_list<Counted> counters = {}, u16 mask = 0,
              bool died = true, u64 nested = 0);
  void expect(const std::vector<std::string>& lines);
  std::string accounts();

  Ledger ledger;
  std::deque<shmring::ring::RecordHeader> headers;
};

inline shmring::ring::AccountWord finished(u64 sequence) { return {sequence, true}; }
inline shmring::ring::AccountWord in_flight(u64 sequence) { return {sequence, false}; }
inline constexpr u16 full = 1 << static_cast<int>(Cause::full);
inline constexpr u16 too_big = 1 << static_cast<int>(Cause::too_big);

}  // namespace plain
