// The signals of a daemon.
//
// Invariants: they are blocked but while Deaths::wait sleeps with the mask given here, so that none is missed; handlers only
// set a flag, or (SIGBUS: the segment was truncated under us) say so and end the process with the status given.
#pragma once

#include <csignal>

namespace shmring::os {

// Block SIGTERM and SIGINT (they ask to stop); ignore SIGPIPE and SIGXFSZ (the write says EPIPE or EFBIG), SIGHUP and SIGUSR1
// (which are to reload and to rotate); and end with `bus_status` and `bus_text` on a SIGBUS. `bus_text` must stay. 0 or −errno.
int take_signals(int bus_status, const char* bus_text);

// Whether a stop was asked for since. Signals come in only while a wait uses this mask.
bool stop_requested();
const sigset_t* waiting_mask();

}  // namespace shmring::os
