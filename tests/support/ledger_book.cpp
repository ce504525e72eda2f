// A ledger, and what a pass would give it: see ledger_book.hpp.
#include "tests/support/ledger_book.hpp"

#include <cstdio>

namespace plain {

Book::Book(bool overwrite) : ledger(overwrite) {}
Book::~Book() = default;

Book& Book::meet(u64 incarnation, u32 entry, shmring::ring::Logged logged, u64 start_time) {
  shmring::ring::Attachment who{entry, incarnation, {77, start_time, shmring::ring::OwnerState::attached}, {}, 0, logged};
  std::snprintf(who.identity.name, sizeof who.identity.name, "p%u", entry);
  ledger.meet({{who, "/bin/app"}}, 1);
  return *this;
}

Record Book::record(u64 incarnation, u64 sequence, Said said, u64 time_ns, u16 flags) {
  shmring::ring::RecordHeader& header = headers.emplace_back();
  header.sequence = sequence, header.refused = said.refused, header.why = said.mask, header.flags = flags;
  if (flags == shmring::ring::flag_aborted) header.kind = static_cast<shmring::ring::u8>(Cause::aborted);
  return {{RawRecord::Fault::none, false, 0, incarnation, {0, sequence}, &header, {}}, time_ns, {}};
}

Book& Book::enter(u64 incarnation, u64 sequence, Said said, u16 flags) {
  const std::vector<Record> one{record(incarnation, sequence, said, 1, flags)};
  ledger.enter(one, 1);
  return *this;
}

Book& Book::corrupt(u64 incarnation, u64 not_above) {
  std::vector<Record> one{record(incarnation, 99)};
  one[0].taken.fault = RawRecord::Fault::corrupt, one[0].taken.not_above = not_above;
  ledger.enter(one, 1);
  return *this;
}

Book& Book::live(u64 incarnation, shmring::ring::AccountWord account, Said said) {
  Observation observation{};
  observation.incarnation = incarnation, observation.account = account;
  observation.refusals = {said.refused, said.mask, said.last};
  ledger.settle({observation}, 1);
  return *this;
}

Book& Book::close(u64 incarnation, shmring::ring::AccountWord account, std::initializer_list<Counted> counters, u16 mask,
                  bool died, u64 nested) {
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

void Book::expect(const std::vector<std::string>& lines) {
  MemoryLog log;
  for (const Line& line : ledger.lines()) log.append(line);
  ledger.clear_lines();
  std::string found, expected;
  for (const std::string& line : log.lines) found += line + "\n";
  for (const std::string& line : lines) expected += line + "\n";
  CHECK(found == expected);
}

std::string Book::accounts() {
  MemoryLog log;
  log.append(shmring::log::accounts_line(1, ledger.accounts()));
  return log.lines[0];
}

}  // namespace plain
