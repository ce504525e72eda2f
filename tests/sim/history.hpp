// One history of a log: collectors live, one after the other, and die by kills and power cuts; and what must be true of the
// log.
//
// Invariants:
//   - the collectors use the shipped appender, syncer, restart and verify, as the daemon does; all that they do is chosen by
//     dice;
//   - what is true is known without the log: each line is noted when its write has returned, and each D that was told;
//   - the first thing that is wrong is thrown as Wrong, with what led there.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/log/files/appender.hpp"
#include "lib/log/seal/keys.hpp"
#include "tests/sim/machine.hpp"
#include "tests/unit/log/support.hpp"

namespace sim {

struct Wrong {
  std::string what;
};

// What the dice of a seed make of a number. Troubles are once in so many times, and 0: never.
struct Scenario {
  u64 seed;
  shmring::log::Level level;
  u64 page_bytes, file_bytes, unsynced_max;
  u64 sync_speed;  // of hundred
  u64 disk_trouble, call_trouble;
  bool is_rename_old, is_sealed;
  u64 steps;  // of the first collector
};
Scenario scenario_of(u64 seed, u64 number, bool has_trouble);

// What must be in the log.
struct Truth {
  std::vector<std::string> lines;         // that were written, by index; empty: nobody saw it before the disk dropped it
  std::multimap<u64, std::string> older;  // that were written there before, and cut since: a power cut may bring them back
  u64 told = 0;                           // D as it was told
  u64 floor = 0;                          // what the next collector must find at least
  u64 drops = 0;                          // of the disk, when all was durable last
  u64 lives = 0;
};

enum class Death { kill, power_cut };

struct Figures {
  u64 cuts = 0, kills = 0, power_cuts = 0, replaced = 0, cut_logs = 0, dropped = 0, refused_starts = 0;
  u64 keys = 0, checkpoints = 0;  // changes of keys, and roots that were compared with the lines
};

class History {
 public:
  History(const Scenario& scenario, Figures& figures);
  ~History();

  // The first collector lives until its `cut_at`-th call, then others until the log is written on and opened once more.
  // Returns how many calls the first one made. `cut_at` 0: it ends by itself.
  u64 run(u64 cut_at, Death death);
  // What happened is kept from here on.
  void keep_story() { machine_.keep_story(); }
  std::string story() const;

 private:
  class Collector;

  void live(u64 steps, u64 cut_at, Dice plan, bool settles);
  void die(Death death, u64 seed);
  void check_whole();
  void check_seal(const std::vector<std::string>& lines);
  void check_erasure(const std::vector<shmring::log::KeyNote>& chain) const;
  u64 directory() const { return machine_.disk.find(Disk::root, "log"); }

  Scenario scenario_;
  Figures& figures_;
  Machine machine_;
  Truth truth_;
  int refused_ = 0;  // starts, in a row, over a disk that does what it is asked
};

}  // namespace sim
