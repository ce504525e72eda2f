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
  explicit Book(bool overwrite = false) : ledger(overwrite) {}

  Book& meet(u64 incarnation, u32 entry = 0, shmring::ring::Logged logged = {0, 0}, u64 start_time = 1) {
    shmring::ring::Attachment who{entry, incarnation, {77, start_time, shmring::ring::OwnerState::attached}, {}, 0, logged};
    std::snprintf(who.identity.name, sizeof who.identity.name, "p%u", entry);
    ledger.meet({{who, "/bin/app"}}, 1);
    return *this;
  }
  Record record(u64 incarnation, u64 sequence, Said said = {}, u64 time_ns = 1, u16 flags = 0) {
    shmring::ring::RecordHeader& header = headers.emplace_back();
    header.sequence = sequence, header.refused = said.refused, header.why = said.mask, header.flags = flags;
    if (flags == shmring::ring::flag_aborted) header.kind = static_cast<shmring::ring::u8>(Cause::aborted);
    return {{RawRecord::Fault::none, false, 0, incarnation, {0, sequence}, &header, {}}, time_ns, {}};
  }
  Book& enter(u64 incarnation, u64 sequence, Said said = {}, u16 flags = 0) {
    const std::vector<Record> one{record(incarnation, sequence, said, 1, flags)};
    ledger.enter(one, 1);
    return *this;
  }
  Book& corrupt(u64 incarnation, u64 not_above = 99) {
    std::vector<Record> one{record(incarnation, 99)};
    one[0].taken.fault = RawRecord::Fault::corrupt, one[0].taken.not_above = not_above;
    ledger.enter(one, 1);
    return *this;
  }
  Book& live(u64 incarnation, shmring::ring::AccountWord account, Said said = {}) {
    Observation observation{};
    observation.incarnation = incarnation, observation.account = account;
    observation.refusals = {said.refused, said.mask, said.last};
    ledger.settle({observation}, 1);
    return *this;
  }
  // counters: cause, how often, the last sequence under it.
  struct Counted {
    Cause cause;
    u32 count;
    u64 last;
  };
  Book& close(u64 incarnation, shmring::ring::AccountWord account, std::initializer_list<Counted> counters = {}, u16 mask = 0,
              bool died = true, u64 nested = 0) {
    Observation observation{};
    observation.incarnation = incarnation, observation.account = account, observation.closing = true, observation.died = died;
    observation.nested = nested;
    u32 total = 0;
    for (const Counted& it : counters) {
      observation.counters[static_cast<std::size_t>(it.cause)] = {it.count, static_cast<u32>(it.last)};
      total += it.count;
    }
    observation.refusals = {total, mask, 0};
    ledger.settle({observation}, 1);
    return *this;
  }
  void expect(const std::vector<std::string>& lines) {
    MemoryLog log;
    for (const Line& line : ledger.lines()) log.append(line);
    ledger.clear_lines();
    std::string found, expected;
    for (const std::string& line : log.lines) found += line + "\n";
    for (const std::string& line : lines) expected += line + "\n";
    CHECK(found == expected);
  }
  std::string accounts() {
    MemoryLog log;
    log.append(shmring::log::accounts_line(1, ledger.accounts()));
    return log.lines[0];
  }

  Ledger ledger;
  std::deque<shmring::ring::RecordHeader> headers;
};

inline shmring::ring::AccountWord finished(u64 sequence) { return {sequence, true}; }
inline shmring::ring::AccountWord in_flight(u64 sequence) { return {sequence, false}; }
inline constexpr u16 full = 1 << static_cast<int>(Cause::full);
inline constexpr u16 too_big = 1 << static_cast<int>(Cause::too_big);

}  // namespace plain
