// Records of several chunks. They are held until they are whole, or until it is known that they never will be. Values in,
// values out.
//
// Invariants:
//   - a record is whole when every chunk of its sequence is here. Chunks of several producers, and late ones, come in any
//     order;
//   - a chunk's slots are given back with the whole record's line. They are also given back, and the sequence becomes a loss
//     like any other, when a later sequence of its producer was seen, when its attempt is finished and the walk is past it, or
//     when its account closes;
//   - a chunk of a sequence that the log already has is given back at once;
//   - if chunks alone use up the room of an overwriting lane, the slots of one record are given back early and their copies are
//     kept. The record can still become whole. If the collector dies before that, the record is overwritten, which that policy
//     permits.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "lib/collect/ledger.hpp"

namespace shmring::collect {

class Reassembly {
 public:
  // `room` is the payload bytes of one slot.
  explicit Reassembly(u32 room) : room_(room) {}

  // Adds one taken record. The ledger says what the log has already. Whatever is whole (a record of one slot, a fault, an
  // aborted attempt, the last chunk) is appended to whole().
  void add(const ring::RawRecord& taken, const Ledger& ledger);

  // Called after all records of a pass were added: drops records that, by a later sequence or a ripe observation, will never be
  // whole.
  void drop(const std::vector<ring::Observation>& ripe);

  // Called after that, if nothing more of this lane can be taken, so that something has to be given back.
  void make_room(u32 lane);

  const std::vector<ring::RawRecord>& whole() const { return whole_; }
  // The slots that may be released once this pass's lines are in the log.
  const std::vector<ring::HeldSlot>& releasable() const { return releasable_; }

  // Called before the next pass's records.
  void begin_pass();

 private:
  struct Partial {
    ring::RecordHeader header{};  // of chunk 0
    ring::HeldSlot first{};       // its place
    std::vector<std::byte> payload;
    std::vector<ring::HeldSlot> places;  // those still held, all in one lane
    std::vector<bool> here;              // by chunk
    std::size_t missing = 0;
    bool late = false;
  };
  using Partials = std::map<std::pair<u64, u64>, Partial>;  // by incarnation and sequence

  void add_chunk(const ring::RawRecord& taken);
  bool place_chunk(Partial& partial, const ring::RawRecord& taken);
  void give_back(const Partial& partial);

  u32 room_;
  Partials partials_;
  std::map<u64, u64> highest_;             // sequences seen in this pass, by incarnation
  std::vector<Partials::node_type> done_;  // whole() has views of these
  std::vector<ring::RawRecord> whole_;
  std::vector<ring::HeldSlot> releasable_;
};

}  // namespace shmring::collect
