// The signals of a daemon: see signals.hpp. Invariant: handlers call nothing that is not async-signal-safe.
#include "lib/os/signals.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "lib/os/file.hpp"

namespace shmring::os {

namespace {

volatile std::sig_atomic_t stop_asked = 0, reload_asked = 0, rotate_asked = 0;
sigset_t open_mask;
int bus_status = 0;
const char* bus_text = "";

void on_stop(int) { stop_asked = 1; }
void on_reload(int) { reload_asked = 1; }
void on_rotate(int) { rotate_asked = 1; }

// No handler runs meanwhile, because the signals are blocked.
bool take(volatile std::sig_atomic_t& asked) {
  const bool was_asked = asked != 0;
  asked = 0;
  return was_asked;
}

void on_bus(int) {
  (void)write_without_waiting(2, bus_text, std::strlen(bus_text));
  ::_exit(bus_status);
}

int handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  return calls.sigaction(signal, &action, nullptr) == 0 ? 0 : -errno;
}

}  // namespace

int take_signals(int status, const char* text) {
  bus_status = status;
  bus_text = text;
  sigset_t blocked;
  sigemptyset(&blocked);
  const int requests[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
  for (const int signal : requests) sigaddset(&blocked, signal);
  if (const int error = calls.pthread_sigmask(SIG_BLOCK, &blocked, &open_mask); error != 0) return -error;
  for (const int signal : requests) sigdelset(&open_mask, signal);
  const struct {
    int signal;
    void (*handler)(int);
  } handlers[] = {{SIGTERM, on_stop}, {SIGINT, on_stop},  {SIGHUP, on_reload}, {SIGUSR1, on_rotate},
                  {SIGPIPE, SIG_IGN}, {SIGXFSZ, SIG_IGN}, {SIGBUS, on_bus}};
  for (const auto& [signal, handler] : handlers)
    if (const int error = handle(signal, handler); error != 0) return error;
  return 0;
}

bool stop_requested() {
  if (stop_asked != 0) return true;
  const timespec none{0, 0};
  calls.ppoll(nullptr, 0, &none, &open_mask);  // lets pending signals in
  return stop_asked != 0;
}

const sigset_t* waiting_mask() { return &open_mask; }

bool take_reload_request() { return take(reload_asked); }
bool take_rotate_request() { return take(rotate_asked); }

}  // namespace shmring::os
