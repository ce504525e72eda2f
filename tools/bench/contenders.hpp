// Everything that can be measured side by side, by name.
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
  bool usual;       // measured where nobody asks for others
  bool overwrites;  // knows the policy
  u32 max_producers, max_bytes;
  std::function<Round(const Job&)> run;
  std::function<std::string()> note = nullptr;  // what the report has to say of it, "" if nothing
  std::vector<Measure> collects{};              // of a collector: which

  bool can(const Job& job) const {
    const bool its_own = std::find(collects.begin(), collects.end(), job.measure) != collects.end();
    if (is_collectors(job.measure) || role == Role::collector) return its_own;
    if (job.producers > max_producers || job.bytes > max_bytes) return false;
    if (waits_in_vain(job.measure)) return role == Role::libshmring;
    return job.measure != Measure::overwrite || overwrites;
  }
};

// In the order of the tables.
std::vector<Contender> contenders();

}  // namespace shmring::bench
