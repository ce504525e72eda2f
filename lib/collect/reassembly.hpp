// Records of several chunks: held until they are whole, or until it is known that they never will be. Values in, values out.
//
// Invariants:
//   - a record is whole when every chunk of its sequence is here; chunks of several producers, and late ones, come in any way;
//   - the slots of a chunk are given back with the whole record's line, or when a later sequence of its producer was seen, its
//     attempt is finished with the walk past it, or its account closes: then the sequence is a loss, like any other;
//   - a chunk of a sequence that the log has already is given back at once;
//   - where chunks alone use up the room of an overwriting lane, those of one record are given back early, and their copies
//     kept: the record can still become whole. If the collector dies before, it is overwritten, as that policy permits.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "lib/collect/ledger.hpp"

namespace shmring::collect {

class Reassembly {
 public:
  // room: payload bytes of one slot.
  explicit Reassembly(u32 room) : room_(room) {}

  // One taken record; the ledger says what the log has already. What is whole (a record of one slot, a fault, an aborted
  // attempt, the last chunk) is appended to whole().
  void add(const ring::RawRecord& taken, const Ledger& ledger);

  // After all of a pass were added: drop what a later sequence, or a ripe observation, says will never be whole.
  void drop(const std::vector<ring::Observation>& ripe);

  // After that: of this lane nothing more can be taken, so something has to be given back.
  void make_room(u32 lane);

  const std::vector<ring::RawRecord>& whole() const { return whole_; }
  // The slots that may be released once this pass's lines are in the log.
  const std::vector<ring::HeldSlot>& releasable() const { return releasable_; }

  // Before the next pass's records.
  void begin_pass();

 private:
  struct Partial {
    ring::RecordHeader header{};  // of chunk 0
    ring::HeldSlot first{};       // its place
    std::vector<std::byte> payload;
    std::vector<ring::HeldSlot> places;  // those still held, all of one lane
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
  std::vector<Partials::node_type> done_;  // whole() has views of them
  std::vector<ring::RawRecord> whole_;
  std::vector<ring::HeldSlot> releasable_;
};

}  // namespace shmring::collect
