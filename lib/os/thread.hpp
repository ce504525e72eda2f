// A thread of the library's own, beside the one that an application or the daemon has.
#pragma once

#include <signal.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "lib/os/calls.hpp"

namespace shmring::os {

// Begins a thread in which all signals are blocked, so that each still reaches the thread that waits for it. Returns 0, or
// −EAGAIN if there is no thread to be had.
template <class F>
int begin_thread(std::thread& thread, F run) {
  sigset_t all, before;
  sigfillset(&all);
  calls.pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  try {
    thread = std::thread(std::move(run));
  } catch (const std::system_error&) {
    error = -EAGAIN;
  }
  calls.pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace shmring::os
