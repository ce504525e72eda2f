// For the tests of processes and their deaths: a producer table, what /proc says of when a process started, and a child.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "lib/os/process.hpp"

namespace shmring::test {

// A segment of this process's namespaces.
struct OwnerTable {
  explicit OwnerTable(ring::u32 producers = 3) : header(std::make_unique<ring::Header>()) {
    const os::MachineId host = os::this_machine();
    header->pid_namespace = host.pid_namespace;
    header->time_namespace = host.time_namespace;
    ring.header = header.get();
    ring.geometry.producers = producers;
  }
  std::unique_ptr<ring::Header> header;
  ring::Ring ring;
};

inline std::string stat_of(pid_t pid) {
  std::string text;
  os::read_small(("/proc/" + std::to_string(pid) + "/stat").c_str(), text);
  return text;
}

// A child that lives until it is told to go on, or is killed. With `leave_main`, its main thread ends at once.
class BareChild {
 public:
  explicit BareChild(bool leave_main = false) {
    REQUIRE(::pipe2(ends_, O_CLOEXEC) == 0);
    pid = ::fork();
    if (pid == 0) live(leave_main);
    ::close(ends_[0]);
    start = os::start_time_in(stat_of(pid)).value_or(0);
    REQUIRE(start != 0);
  }
  ~BareChild() {
    go_on();
    ::kill(pid, SIGKILL);
    if (!reaped_) ::waitpid(pid, nullptr, 0);
  }
  BareChild(const BareChild&) = delete;
  void go_on() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  void reap() {
    ::waitpid(pid, nullptr, 0);
    reaped_ = true;
  }
  ring::u64 word(ring::OwnerState state = ring::OwnerState::attached, ring::u64 later = 0) const {
    return ring::Owner{static_cast<ring::u32>(pid), start + later, state}.bits();
  }

  pid_t pid;
  ring::u64 start;

 private:
  static void* wait_for_end(void* fd) {
    char byte;
    while (::read(*static_cast<int*>(fd), &byte, 1) < 0) {
    }
    ::_exit(0);
  }
  [[noreturn]] void live(bool leave_main) {
    ::close(ends_[1]);
    pthread_t thread;
    // SYS_exit ends this thread only, and unwinds nothing.
    if (leave_main && ::pthread_create(&thread, nullptr, wait_for_end, &ends_[0]) == 0) ::syscall(SYS_exit, 0);
    wait_for_end(&ends_[0]);
    ::_exit(1);
  }
  int ends_[2];
  bool reaped_ = false;
};

// Killed, and not yet reaped by us.
inline void kill_and_wait(const BareChild& child) {
  ::kill(child.pid, SIGKILL);
  siginfo_t info;
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOWAIT) == 0);
}

}  // namespace shmring::test
