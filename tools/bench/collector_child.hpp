// A collector in a process of its own, which runs shmringd's own loop.
//
// Invariant: it has made a pass when the constructor returns, and ends with its object.
#pragma once

#include <csignal>
#include <stdexcept>
#include <string>

#include "lib/collect/daemon.hpp"
#include "lib/log/files/verify.hpp"
#include "lib/os/clock.hpp"
#include "tools/bench/board.hpp"
#include "tools/bench/collecting.hpp"
#include "tools/bench/shmring_lanes.hpp"
#include "tools/common/exit.hpp"

namespace shmring::bench {

class Collecting {
 public:
  // `before` is called in the new process. The sync thread runs on the same processor (−1: any) as the collector.
  Collecting(const ScratchRing& place, int processor, log::Level level = log::Level::write, void (*before)() = nullptr)
      : child_([&] { return run(place, processor, level, before); }) {
    must_be_done(os::attach(place.name, segment_));
    const u64 deadline_ns = os::monotonic_now_ns() + grace_ns;
    while (!has_made_a_pass()) {
      if (child_.ended() || os::monotonic_now_ns() > deadline_ns)
        throw std::runtime_error("the collector did not start in time");
      os::sleep_for(100'000);
    }
  }
  pid_t pid() const { return child_.pid(); }
  const ring::Ring& ring() const { return segment_.ring; }
  void stop() {
    os::calls.kill(child_.pid(), SIGTERM);
    if (const int status = child_.wait(os::monotonic_now_ns() + grace_ns); status != 0)
      throw std::runtime_error("the collector ended with status " + std::to_string(status));
  }

 private:
  bool has_made_a_pass() const {
    const ring::StatusPage& status = segment_.ring.header->status;
    return ring::collector_seen<ring::HardwareMemory>(status).pid == static_cast<u64>(child_.pid()) &&
           segment_.ring.header->status_more.state.load(std::memory_order_relaxed) ==
               static_cast<u64>(ring::StatusState::collecting);
  }
  static int run(const ScratchRing& place, int processor, log::Level level, void (*before)()) {
    if (processor >= 0) pin(processor);
    if (before != nullptr) before();
    collect::Settings settings;
    settings.ring = place.name, settings.log_dir = place.log, settings.durability.level = level;
    collect::Daemon daemon;
    const int error = daemon.set_up(settings);
    return tool::exit_of(error != 0 ? error : daemon.run());
  }

  Child child_;
  os::Segment segment_;
};

// Throws unless verify proves the log, and returns what it found.
log::Verdict must_be_proven(const ScratchRing& place);
// Throws unless verify finds exactly these records in the log.
void count_lines(const ScratchRing& place, const Round& round);

// Returns the processor's time that a process has taken, or 0.
double cpu_ns(pid_t pid);

}  // namespace shmring::bench
