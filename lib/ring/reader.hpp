// The collector's side of the ring: what it sees of entries, tails and slots, and what it gives back. One thread uses it.
//
// The steps of a pass, in the order in which collect/collector.hpp calls them (numbers as in the design):
//   read_entries 1 · read_tails 2 · walk 3 · revisit 4 · ripe (for 5 and 6) · release 7 · publish_head 8 · free_entries 9
// look_over is called once, before the first pass.
//
// Invariants:
//   - the reader has a private head `h` for each lane. Each position below it is taken, listed as stalled, or over;
//   - a taken slot stays READING until release, which comes after the log's lines (for a chunk, after those of the whole
//     record). The head is published after release, and held chunks do not hold it back;
//   - death is proven before the entry's words are read, and these are read before the tail that an observation waits for;
//   - nothing here waits, and each pass does a bounded amount of work whatever the memory says. Only read_entries looks at all
//     entries;
//   - with the policy overwrite at most half of a lane is READING. A record that is left READY for that reason is never called
//     lost: reader_room.ipp.
//
// `Witness` proves deaths: look() before the questions of a reading, bool dead(u32 entry, u64 owner_word), forget(u32 entry).
// It is os::Deaths, or a test's.
#pragma once

#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lib/include/shmring/shmring.h"
#include "lib/ring/found.hpp"
#include "lib/ring/lane.hpp"

namespace shmring::ring {

// Private copies of records, in cells of slot_bytes each. Cells keep their place while a pass adds more.
class Cells {
 public:
  explicit Cells(u32 cell_bytes) : cell_bytes_(cell_bytes) {}
  RecordHeader* next() {
    if (used_ == blocks_.size() * block_cells) blocks_.push_back(std::make_unique<std::byte[]>(block_cells * cell_bytes_));
    std::byte* block = blocks_[used_ / block_cells].get();
    return reinterpret_cast<RecordHeader*>(block + (used_++ % block_cells) * cell_bytes_);
  }
  void clear() { used_ = 0; }

 private:
  static constexpr std::size_t block_cells = 256;
  std::size_t cell_bytes_, used_ = 0;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
};

// How often a live producer's account is looked at before it is left for the next time.
inline constexpr u32 account_looks = 4;

struct Pace {
  u32 slots_a_pass = 1024;  // walked at most, over all lanes
  u32 slots_a_turn = 128;   // of one lane, before the next lane has its turn
  u32 spins = 8;            // looks at a WRITING slot before it is listed as stalled
  u32 pauses = 64;          // before each such look, since it takes the line from the slot's writer, at this slot and the next
  u32 first_pauses = 4;     // the first number of pauses for a record that comes alone and is wanted soon; it doubles each time

  u32 pauses_before(u32 spin, bool flowing) const {
    return flowing || u64{first_pauses} << spin > pauses ? pauses : first_pauses << spin;
  }
};

template <class M>
class Reader {
 public:
  Reader(const Ring& ring, Pace pace);

  void look_over();
  template <class Witness>
  void read_entries(Witness& witness);
  void read_tails();
  void read_tail(u32 lane);
  void walk(u32 slots);
  void revisit();
  std::vector<Observation> ripe();
  void release(std::span<const HeldSlot> places);
  bool publish_head(u32 lane);
  template <class Witness>
  void free_entries(const std::vector<u32>& entries, Witness& witness);
  void note_logged(u32 entry, u64 through, u64 refused) { set_logged<M>(ring_.entries[entry], through, refused); }
  // Shows that all sequences of this life up to `through` survive a power cut. Of a life that is over, it shows nothing.
  // Returns true if the producer is to be woken (Host::wake_waiter, on the entry's word `durable`).
  bool note_durable(u32 entry, u64 incarnation, u64 through);

  // What this pass has found so far.
  const std::vector<Attachment>& attachments() const { return attachments_; }
  const std::vector<u64>& vanished() const { return vanished_; }  // incarnations whose entries were overwritten
  const std::vector<RawRecord>& taken() const { return taken_; }
  // Entries whose words made no sense in the last read_entries, and stalled slots whose words make no sense in this pass.
  u32 refused_entries() const { return refused_entries_; }
  u32 scribbled() const { return scribbled_; }
  u64 repairs() const { return repairs_; }  // impossible heads and tails so far
  void begin_pass();

  u32 lanes() const { return ring_.geometry.lanes; }
  u64 head(u32 lane) const { return lanes_[lane].head; }
  bool waits_at_head(u32 lane) const { return lanes_[lane].at_end; }  // the walk found nothing at h
  bool is_idle() const;                                               // nothing in any lane, and nothing left for want of room
  // Returns true if a pass without entries and tails would find what the last pass found: nothing.
  bool is_still_idle() const;
  bool has_tail_moved(u32 lane) const;  // since it was last read
  bool lacks_room(u32 lane) const;
  std::size_t stalled() const;
  bool names_entry(u64 incarnation) const;  // as of the last read_entries

 private:
  struct Stalled {
    u32 index;
    u32 owner;     // this and …
    u64 position;  // … this as last seen
  };
  struct LaneView {
    u64 head = 0;         // h
    u64 published = 0;    // head as producers see it
    u64 tail = 0;         // as last read: a lower bound
    u64 high_water = 0;   // seen by this collector
    bool at_end = false;  // the walk found nothing at h in this pass, but …
    Word end_word{};      // … this word
    u32 walked = 0;       // in this pass
    bool released = false;
    u32 held = 0;    // the number of slots in is_held
    u32 ahead = 0;   // slots that a predecessor left READING and that the walk has still to reach
    u32 behind = 0;  // slots that a predecessor left READING and that are on the list
    std::vector<Stalled> listed;
    std::vector<bool> is_listed;
    std::vector<bool> is_held;  // READING by this collector
    bool tight = false;         // this pass follows the rules for a lane that is short of room
    bool passed_one = false;    // the walk has passed a slot at h that is now on the list
    bool at_limit = false;      // the walk ended for want of room in this pass
    bool left_ready = false;    // the last look at the list left a READY slot there for want of room
    // Slots that are READING now, and these together with the listed slots that may have to become so.
    std::size_t reading() const { return std::size_t{held} + ahead + behind; }
    std::size_t promised() const { return std::size_t{held} + ahead + listed.size(); }
  };
  struct Occupant {
    u64 incarnation = 0;  // 0: not met, or refused
    u32 lane = 0;
    u64 highest = 0;  // highest sequence seen
    u64 settled = 0;  // the last finished attempt, as the last ripe observation showed it
    bool dead = false;
    bool watched = false;  // the witness was asked
    bool refused = false;
    bool fresh = false;  // the observation was taken in this pass, and its tail is still to come
    std::optional<Observation> observation;
  };
  void jump(u32 lane);
  bool step(u32 lane);
  static bool end_walk(LaneView& view, Word word);
  void list(u32 lane, u32 index, Word word);
  bool judge(u32 lane, Stalled& it);
  void look_at_room();
  bool may_take(u32 lane, u32 owner) const;
  bool may_list(const LaneView& view) const { return view.tight || view.promised() < limit_; }
  bool may_take_listed(const LaneView& view, bool as_last_seen) const;
  bool is_published_on_list(u32 lane, u32 owner) const;
  void hold(u32 lane, u32 index, Word word, bool late);
  bool is_sound(const RecordHeader& record, Word word, u32 lane, u32 index);
  bool is_met(u32 owner);
  bool meet(u32 entry, Owner owner);
  template <class Witness>
  void read_entry(u32 entry, Witness& witness);
  void look_at_account(u32 entry, bool closing, bool died);
  void forget(u32 entry);
  bool is_dead(u32 owner) const { return owner != 0 && owner <= occupants_.size() && occupants_[owner - 1].dead; }
  bool is_stalled(u32 owner) const;
  bool is_taken(const LaneView& view) const { return view.held + view.listed.size() >= ring_.geometry.slots; }
  bool is_ripe(const Observation& observation) const;

  Ring ring_;
  Pace pace_;
  std::size_t limit_;  // the most READING slots in a lane
  std::vector<LaneView> lanes_;
  std::vector<Occupant> occupants_;
  std::unordered_set<u64> met_;    // the occupants' incarnations
  std::vector<u32> observed_;      // the entries with an observation, each once. Some may have lost theirs
  std::vector<bool> is_observed_;  // that are in this list
  std::vector<Attachment> attachments_;
  std::vector<u64> vanished_;
  std::vector<RawRecord> taken_;
  Cells cells_;
  u32 next_turn_ = 0;     // the lane with which the next walk begins
  bool flowing_ = false;  // the pass before found records
  u32 refused_entries_ = 0;
  u32 scribbled_ = 0;
  u64 repairs_ = 0;
};

}  // namespace shmring::ring

#include "lib/ring/reader_entries.ipp"
#include "lib/ring/reader_room.ipp"
#include "lib/ring/reader_slots.ipp"
