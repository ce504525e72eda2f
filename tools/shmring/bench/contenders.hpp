// Everything that can be measured side by side, by name.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/shmring/bench/job.hpp"

namespace shmring::bench {

struct Contender {
  const char* name;
  Role role;
  bool usual;       // measured where nobody asks for others
  bool overwrites;  // knows the policy
  u32 max_producers, max_bytes;
  std::function<Round(const Job&)> run;
  std::function<std::string()> note = nullptr;  // what the report has to say of it, "" if nothing

  bool can(const Job& job) const {
    return job.producers <= max_producers && job.bytes <= max_bytes && (job.measure != Measure::overwrite || overwrites);
  }
};

// In the order of the tables.
std::vector<Contender> contenders();

}  // namespace shmring::bench
