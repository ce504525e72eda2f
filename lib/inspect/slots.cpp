// Slots as plain values: see inspect.hpp. Invariant: a slot's bytes are copied once, between two looks at its word. Only the
// copy is judged and shown.
#include <algorithm>
#include <memory>

#include "lib/include/shmring/shmring.h"
#include "lib/inspect/inspect.hpp"
#include "lib/ring/account.hpp"

namespace shmring::inspect {
namespace {

using Memory = ring::HardwareMemory;
using ring::SlotState;

const char* impossible_in(const ring::Ring& ring, const ring::RecordHeader& record) {
  if (record.length > ring.slot_payload()) return "length is longer than a slot";
  if (record.sequence == 0) return "sequence is 0";
  const bool aborted = (record.flags & ring::flag_aborted) != 0;  // then its kind is the cause
  if (aborted && record.kind >= ring::refusal_causes) return "the cause of an aborted record is not one that a handle counts";
  if (!aborted && record.kind > SHMRING_KIND_BYTES) return "kind is not text, json, fields or bytes";
  if (record.chunk >= record.chunks) return "chunk is not below chunks";
  return nullptr;
}

std::string at(const SlotFacts& slot) {
  return "lane " + std::to_string(slot.lane) + " slot " + std::to_string(slot.index) + ": ";
}

// `cell` is private memory for a RecordHeader with the slot's payload behind it.
SlotFacts read_slot(const ring::Ring& ring, u32 lane, u32 index, std::byte* cell, Findings& findings) {
  ring::Slot& slot = ring.slot(lane, index);
  SlotFacts facts;
  facts.lane = lane;
  facts.index = index;
  facts.word = ring::observe<Memory>(slot);
  facts.position = ring.position(facts.word.lap, index);
  ring::copy_out<Memory>(cell, &slot.header, sizeof slot.header + ring.slot_payload());
  // The producer's entry keeps its incarnation until the slot is released, so what is read before the second look is of both.
  const bool has_entry = facts.word.owner != 0 && facts.word.owner <= ring.geometry.producers;
  const u64 incarnation = has_entry ? ring::incarnation_seen<Memory>(ring.entries[facts.word.owner - 1]) : 0;
  facts.moved = !(ring::observe<Memory>(slot) == facts.word);
  const auto* record = reinterpret_cast<const ring::RecordHeader*>(cell);
  facts.header = *record;
  facts.bytes = {cell + sizeof *record, ring.slot_payload()};
  if (facts.moved || (facts.word.state != SlotState::ready && facts.word.state != SlotState::reading)) return facts;
  if (const char* const problem = impossible_in(ring, *record)) {
    findings.add(at(facts) + problem);
    return facts;
  }
  facts.has_record = true;
  facts.bytes = facts.bytes.first(record->length);
  if (!(ring.geometry.flags & ring::with_tripwire)) {
    facts.hash = Hash::absent;
  } else if (ring.header->version == ring::version && incarnation != 0) {  // older versions hash otherwise
    facts.hash = ring::tripwire(ring::standing(facts.position, facts.word.owner, lane), incarnation, *record) == record->hash
                     ? Hash::good
                     : Hash::bad;
    if (facts.hash == Hash::bad)
      findings.add(
          at(facts) +
          "the hash does not match: the record, its slot's owner or its producer's entry was changed after it was written");
  }
  return facts;
}

}  // namespace

void read_slots(const os::Segment& segment, const SlotFilter& filter, const std::function<bool(const SlotFacts&)>& show,
                Findings& findings) {
  const ring::Ring& ring = segment.ring;
  if (ring.entries == nullptr) return;
  // u64 aligns it for a RecordHeader.
  const auto cell = std::make_unique<u64[]>(ring.geometry.slot_bytes / sizeof(u64));
  for (u32 lane = filter.lane.value_or(0); lane < std::min(ring.geometry.lanes, filter.lane.value_or(~1u) + 1); ++lane) {
    for (u32 index = filter.first; index < ring.geometry.slots && index <= filter.last; ++index) {
      if (filter.state && ring::observe<Memory>(ring.slot(lane, index)).state != *filter.state) continue;
      const SlotFacts slot = read_slot(ring, lane, index, reinterpret_cast<std::byte*>(cell.get()), findings);
      if (filter.state && slot.word.state != *filter.state) continue;
      if (!show(slot)) return;
    }
  }
}

}  // namespace shmring::inspect
