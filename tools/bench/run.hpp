// A run: its measurements, side by side, round after round.
//
// Invariant: every step has its turn in each round, so that what disturbs the machine disturbs all alike.
#pragma once

#include "tools/bench/contenders.hpp"
#include "tools/bench/figures.hpp"

namespace shmring::bench {

struct Step {
  const Contender* contender;
  Job job;
};
struct Limits {
  u32 rounds;
  u64 limit_ns;  // after this no further round begins
};
Report run_steps(const std::vector<Step>& steps, const Limits& limits);

}  // namespace shmring::bench
