// shmring top: one look at each ring, with the times at which it was made.
//
// Invariants:
//   - nothing that a ring shows or lacks ends the program: a ring that cannot be read is a sample that says why;
//   - the rings are only looked at, and their slots not at all, so that a screen that is always open slows nobody down.
#pragma once

#include <string>
#include <vector>

#include "tools/shmring/stat.hpp"

namespace shmring::tool::top {

using ring::u32;
using ring::u64;

struct RingSample {
  std::string name;
  int error = 0;        // 0, or the −errno for which it could not be read
  std::string problem;  // why it could not be read: one sentence, not escaped
  Look look{};          // what it showed, if it was read
};

struct Sample {
  u64 at_ns = 0;   // CLOCK_MONOTONIC
  u64 utc_ns = 0;  // the same moment
  std::string host;
  int error = 0;        // 0, or the −errno for which the rings could not be listed
  std::string problem;  // why they could not be listed
  std::vector<RingSample> rings;
};

// Looks at the rings of these names, or, if none is named, at all rings of the directory, by name.
Sample take_sample(const std::vector<std::string>& names);

}  // namespace shmring::tool::top
