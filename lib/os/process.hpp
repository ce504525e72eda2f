// Who a process is, what it runs on, and the proof that it is dead.
//
// Invariants:
//   - a process is named by its pid and its start time (clock ticks since boot), valid inside one pid and one time
//     namespace; who lives in others than the segment's header names has start time 0, and is never judged dead;
//   - proof of death is exactly one of: a pidfd that is readable, ESRCH, a start time that was read and differs. A
//     process state, and a file of /proc that is missing or unreadable, prove nothing.
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

// What a segment remembers of the machine that it lives on. A part that cannot be read is 0: unknown.
struct MachineId {
  u64 boot_id[2];
  u64 pid_namespace;   // inode number
  u64 time_namespace;  // inode number
};
MachineId this_machine();

// TSC where it is invariant and the kernel itself keeps time by it, else monotonic.
ring::Clock choose_clock();

// Field 22 of a text of /proc/PID/stat; nothing if the text is not one. The name in field 2 may hold any byte.
std::optional<u64> start_time_in(std::string_view stat);

// When a process started, as owner words have it, in clock ticks since boot; nothing if that cannot be read, or if this /proc
// shows another pid namespace.
std::optional<u64> start_time_of(u32 pid);

// Whether this process's pids and start times mean the same as those in the segment.
bool same_namespaces(const ring::Header& header);

// The calling process, as the owner word names it; state free. Start time 0 if it is unknown, or in other namespaces.
ring::Owner self(const ring::Header& header);

// The program's own name, without its folders, as it stands: at most 55 bytes.
void claimed_program(char (&out)[ring::program_bytes]);

// The same, cut and changed to a valid producer name.
void program_name(char (&out)[ring::name_bytes]);

// The calling process leaves no core: all that it holds (a collector: audit bytes, in ordinary memory) stays out of files. 0 or
// −errno.
int leave_no_core();

// Descriptors 0 to 2 are open from now on, so that no file that is opened later gets one of these numbers, and what is said to
// people. Where one was closed it fails as before: /dev/null, open the wrong way round. 0 or −errno.
int hold_standard_descriptors();

// Whoever opens a descriptor for each of many things may open as many as the hard limit permits, from now on. 0 or −errno: it
// stays at what it may.
int raise_descriptor_limit();

// The path of a process's program, at most 1023 bytes, as it is now: it may have called exec. "": it cannot be read, or it is
// not known to be that process's (the pid may be another's by now, or mean another process in our pid namespace).
std::string exe_path(u32 pid, u64 start_time);

// Numbers of descriptors that pidfds leave free below the limit: for a log that has to be opened again, and to read /proc.
inline constexpr int spare_descriptors = 32;

// Which owners of the producer table are proven dead. Thread role: the collector's.
//
// An owner is watched: its pidfd is held, so that its end ends a wait. One whose pidfd would be of the spare ones is not: the
// proof is the same, but each time that it is asked for it takes a pidfd for that moment.
class Deaths {
 public:
  // For the table of this segment. In other namespaces than the header's nobody is ever judged dead.
  explicit Deaths(const ring::Ring& ring);

  // Whether the process that this owner word of this entry names is dead.
  bool dead(u32 entry, u64 owner_word);

  // The entry is free: its pidfd is closed.
  void forget(u32 entry);

  // Sleep until a watched process ends or the time is over. How many ended, 0 for time over, −EINTR after a signal.
  // `mask` (if not NULL) is the signal mask while it sleeps. An owner that dead() has judged is watched no more, nor is one
  // whose end has ended a wait: nobody may ever ask for it, where its entry was scribbled over.
  int wait(u64 timeout_ns, const sigset_t* mask = nullptr) {
    Deaths* const alone = this;
    return wait({&alone, 1}, timeout_ns, mask);
  }
  // The same for those of several segments; there is one at least.
  static int wait(std::span<Deaths* const> all, u64 timeout_ns, const sigset_t* mask = nullptr);

  // False: all owners count as alive, which the log should say.
  bool can_judge() const { return can_judge_; }

 private:
  struct Watch {
    u64 owner = 0;  // the owner word, its state left out
    Fd pidfd;
    bool dead = false;
    bool reported = false;  // its pidfd has ended a wait
  };
  bool prove(Watch& watch, ring::Owner owner);
  bool ended(const Watch& watch);

  std::vector<Watch> watches_;
  std::vector<pollfd> polled_;
  int first_spare_;
  bool can_judge_;
  bool proc_is_ours_;
};

}  // namespace shmring::os
