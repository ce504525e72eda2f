// A ring whose file was removed while no collector ran, and which producers still write into: they have it mapped, nobody else
// can open it by a name.
//
// Invariant: what is opened is the ring of the identity that the caller names, and has no name any more: a ring that still has
// one is its own collector's.
#pragma once

#include <string_view>

#include "lib/os/segment.hpp"

namespace shmring::os {

// Whether the process that this pid and start time (0: not known) name still runs. Unknown: it has no start time that means
// anything here, or that cannot be read, and a process has its pid.
enum class Running { no, yes, unknown };
Running is_running(u32 pid, u64 start_time);

// Map, for reading and writing, the ring of this identity that a process has mapped, through /proc/PID/map_files: that takes
// root, or CAP_CHECKPOINT_RESTORE beside the same user. All checks of attach() are made, but the one that it is not retired.
// `owner`: as for attach(). −ENOENT: the process has no such ring mapped · −EPERM, −EACCES: that is not permitted · −EEXIST: it
// still has a name · or what attach() says.
int open_ghost(std::string_view ring, const ring::RingId& identity, u32 pid, Segment& out, const char* owner = nullptr);

}  // namespace shmring::os
