// The signals of a daemon.
//
// Invariants: signals are blocked except while Deaths::wait sleeps with the mask given here, so that none is missed. Handlers
// only set a flag. The handler of SIGBUS (the segment was truncated under us) prints a message and ends the process with the
// status given.
#pragma once

#include <csignal>

namespace shmring::os {

// Blocks SIGTERM and SIGINT, which ask to stop. Ignores SIGPIPE and SIGXFSZ (the write fails with EPIPE or EFBIG), and SIGHUP
// and SIGUSR1 (which are to reload and to rotate). On SIGBUS the process ends with `bus_status` and `bus_text`, which must stay
// valid. Returns 0 or −errno.
int take_signals(int bus_status, const char* bus_text);

// Returns whether a stop was asked for since. Signals come in only while a wait uses this mask.
bool stop_requested();
const sigset_t* waiting_mask();

}  // namespace shmring::os
