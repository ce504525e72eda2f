// A machine for one history: the disk, a boot id, clocks, and the open files of the process that runs. It stands behind the
// table of system calls as long as it lives.
//
// Invariants:
//   - one Machine at a time, and one thread. Two contexts take turns in it: the collector, and the job of its sync thread,
//     which goes on by one call at a time whenever the dice say so;
//   - a call that changes anything, or syncs it, is a point at which the process may end: before it, behind it, and a write in
//     its midst. Then Cut is thrown, and all that destructors still ask for is refused and changes nothing;
//   - a call may fail though it took effect.
// Paths begin with /sim. All others are the real machine's, except for its boot id, its namespaces and its clocks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/os/calls.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/turns.hpp"

namespace sim {

// The process has ended here.
struct Cut {};

class Machine {
 public:
  Machine(u64 seed, u64 page_bytes);
  ~Machine();
  Machine(const Machine&) = delete;

  Disk disk;
  u64 utc_ns = 1'795'557'608'000'000'000;

  // A process begins. It ends at its `cut_at`-th call that matters, counted from 1; 0: at none.
  void begin_process(u64 cut_at);
  // Returns how many such calls it has made.
  u64 calls() const { return calls_; }
  bool was_cut() const { return is_dead_; }
  // The process ends, if it has not yet. All its descriptors are closed.
  void end_process();
  // The power fails: only what the disk has is left, and the next boot has another id.
  void cut_power(u64 seed);

  // Once in so many times a call fails; 0: never.
  void set_trouble(u64 once_in) { trouble_ = once_in; }
  // Renames that must not replace anything are not known to the file system.
  void set_old_rename(bool is_old) { is_rename_old_ = is_old; }
  // How many of hundred chances to go on the sync thread takes.
  void set_sync_speed(u64 share) { sync_speed_ = share; }

  // What happened so far is kept as text from here on.
  void keep_story() { is_told_ = true; }
  const std::string& story() const { return story_; }
  void tell(const std::string& what);

  Turns& turns() { return turns_; }
  // What `body` asks for is done without a turn of the sync thread: it may hold what that one waits for.
  template <class F>
  auto alone(F body) {
    const std::unique_ptr<bool, void (*)(bool*)> end(&(is_alone_ = true), [](bool* is_alone) { *is_alone = false; });
    return body();
  }
  // Lets the sync thread go on as far as the dice say.
  void let_sync_thread_run();
  // Lets it go on until it has done what it was asked for.
  void let_sync_thread_end();

 private:
  friend struct Entry;
  struct Descriptor {
    u64 inode = 0;
    int flags = 0;
    u64 seen = 0;  // errors of the inode that this open file was told of
    bool is_open = false;
  };
  struct Listing;
  enum class Fate { done, failed, failed_but_done, cut_before, cut_midst, cut_behind };

  // The other context may go on here: a call that matters begins with it.
  void take_turn();
  Fate fate(const char* call, const std::string& what);
  void install();
  int error_of_trouble() { return dice_.once_in(3) ? 28 /* ENOSPC */ : 5 /* EIO */; }
  Descriptor* descriptor(int fd);
  int open_inode(u64 inode, int flags);
  u64 walk(int dir, const char* path, u64& directory, std::string& name);

  Dice dice_;
  Turns turns_;
  std::vector<Descriptor> descriptors_;
  std::string boot_id_;
  u64 calls_ = 0, cut_at_ = 0, trouble_ = 0, sync_speed_ = 50;
  bool is_dead_ = false, is_rename_old_ = false, is_told_ = false, is_alone_ = false;
  std::string story_;
  shmring::os::Calls real_;
};

}  // namespace sim
