// shmring stat: the rates between two looks at a ring, and the warnings that a look gives reason for.
//
// Invariant: results depend only on the arguments. Nothing here reads a clock or a ring.
#pragma once

#include <string>
#include <vector>

#include "lib/inspect/inspect.hpp"

namespace shmring::tool {

struct Look {
  inspect::Inspection facts;
  ring::u64 at_ns = 0;  // CLOCK_MONOTONIC
};

// Rates per second between two looks. They are not known from a single look, or if another collector came in between.
struct Rates {
  bool of_producers = false, of_collector = false;
  double attempted = 0, logged = 0, lost = 0, wakeups = 0;
  double cpu = 0;  // fraction of one processor
};
Rates rates(const Look& before, const Look& now);

// Returns the attempts of one producer per second between two looks.
double attempt_rate(const inspect::ProducerFacts& now, const Look& before, double seconds);

struct Warning {
  std::string what, remedy;
};
std::vector<Warning> warnings(const Look& now);
// Those among them that are of the collector and its log.
std::vector<Warning> warnings_of_collector(const Look& now);

// Returns the nanoseconds since the collector's last pass, or 0 if the clock cannot tell.
ring::u64 heartbeat_age(const Look& now);
// Returns the nanoseconds since the log's newest checkpoint was signed; 0 also if it is not known, or not sealed.
ring::u64 checkpoint_age(const Look& now);

}  // namespace shmring::tool
