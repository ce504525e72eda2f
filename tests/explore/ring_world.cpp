// The ring's world and its oracle.
#include "tests/explore/ring_world.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace explore {

using namespace shmring::ring;
namespace log = shmring::log;

namespace {
constexpr u32 slot_bytes = 128;
alignas(line_bytes) std::byte memory_block[32 * 1024];
}  // namespace

RingWorld::RingWorld(const Plan& plan) : plan_(plan) {
  std::memset(memory_block, 0, sizeof memory_block);
  Geometry geometry{};
  geometry.slots = plan.slots, geometry.slot_bytes = slot_bytes, geometry.lanes = plan.lanes;
  geometry.producers = plan.entries, geometry.max_record = plan.chunks * (slot_bytes - sizeof(Slot));
  geometry.on_full = static_cast<u32>(plan.policy), geometry.wait_us = 1;
  geometry.size = sizeof(Header) + plan.entries * sizeof(Entry) + plan.lanes * (sizeof(Lane) + plan.slots * slot_bytes);
  auto* at = memory_block;
  ring_.header = reinterpret_cast<Header*>(at), at += sizeof(Header);
  ring_.entries = reinterpret_cast<Entry*>(at), at += plan.entries * sizeof(Entry);
  ring_.lanes = reinterpret_cast<Lane*>(at), at += plan.lanes * sizeof(Lane);
  ring_.slots = at;
  ring_.use(geometry);
  ring_.incarnation_base = base;
  ring_.header->state = static_cast<u32>(SegmentState::open);
}

void* RingWorld::memory() const { return memory_block; }

Owner RingWorld::owner(int role) { return {static_cast<u32>(role + 1), 1, OwnerState::free}; }

void RingWorld::reset() {
  log_.clear();
  deeds_ = {};
  effects_ = 0;
  named_ = true, lock_ = -1;
  rows_.reset();
  writer_.fill(-1);
  released_.fill(0);
  most_reading_.fill(0);
  released_at_.clear();
}

Seen RingWorld::seen(const Access& access) const {
  if (access.kind == Kind::line || access.kind == Kind::kernel || access.kind == Kind::proof || access.kind == Kind::wake)
    return Seen::by_all;
  const auto current = static_cast<std::size_t>(Scheduler::active().current());
  switch (access.at) {
    case At::fill:
    case At::copy_out:     // the owner's in WRITING, the collector's in READING: wrote() checks the owner
    case At::nested_seen:  // of the dead and of those who left
    case At::high_water:
    case At::high_water_seen:
    case At::waiters_now:
    case At::durable_seen:
    case At::durable_resume:
    case At::level:  // it stays as it is from the start
    case At::level_seen: return Seen::by_nobody;
    case At::figure:
    case At::figure_seen:  // one of them is judged: see look_at_status
      return access.address == &ring_.header->status.heartbeat_ns ? Seen::by_all : Seen::by_nobody;
    case At::identity_fill:
    case At::identity_copy:  // written before the state says attached, read after
      return plan_.observers > 0 ? Seen::by_all : Seen::by_nobody;
    case At::segment_state:
    case At::segment_again: return plan_.removers > 0 ? Seen::by_all : Seen::by_nobody;  // else nobody retires the segment
    case At::lane_set:      // read only once the state says attached
    case At::lane_seen:     // written before it did
    case At::counter_seen:  // of the dead and of those who left
    case At::logged:
    case At::logged_seen:  // for a log that does not know the incarnation: never here
      return plan_.observers + plan_.removers > 0 ? Seen::by_all : Seen::by_nobody;
    case At::freed_bump:
    case At::waiters_seen: return plan_.policy == OnFull::wait ? Seen::by_all : Seen::by_nobody;  // else nobody sleeps
    case At::look:
    case At::look_alone:
    case At::head_seen:
    case At::tail_hint:
    case At::tail_help:
    case At::tail_own:  // overwriting, with all slots busy: more than a thousand positions; all but the first few are one step
      return deeds_[current].passed > 2 * plan_.slots ? Seen::by_nobody : Seen::by_all;
    case At::entry_zero:  // attachers look at the owner word alone
      return access.address == &ring_.entries[entry_of(access.address)].owner ? Seen::by_all : Seen::by_successors;
    default: return Seen::by_all;
  }
}

bool RingWorld::on_trial(const Access& access) const {
  return access.at == At::identity_copy &&
         Scheduler::active().roles()[static_cast<std::size_t>(Scheduler::active().current())].name.starts_with('S');
}

u64 RingWorld::remembers(int role) {
  const Deeds& deeds = deeds_[static_cast<std::size_t>(role)];
  u64 hash =
      mix(mix(deeds.incarnation, deeds.published), deeds.attempted << 8 | u64{deeds.attached} << 7 | u64{deeds.finished});
  hash = mix(mix(hash, deeds.overwritten), deeds.shed);
  hash = mix(mix(hash, static_cast<u64>(deeds.entry + 1)), deeds.lane);
  hash = mix(hash, deeds.durable);
  for (u64 sequences : deeds.refused) hash = mix(hash, sequences);
  return hash;
}

int RingWorld::entry_of(const void* address) const {
  auto* at = static_cast<const Entry*>(address);
  if (at < ring_.entries || at >= ring_.entries + plan_.entries) return -1;
  return static_cast<int>((static_cast<const std::byte*>(address) - reinterpret_cast<std::byte*>(ring_.entries)) /
                          sizeof(Entry));
}

int RingWorld::slot_of(const void* address) const {
  auto* at = static_cast<const std::byte*>(address);
  if (at < ring_.slots) return -1;
  const auto number = static_cast<u32>(at - ring_.slots) / slot_bytes;
  return number < plan_.slots * plan_.lanes ? static_cast<int>(number) : -1;
}

Slot& RingWorld::slot(int number) const {
  return ring_.slot(static_cast<u32>(number) / plan_.slots, static_cast<u32>(number) % plan_.slots);
}

RingWorld::Deeds* RingWorld::deeds_of(u64 incarnation, int* role) {
  for (std::size_t i = 0; i < deeds_.size(); ++i) {
    if (deeds_[i].incarnation != incarnation) continue;
    if (role != nullptr) *role = static_cast<int>(i);
    return &deeds_[i];
  }
  return nullptr;
}

std::vector<u64> RingWorld::payload(int role, u64 sequence) const {
  return std::vector<u64>((plan_.chunks - 1) * ring_.slot_payload() / sizeof(u64) + 1, u64(role + 1) << 32 | sequence);
}

void RingWorld::wrote(int role, const Access& access, u64 before, u64 after) {
  if (before != after || access.kind == Kind::copy_in) ++effects_;
  rows_.wrote(role, access, before, after);
  if (const int entry = entry_of(access.address); entry >= 0) return wrote_entry(role, entry, access, after);
  if (const int number = slot_of(access.address); number >= 0) return wrote_slot(role, number, access, before, after);
  if (access.at == At::tail_help || access.at == At::tail_own) ++deeds_[static_cast<std::size_t>(role)].passed;
  if (access.at != At::head_publish) return;
  most_reading_.fill(0);
  Outside outside;
  released_at_[{access.address, after}] = released_;
}

void RingWorld::looked(int role, const Access& access, u64 value) {
  rows_.looked(role, access, value);
  Deeds& deeds = deeds_[static_cast<std::size_t>(role)];
  if (access.at == At::head_seen) {
    const auto known = released_at_.find({access.address, value});
    deeds.behind = known == released_at_.end() ? nullptr : &known->second;
  } else if (const auto* behind = std::exchange(deeds.behind, nullptr); behind != nullptr && access.at == At::look) {
    if (Word::of(value).lap < (*behind)[static_cast<std::size_t>(slot_of(access.address))])
      Scheduler::active().fail("a slot that was released before the head that its producer sees is stepped over");
  }
}

void RingWorld::wrote_entry(int role, int entry, const Access& access, u64 after) {
  Deeds& deeds = deeds_[static_cast<std::size_t>(role)];
  switch (access.at) {
    case At::owner_claim: deeds.entry = entry; return check_free(entry);
    case At::incarnation_set: deeds.incarnation = after; return;
    case At::lane_set: deeds.lane = after; return;
    case At::owner_state: deeds.attached |= Owner::of(after).state == OwnerState::attached; return;
    case At::attempt:
    case At::finish:
      deeds.attempted = AccountWord::of(after).attempted;
      deeds.finished = AccountWord::of(after).finished;
      return;
    case At::counter: {
      const auto* first = ring_.entries[entry].counters;
      const auto cause = static_cast<std::size_t>(static_cast<const std::atomic<u64>*>(access.address) - first);
      deeds.refused[cause] |= u64{1} << Counter::of(after).last;
      return;
    }
    default: return;
  }
}

// An entry that was just claimed.
void RingWorld::check_free(int entry) {
  const auto owner = static_cast<u32>(entry + 1);
  for (int number = 0; number < static_cast<int>(plan_.slots * plan_.lanes); ++number) {
    if (Word::of(slot(number).word).owner == owner)
      Scheduler::active().fail("an entry is claimed while a slot word still names it");
  }
  for (u32 lane = 0; lane < plan_.lanes; ++lane) {
    if (ring_.lanes[lane].owner == owner) Scheduler::active().fail("an entry is claimed while a lane still names it");
  }
}

void RingWorld::wrote_slot(int role, int number, const Access& access, u64 before, u64 after) {
  Scheduler& scheduler = Scheduler::active();
  int& writer = writer_[static_cast<std::size_t>(number)];
  if (access.kind == Kind::copy_in) {
    const Word now = Word::of(slot(number).word);
    if (writer != role || now.state != SlotState::writing)
      scheduler.fail("bytes of a slot are written by a role that does not own it");
    return;
  }
  const Word from = Word::of(before), to = Word::of(after);
  if (from.state == SlotState::writing && writer != role &&
      scheduler.roles()[static_cast<std::size_t>(writer)].state != RoleState::killed)
    scheduler.fail("a slot is taken from a live owner");
  if (to.state == SlotState::reading && from != Word{to.lap, to.owner, SlotState::ready})
    scheduler.fail("a record is taken that is not there any more");
  if (to.state == SlotState::reading && plan_.policy == OnFull::overwrite &&
      reading(static_cast<u32>(number) / plan_.slots) > std::max(plan_.slots / 2, u32{1}))
    scheduler.fail("more than half of a lane is READING, although others may overwrite the rest only");
  if (access.at == At::take) most_reading_.fill(0);
  if (access.at == At::release) check_release(number);
  if (to.state == SlotState::empty) released_[static_cast<std::size_t>(number)] = to.lap;
  Deeds& deeds = deeds_[static_cast<std::size_t>(role)];
  if (to.state == SlotState::writing) {
    if (from.state != SlotState::empty) check_overwrite(role, number, access, from);
    writer = role;
    deeds.passed = 0;
  }
  if (to.state != SlotState::ready) return;
  const RecordHeader& header = slot(number).header;
  if ((header.flags & flag_aborted) != 0 || header.chunk + 1 != header.chunks) return;
  const u64 sequence = header.sequence;
  deeds.published |= u64{1} << sequence;
  const Truth* truth = log_.truth(deeds.incarnation);
  if (truth != nullptr && truth->through >= sequence) scheduler.fail("a record is published that the log has as lost");
}

// A slot that was not EMPTY becomes a producer's.
void RingWorld::check_overwrite(int role, int number, const Access& access, Word from) {
  Scheduler& scheduler = Scheduler::active();
  if (plan_.policy != OnFull::overwrite) scheduler.fail("a record is overwritten, although the policy is another");
  if (from.state != SlotState::ready || access.at != At::overwrite)
    scheduler.fail(scheduler.roles()[static_cast<std::size_t>(role)].name + " takes a slot that is not READY");
  const RecordHeader& old = slot(number).header;
  if ((old.flags & flag_aborted) != 0) return;  // it is counted as a refusal
  Deeds& loser = deeds_[static_cast<std::size_t>(writer_[static_cast<std::size_t>(number)])];
  const Truth* truth = log_.truth(loser.incarnation);
  const bool logged = truth != nullptr && truth->through >= old.sequence;
  if (!logged) loser.overwritten |= u64{1} << old.sequence;
  // What the log has as an event is READING until it is released; what it has as lost may lie here as a chunk.
}

u32 RingWorld::reading(u32 lane) const {
  u32 sum = 0;
  for (u32 index = 0; index < plan_.slots; ++index)
    sum += Word::of(ring_.slot(lane, index).word).state == SlotState::reading ? 1 : 0;
  return sum;
}

// A slot that was READING has become EMPTY. A chunk of a record that can still get whole may be given back before the record is
// in the log only where half of the lane is READING.
void RingWorld::check_release(int number) {
  if (plan_.policy != OnFull::overwrite) return;
  const RecordHeader& header = slot(number).header;
  Deeds& deeds = deeds_[static_cast<std::size_t>(writer_[static_cast<std::size_t>(number)])];
  u32& most = most_reading_[static_cast<u32>(number) / plan_.slots];
  most = std::max(most, reading(static_cast<u32>(number) / plan_.slots) + 1);
  const Truth* truth = log_.truth(deeds.incarnation);
  if (header.sequence == 0 || (truth != nullptr && truth->through >= header.sequence)) return;
  deeds.shed |= u64{1} << header.sequence;
  const bool can_get_whole = deeds.has_published(header.sequence) || deeds.is_open(header.sequence);
  if (can_get_whole && !deeds.was_overwritten(header.sequence) && most < plan_.slots / 2)
    Scheduler::active().fail("a chunk is given back early, although its lane has room");
}

// What claim_shared would find at this moment.
bool RingWorld::can_claim(u32 lane) const {
  for (u64 tail = ring_.lanes[lane].tail, most = tail + 2 * plan_.slots; tail < most; ++tail) {
    const Word word = Word::of(ring_.slot(lane, ring_.index(tail)).word);
    if (word.state == SlotState::empty && word.lap <= ring_.lap(tail)) return true;
    if (word.lap < ring_.lap(tail) && ring_.lanes[lane].head + plan_.slots <= tail) return false;
  }
  return false;
}

std::string RingWorld::overslept(int role) {
  const int entry = deeds_[static_cast<std::size_t>(role)].entry;
  if (const u64 awaited = deeds_[static_cast<std::size_t>(role)].waits_for; awaited != 0)
    return ring_.entries[entry].durable >= awaited ? " sleeps past what it waits for: a wake-up was lost"
                                                   : " waits for what nobody makes durable";
  const auto lane = static_cast<u32>(ring_.entries[entry].lane);
  return can_claim(lane) ? " sleeps past a free slot: a wake-up was lost" : "";
}

void RingWorld::append(const log::Line& line) {
  Scheduler& scheduler = Scheduler::active();
  scheduler.point({At{}, Kind::line, nullptr, 0});
  Outside outside;
  if (scheduler.recording()) scheduler.note(describe(line));
  rows_.appended(line);
  if (const auto* event = std::get_if<log::Event>(&line)) check(*event);
  if (const auto* loss = std::get_if<log::Loss>(&line)) check(*loss);
  const std::string wrong = log_.append(line);
  if (!wrong.empty()) scheduler.fail(wrong);
  ++effects_;
  scheduler.log_is(log_.digest());
}

void RingWorld::check(const log::Event& line) {
  Scheduler& scheduler = Scheduler::active();
  int role = 0;
  const Deeds* deeds = deeds_of(line.incarnation, &role);
  if (deeds == nullptr) scheduler.fail("an event of an incarnation that nobody has");
  if (line.sequence > 63 || !deeds->has_published(line.sequence)) scheduler.fail("an event that was never published");
  if (deeds->was_overwritten(line.sequence)) scheduler.fail("an event that was overwritten before it was taken");
  const auto expected = payload(role, line.sequence);
  const auto bytes = std::as_bytes(std::span(expected));
  if (!std::equal(line.payload.begin(), line.payload.end(), bytes.begin(), bytes.end()))
    scheduler.fail("an event with another record's bytes");
  if (plan_.types > 0 && line.type_name != scheduler.roles()[static_cast<std::size_t>(role)].name)
    scheduler.fail("an event without its type's name");
}

void RingWorld::check(const log::Loss& line) {
  Scheduler& scheduler = Scheduler::active();
  int role = 0;
  const Deeds* deeds = deeds_of(line.incarnation, &role);
  if (deeds == nullptr || line.last > deeds->attempted) scheduler.fail("a loss of what was never attempted");
  u64 overwritten = 0, open = 0;
  for (u64 sequence = line.first; sequence <= line.last; ++sequence) {
    if (!deeds->has_published(sequence)) continue;
    if (!deeds->was_overwritten(sequence) && !deeds->may_be_lost(sequence))
      scheduler.fail("a loss line for a published record");
    ++(deeds->is_open(sequence) ? open : overwritten);
  }
  const u64 said = line.causes[log::Cause::overwritten];
  if (said < overwritten || said > overwritten + open) scheduler.fail("a loss line does not count what was overwritten");
  const bool killed = scheduler.roles()[static_cast<std::size_t>(role)].state == RoleState::killed;
  if (line.causes[log::Cause::died] > (killed ? 1 : 0)) scheduler.fail("a loss by death of a producer that lives");
  if (line.causes[log::Cause::corrupt] != 0) scheduler.fail("a loss of a corrupt record, although nobody scribbled");
  const u64 range = (u64{2} << line.last) - (u64{1} << line.first);
  for (std::size_t i = 0; i < refusal_causes; ++i)
    if (line.causes.count[i] > static_cast<u64>(std::popcount(deeds->refused[i] & range)))
      scheduler.fail("a loss line names a refusal of which its range has not so many");
}

}  // namespace explore
