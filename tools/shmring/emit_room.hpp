// shmring emit: waiting for room in the ring before a record is written, and the signals that end the wait.
//
// Invariants:
//   - waiting is no attempt and takes no sequence, so nothing that was waited for is counted as lost;
//   - the ring is only looked at, through a mapping of its own, by the rules by which a producer claims (lib/ring/lane.hpp);
//   - SIGINT and SIGTERM are let in only by let_in() and wait(), so that no write is left half-way.
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

  // Takes the pending signals. Returns the first signal that came, or 0.
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

  // The part of the limit that the library waits inside a write, where no signal is let in. For a short limit it is all of it,
  // so that the attempt decides. Otherwise it is the end of the limit, for a shared lane whose room another producer may have
  // taken since.
  ring::u32 inside_us() const;
};

enum class Room { yes, stopped, gone };  // stopped: by a signal · gone: the ring was removed

// The producer's own lane.
class Lane {
 public:
  Lane(const os::Segment& segment, const shmring_producer* producer, Patience patience, Signals& signals);

  // Waits for room for a record of this many bytes. yes means to write it now, even if the limit is nearly over.
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
