// A ring whose file was removed while no collector ran, and which producers still write into. They have it mapped, but nobody
// else can open it by a name.
//
// Invariant: what is opened is the ring with the identity that the caller names, and it has no name any more. A ring that still
// has a name belongs to its own collector.
#pragma once

#include <string_view>

#include "lib/os/segment.hpp"

namespace shmring::os {

// Whether the process with this pid and start time (0: not known) still runs. The answer is unknown if a process has this pid,
// and the start time means nothing here or cannot be read.
enum class Running { no, yes, unknown };
Running is_running(u32 pid, u64 start_time);

// Maps, for reading and writing, the ring of this identity that a process has mapped. It uses /proc/PID/map_files, which takes
// root, or CAP_CHECKPOINT_RESTORE together with the same user. All checks of attach() are made, except that the ring may be
// retired. `owner` is as for attach(). Returns −ENOENT if the process has no such ring mapped, −EPERM or −EACCES if this is not
// permitted, −EEXIST if the ring still has a name, or what attach() returns.
int open_ghost(std::string_view ring, const ring::RingId& identity, u32 pid, Segment& out, const char* owner = nullptr);

}  // namespace shmring::os
