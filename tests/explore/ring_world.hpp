// The world of the ring's exploration: a small segment in plain memory, a log in plain memory, and the oracle over
// both.
//
// The oracle knows what each producer's code did, from its own stores, and so what the log must say; it looks
//   - at each store: no slot is taken from a live owner, no bytes of it are written by another; no entry is claimed
//     while a slot or a lane still names it; READY is overwritten only by that policy, and taken as it was seen; with that
//     policy at most half of a lane is READING, and a chunk is given back before its record is in the log only where half is;
//   - at each line: each sequence exactly once, in order (model_log.hpp), payload bytes, no loss of a published record unless
//     it was overwritten and then with that cause, no event of one that was; `died` only of the dead, a refusal only by a name
//     that it has; the name of the record's type;
//   - at each look of a producer behind a head: it sees what the collector had released when it published that head;
//   - when time has to pass, since nobody else can go on: no sleeper could have its slot, or has what it waits for (a wake-up
//     was lost);
//   - when a wait for durability ends: the log was synced with all sequences up to that one in it;
//   - when a collector has nothing to do: who died or left is closed, although others are stopped in the middle of a call;
//   - at the end: in a ring that was removed nobody has begun a record; any other is open, whoever had retired it and was
//     killed; each attached incarnation is covered from 1 to its last attempt and closed, with exact causes; all
//     slots are EMPTY, all lanes and entries free; nobody waits for ever.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "lib/ring/account.hpp"
#include "lib/ring/ring.hpp"
#include "lib/ring/slot.hpp"
#include "tests/explore/model_log.hpp"
#include "tests/explore/ring_rows.hpp"
#include "tests/explore/scheduler.hpp"

namespace explore {

struct Plan {
  int producers = 2;  // roles that attach at the start
  int writes = 1;     // of each
  int heirs = 0;      // of these so many have a second life after the first: attach, one write (none if `writes` is 0), detach
  u32 entries = 2;    // of the producer table
  u32 slots = 2;
  u32 lanes = 1;    // 2: producers take the exclusive lane if it is free
  u32 walk = 64;    // positions a pass walks; a cut makes it 0 or 1
  u32 chunks = 1;   // of each record
  int too_big = 0;  // the write of this number is of more bytes than a record may have
  int types = 0;    // 1: each producer gives its records' type a name first
  int observers = 0;
  int publications = 0;  // of the collector, on its status page: it does nothing else, and the observer reads nothing else
  int removers = 0;      // 1: somebody removes the ring if nobody needs it; the collector comes when he has ended
  shmring::ring::OnFull policy = shmring::ring::OnFull::drop;
  int waits = 0;           // 1: behind its last write each producer waits until that is durable
  int accounts_every = 0;  // an accounts line behind so many lines; 0: only where a cut says so
};

class RingWorld : public World {
 public:
  static constexpr u64 base = u64{1} << 22;  // of incarnations

  explicit RingWorld(const Plan& plan);

  const Plan& plan() const { return plan_; }
  const shmring::ring::Ring& ring() const { return ring_; }
  void* memory() const;
  std::size_t memory_bytes() const { return static_cast<std::size_t>(ring_.geometry.size); }
  ModelLog& log() { return log_; }
  RowWatch& rows() { return rows_; }

  // What a collector's log does with one line: a step of its own, then the line is there.
  void append(const shmring::log::Line& line);

  // Changes of memory and lines so far: a pass between two equal counts has found nothing to do, if nobody else acted.
  u64 effects() const { return effects_; }

  // What the kernel keeps of a ring: its name, and the remover's lock, which the dead do not hold. Each a step of its own.
  bool has_name();
  void remove_name();
  bool take_lock();  // false: another has it
  void leave_lock();
  void begin_again();  // a role that was killed: what it had is not its any more

  // What stands in the log becomes durable, a step of its own. False: all of it was already. Then what has become durable, as a
  // collector's batches leave it: also of lives that are over.
  bool sync();
  struct Durable {
    int entry;
    u64 incarnation, through;
  };
  std::vector<Durable> durable() const;
  // The running role waits until this sequence is durable; nothing has it waiting any more, and whether that was the truth.
  void begins_to_wait(u64 sequence);
  void has_waited(int result);

  // A whole pass has found nothing to do: whoever died or left is closed by now, whoever else is stopped and wherever.
  void check_quiet();

  // The bytes that a role writes under a sequence: each word says whose it is, and which.
  std::vector<u64> payload(int role, u64 sequence) const;
  static shmring::ring::Owner owner(int role);
  static int role_of(const shmring::ring::Owner& owner) { return static_cast<int>(owner.pid) - 1; }
  static u32 type_of(int role) { return static_cast<u32>(role + 1); }  // of its records
  bool is_life(int role, u64 incarnation, u64 lane) const {
    const Deeds& deeds = deeds_[static_cast<std::size_t>(role)];
    return deeds.incarnation == incarnation && deeds.lane == lane;
  }

  void reset() override;
  void wrote(int role, const Access& access, u64 before, u64 after) override;
  void looked(int role, const Access& access, u64 value) override;
  Seen seen(const Access& access) const override;
  bool on_trial(const Access& access) const override;
  u64 remembers(int role) override;
  std::string finish() override;
  std::string overslept(int role) override;

 private:
  // What the code of one producer role has done, by its own stores.
  struct Deeds {
    u64 incarnation = 0, lane = 0;
    bool attached = false;
    int entry = -1;
    u64 attempted = 0;
    bool finished = false;
    u64 published = 0;    // one bit a sequence: all its chunks were
    u64 durable = 0;      // all sequences up to this one
    u64 waits_for = 0;    // this sequence to become durable; 0: none
    u64 overwritten = 0;  // one bit a sequence: one of its chunks was
    u64 shed = 0;         // one bit a sequence: a chunk was given back for want of room; if a collector dies it may be lost
    u64 passed = 0;       // positions that it has stepped over in its present claim
    std::array<u64, shmring::ring::refusal_causes> refused{};  // by cause: one bit a sequence
    const std::array<u64, 16>* behind = nullptr;               // the head that it has just seen, as in released_at_
    bool has_published(u64 sequence) const { return published >> sequence & 1; }
    bool was_overwritten(u64 sequence) const { return overwritten >> sequence & 1; }
    u64 lost() const { return published & overwritten; }
    bool may_be_lost(u64 sequence) const { return (shed & ~overwritten) >> sequence & 1; }
    // Its last record was published and overwritten before its attempt was finished: nothing in memory tells the causes apart.
    bool is_open(u64 sequence) const { return sequence == attempted && !finished; }
  };

  int entry_of(const void* address) const;  // −1: none
  int slot_of(const void* address) const;   // over all lanes; −1: none
  shmring::ring::Slot& slot(int number) const;
  Deeds* deeds_of(u64 incarnation, int* role = nullptr);
  void wrote_entry(int role, int entry, const Access& access, u64 after);
  void wrote_slot(int role, int number, const Access& access, u64 before, u64 after);
  void check_free(int entry);
  void check_overwrite(int role, int number, const Access& access, shmring::ring::Word from);
  void check_release(int number);
  u32 reading(u32 lane) const;
  bool can_claim(u32 lane) const;
  void check(const shmring::log::Event& line);
  void check(const shmring::log::Loss& line);
  void kernel(const char* what);
  std::string finish(const Deeds& deeds) const;
  std::string finish_memory() const;

  Plan plan_;
  shmring::ring::Ring ring_;
  ModelLog log_;
  RowWatch rows_{ring_};
  u64 effects_ = 0;
  bool named_ = true;
  int lock_ = -1;  // the role that has the remover's lock; -1: nobody
  std::array<Deeds, 8> deeds_{};
  std::array<int, 16> writer_{};  // of each slot: the role that claimed it last
  // Of each slot the lap for which the collector has made it EMPTY last: now, and when it published this head of this lane.
  std::array<u64, 16> released_{};
  std::array<u32, 2> most_reading_{};  // of each lane, since the last take or published head: before the first release
  std::map<std::pair<const void*, u64>, std::array<u64, 16>> released_at_;
};

}  // namespace explore
