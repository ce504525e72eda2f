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

// How it writes the log.
struct Logging {
  log::Level level = log::Level::write;
  bool is_sealed = false;
  u64 file_bytes = log::FilePolicy{}.max_bytes;
  void (*before)() = nullptr;  // is called in the new process
};

class Collecting {
 public:
  // Its other threads run on the same processor (−1: any).
  Collecting(const ScratchRing& place, int processor, const Logging& logging = {})
      : child_([&] { return run(place, processor, logging); }) {
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
    if (const int status = end(); status != 0)
      throw std::runtime_error("the collector ended with status " + std::to_string(status));
  }
  // Returns its exit status.
  int end() {
    os::calls.kill(child_.pid(), SIGTERM);
    return child_.wait(os::monotonic_now_ns() + grace_ns);
  }
  // As a crash: it cannot do anything more.
  void kill() {
    child_.kill();
    child_.wait(os::monotonic_now_ns() + grace_ns);
  }

 private:
  bool has_made_a_pass() const {
    const ring::StatusPage& status = segment_.ring.header->status;
    return ring::collector_seen<ring::HardwareMemory>(status).pid == static_cast<u64>(child_.pid()) &&
           segment_.ring.header->status_more.state.load(std::memory_order_relaxed) ==
               static_cast<u64>(ring::StatusState::collecting);
  }
  static int run(const ScratchRing& place, int processor, const Logging& logging) {
    if (processor >= 0) pin(processor);
    if (logging.before != nullptr) logging.before();
    collect::Settings settings;
    settings.ring = place.name, settings.log_dir = place.log, settings.durability.level = logging.level;
    settings.files.max_bytes = logging.file_bytes;
    if (logging.is_sealed) settings.seal.emplace().state = place.keys;
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

// Changes the log's mark as if the machine had been booted since. No collector may be running.
void seem_to_boot(const ScratchRing& place);  // restarting.cpp

// Returns the producer's highest logged sequence. Only one entry of the ring is in use.
u64 logged(const ring::Ring& ring);
// Returns the processor's time that a process has taken, or 0.
double cpu_ns(pid_t pid);

}  // namespace shmring::bench
