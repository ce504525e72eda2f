// The roles of the ring's exploration: the code that ships, over ExploreMemory.
#pragma once

#include "tests/explore/ring_world.hpp"

namespace explore {

// Producers P0 …, their heirs H0 …, then the collector C, which goes on until nothing changes.
void add_roles(Scheduler& scheduler, RingWorld& world);

}  // namespace explore
