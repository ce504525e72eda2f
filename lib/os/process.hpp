// Who a process is, what it runs on, and the proof that it is dead.
//
// Invariants:
//   - a process is named by its pid and its start time (clock ticks since boot), valid inside one pid and one time namespace. A
//     process that lives in other namespaces than the segment's header names has start time 0, and is never judged dead;
//   - proof of death is exactly one of: a readable pidfd, ESRCH, or a start time that was read and differs. A process state
//     proves nothing, and neither does a file of /proc that is missing or unreadable.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/os/file.hpp"
#include "lib/ring/account.hpp"
#include "lib/ring/ring.hpp"

namespace shmring::os {

using ring::u32;
using ring::u64;

// What a segment records of the machine that it lives on. A part that cannot be read is 0, which means unknown.
struct MachineId {
  u64 boot_id[2];
  u64 pid_namespace;   // inode number
  u64 time_namespace;  // inode number
};
MachineId this_machine();

// Returns TSC if it is invariant and the kernel itself keeps time by it, and monotonic otherwise.
ring::Clock choose_clock();

// Returns field 22 of a text of /proc/PID/stat, or nothing if the text is not one. The name in field 2 may hold any byte.
std::optional<u64> start_time_in(std::string_view stat);

// Returns when a process started, as owner words have it, in clock ticks since boot. Returns nothing if that cannot be read, or
// if this /proc shows another pid namespace.
std::optional<u64> start_time_of(u32 pid);

// Returns whether this process's pids and start times mean the same as those in the segment.
bool same_namespaces(const ring::Header& header);

// Returns the calling process as the owner word names it, in state free. The start time is 0 if it is unknown, or if the
// process is in other namespaces.
ring::Owner self(const ring::Header& header);

// Copies the program's own name, without its folders and otherwise unchanged: at most 55 bytes.
void claimed_program(char (&out)[ring::program_bytes]);

// Copies the same name, cut and changed to a valid producer name.
void program_name(char (&out)[ring::name_bytes]);

// Prevents core dumps of the calling process, so that what it holds (in a collector: audit bytes, in ordinary memory) stays out
// of files. Returns 0 or −errno.
int leave_no_core();

// Keeps descriptors 0 to 2 open, so that no file opened later gets one of these numbers and then receives messages for people.
// A descriptor that was closed becomes /dev/null opened the wrong way round, so its use still fails. Returns 0 or −errno.
int hold_standard_descriptors();

// Raises the limit of open descriptors to the hard limit, for a process that opens one for each of many things. Returns 0 or
// −errno; the limit then stays as it was.
int raise_descriptor_limit();

// Returns the path of a process's program, at most 1023 bytes, as it is now: the process may have called exec. Returns "" if it
// cannot be read, or is not known to be that process's. The pid may belong to another process by now, or in our pid namespace.
std::string exe_path(u32 pid, u64 start_time);

// The number of descriptors below the limit that Deaths leaves free, for a log that has to be opened again and for reading
// /proc.
inline constexpr int spare_descriptors = 32;

// Judges which owners of the producer table are proven dead. Thread role: the collector's.
//
// An owner is normally watched: its pidfd is held in an epoll set, so that its end ends a wait, and a question about a living
// owner costs no system call. An owner whose pidfd would be one of the spare descriptors, or has no place in the set, is not
// watched. The proof is the same, but each question takes a pidfd for that moment. A forked child must not use its parent's.
class Deaths {
 public:
  // For the table of this segment. In namespaces other than the header's, nobody is ever judged dead.
  explicit Deaths(const ring::Ring& ring);

  // Learns which of the watched processes have ended, and returns how many; one more if the kernel did not tell. Called before
  // the questions of a pass.
  int look();

  // Returns whether the process that this entry's owner word names is dead. Of a watched process this is what the last look
  // saw.
  bool dead(u32 entry, u64 owner_word);

  // Called when the entry is free. Closes its pidfd.
  void forget(u32 entry);

  // Sleeps until a watched process ends or the time is over. Returns what a look then finds, 0 if the time is over, or −EINTR
  // after a signal. `mask` (if not NULL) is the signal mask during the sleep. An owner whose end was seen is watched no
  // more: if its entry was scribbled over, nobody may ever ask for it.
  int wait(u64 timeout_ns, const sigset_t* mask = nullptr) {
    Deaths* const alone = this;
    return wait({&alone, 1}, timeout_ns, mask);
  }
  // The same for the owners of several segments. There is at least one. It also ends, with 0, when one of the descriptors
  // `others` is readable; those that are −1 do not count.
  static int wait(std::span<Deaths* const> all, u64 timeout_ns, const sigset_t* mask = nullptr,
                  std::initializer_list<int> others = {});

  // If this returns false, all owners count as alive, which the log should say.
  bool can_judge() const { return can_judge_; }

 private:
  struct Watch {
    u64 owner = 0;  // the owner word without its state
    Fd pidfd;
    bool dead = false;
  };
  bool prove(u32 entry, ring::Owner owner);
  bool watch(u32 entry);
  void unwatch(Watch& watch);
  void watch_afresh();

  std::vector<Watch> watches_;  // by entry
  Fd epoll_;                    // of their pidfds
  int first_spare_;
  bool can_judge_;
  bool proc_is_ours_;
};

}  // namespace shmring::os
