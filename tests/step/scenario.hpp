// A call under test: what its producer did before, the call, and what it does after; and its trials.
//
// Invariants:
//   - a journal says what was attempted whatever happened in the call: a handler's own writes are sorted in after it;
//   - a handler writes through the tracee's handle while there is one: from the moment that attach has told it until detach
//     has let go of its memory.
#pragma once

#include <string>
#include <vector>

#include "tests/step/scene.hpp"
#include "tests/step/tracee.hpp"

namespace shmring::test {

enum class Call { write, claim, commit, abort, attach, detach };

struct Scenario {
  const char* name;
  Call call;
  std::size_t bytes;  // of the record; detach: of a claim that is open, 0: none is
  u32 lane;           // a shmring_lane
  u32 before = 3;     // records written before, one slot each; no pass is made between them and the call
  Shape shape{};

  bool has_handle() const { return call != Call::attach && call != Call::detach; }
  bool overwriting() const { return shape.on_full == SHMRING_POLICY_OVERWRITE; }
};

inline constexpr int did_not_run = -1, no_handle = -2;

// What a tracee's signal handler did, told outside the ring.
struct Told {
  int result = did_not_run;  // of its write; no_handle: there was none to write through
  u64 sequence = 0;          // that its write took, 0: none
  u64 counted = 0;           // nested writes that the entry has counted of it
  bool disturbed = false;    // a write without a sequence that changed the handle's
  int child = -1;            // how the child that it forked has ended
};

// The tracee's role.
int play(const Scenario& scenario, Journal& journal, Told& told);

}  // namespace shmring::test
