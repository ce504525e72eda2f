// shmring emit: waiting for room in the ring before a record is written, and the signals that end the wait.
//
// Invariants:
//   - waiting is not an attempt and takes no sequence, so a record that only waited is not counted as lost;
//   - the ring is only looked at, through a separate mapping, and by the rules by which a producer claims (lib/ring/lane.hpp);
//   - SIGINT and SIGTERM are delivered only in let_in() and wait(), so that no write is interrupted.
#pragma once

#include <csignal>

#include "lib/include/shmring/shmring.h"
#include "lib/os/segment.hpp"

namespace shmring::tool {

class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;

  // Lets pending signals be delivered. Returns the first signal that came, or 0.
  int let_in();
  int caught() const { return caught_; }

  // Waits until a descriptor is ready, a signal comes, or the time is over (nullptr: for ever). Returns the number of ready
  // descriptors, or −errno. A signal is no error.
  int wait(pollfd* fds, nfds_t count, const timespec* timeout);

 private:
  static inline volatile std::sig_atomic_t caught_ = 0;
  sigset_t before_{};
};

// How long a record waits for room.
struct Patience {
  bool endless = false;
  ring::u32 limit_us = 0;  // used if not endless; 0: it does not wait

  // Returns how much of the limit the library waits inside a write, where no signal is delivered. A short limit is spent there
  // as a whole, so that the attempt decides. Of a longer limit it is the last part, for a shared lane in which another producer
  // may have taken the room since.
  ring::u32 inside_us() const;
};

enum class Room { yes, stopped, gone };  // stopped: by a signal · gone: the ring was removed

// The producer's own lane.
class Lane {
 public:
  Lane(const os::Segment& segment, const shmring_producer* producer, Patience patience, Signals& signals);

  // Waits for room for a record of this many bytes. `yes` means that it is to be written now, also if the limit is nearly over.
  Room wait_for(std::size_t bytes);

 private:
  bool has_room(std::size_t bytes) const;
  void warn_of_no_collector();

  const os::Segment& segment_;
  ring::u32 lane_ = 0;
  Patience patience_;
  Signals& signals_;
  bool warned_ = false;
};

}  // namespace shmring::tool
