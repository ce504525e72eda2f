// The contenders: everything that can be measured, by name.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tools/bench/job.hpp"

namespace shmring::bench {

struct Contender {
  const char* name;
  Role role;
  bool usual;       // measured unless the caller names other contenders
  bool overwrites;  // has the policy overwrite
  u32 max_producers, max_bytes;
  std::function<Round(const Job&)> run;
  std::function<std::string()> note = nullptr;  // a note for the report, or ""
  std::vector<Measure> collects{};              // the measures of a collector that it has

  bool can(const Job& job) const {
    const bool its_own = std::find(collects.begin(), collects.end(), job.measure) != collects.end();
    if (is_collectors(job.measure) || role == Role::collector) return its_own;
    if (job.producers > max_producers || job.bytes > max_bytes) return false;
    if (waits_in_vain(job.measure)) return role == Role::libshmring;
    return job.measure != Measure::overwrite || overwrites;
  }
};

// Returns all contenders, in the order in which the report shows them.
std::vector<Contender> contenders();

}  // namespace shmring::bench
