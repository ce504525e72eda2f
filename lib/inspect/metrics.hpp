// A ring's figures in the text format of Prometheus: for `shmring stat`, and for the collector's own file.
//
// Invariants: counters of the ring and of the collector outlive the producers; those of a producer end with it. No byte of the
// segment reaches a label but letters, digits and . _ - /.
#pragma once

#include <string>

#include "lib/inspect/inspect.hpp"

namespace shmring::inspect {

// Both times are of the moment of reading: CLOCK_MONOTONIC and UTC, in nanoseconds.
std::string metrics_text(const Inspection& facts, u64 now_ns, u64 now_utc_ns);

}  // namespace shmring::inspect
