// shmring stat: two looks at a ring as figures, and what they warn of.
//
// Invariant: this is pure: plain values in, plain values out. Nothing here reads a clock or a ring.
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
  double cpu = 0;  // part of one processor
};
Rates rates(const Look& before, const Look& now);

// Returns the attempts of one producer per second between two looks.
double attempt_rate(const inspect::ProducerFacts& now, const Look& before, double seconds);

struct Warning {
  std::string what, remedy;
};
std::vector<Warning> warnings(const Look& now);

// Returns the nanoseconds since the collector's last pass, or 0 if the clock cannot tell.
ring::u64 heartbeat_age(const Look& now);

}  // namespace shmring::tool
