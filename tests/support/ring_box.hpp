// A ring "audit" in a directory of its own, without a collector, and what stands in it.
#pragma once

#include <string>
#include <vector>

#include "lib/include/shmring/shmring.hpp"
#include "lib/inspect/inspect.hpp"
#include "tests/support/sandbox.hpp"

namespace shmring::test {

struct RingBox : Sandbox {
  explicit RingBox(const CreateOptions& options);

  inspect::Inspection facts() const;

  // What the log would have of the slots that are READY, in order; "-" for an aborted one.
  std::vector<std::string> records() const;

  // Entries of the table in that state.
  std::size_t entries(ring::OwnerState state) const;
  std::size_t attached() const { return entries(ring::OwnerState::attached); }
  // By all producers together.
  ring::u64 attempted() const;
  ring::u64 aborted() const;

  // Of the producer in the table's first entry.
  ring::u64 refused(ring::Cause cause) const;
  bool finished() const;
};

}  // namespace shmring::test
