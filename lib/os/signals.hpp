// The signals of a daemon.
//
// Invariants: signals are blocked except while Deaths::wait sleeps with the mask given here, so that none is missed. Handlers
// only set a flag. The handler of SIGBUS (the segment was truncated under us) prints a message and ends the process with the
// status given.
#pragma once

#include <csignal>

namespace shmring::os {

// Blocks SIGTERM and SIGINT, which ask to stop, SIGHUP, which asks to reload, and SIGUSR1, which asks for a new file of the
// log. Ignores SIGPIPE and SIGXFSZ (the write fails with EPIPE or EFBIG). On SIGBUS the process ends with `bus_status` and
// `bus_text`, which must stay valid. Returns 0 or −errno.
int take_signals(int bus_status, const char* bus_text);

// Returns whether a stop was asked for since. Signals come in only while a wait uses this mask.
bool stop_requested();
const sigset_t* waiting_mask();

// Each returns whether it was asked for since the last call, however often. They let no signal in: stop_requested() does.
bool take_reload_request();
bool take_rotate_request();

}  // namespace shmring::os
