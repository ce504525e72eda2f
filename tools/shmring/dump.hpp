// shmring dump: its options, and its two forms of output.
//
// Invariant: the functions for output get an Inspection and its slots as plain values, and only print them.
#pragma once

#include <string>

#include "lib/inspect/inspect.hpp"

namespace shmring::tool {

struct DumpOptions {
  std::string name, output = "text", slots, state;
  std::optional<ring::u32> lane;
  bool hex = false;
};

void dump_text(const inspect::Inspection& facts, const std::string& path);
void dump_slot_heads();
void dump_slot_text(const inspect::SlotFacts& slot, const inspect::Inspection& facts, bool hex);

void dump_json(const inspect::Inspection& facts);
void dump_slot_json(const inspect::SlotFacts& slot, const inspect::Inspection& facts, bool hex);

// Returns the producer in the entry of a slot's owner, or NULL.
const inspect::ProducerFacts* owner_of(const inspect::Inspection& facts, ring::u64 owner);
// Returns the type's name, or its number.
std::string type_text(const inspect::Inspection& facts, ring::u32 type);
// Returns the kind of the payload. It is "none" for an aborted slot, whose kind is a cause.
const char* kind_name(const ring::RecordHeader& record);
const char* hash_name(inspect::Hash hash);
// Returns the bits of a mask of causes, with `between` between them.
std::string mask_text(ring::u16 mask, const char* between);

}  // namespace shmring::tool
