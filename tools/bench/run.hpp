// A run: rounds in each of which every step is measured once.
//
// Invariant: each round has all steps, so that a disturbance of the machine affects all of them alike. Only those that
// make their own rounds are taken once, after the others.
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
  u64 limit_ns;  // no round begins after this time
};
Report run_steps(const std::vector<Step>& steps, const Limits& limits);

}  // namespace shmring::bench
