// A failed execution for people: who, which step, which access (its label), which word, what it was and became,
// decoded.
#pragma once

#include <optional>

#include "tests/explore/ring_world.hpp"
#include "tests/explore/search.hpp"

namespace explore {

std::string name_of(shmring::ring::At at);
std::optional<shmring::ring::At> label_of(const std::string& name);
std::string file_of(shmring::ring::At at);  // where its access stands
void print_trace(const RingWorld& world, const Scheduler& scheduler, const std::vector<Step>& steps);

}  // namespace explore
