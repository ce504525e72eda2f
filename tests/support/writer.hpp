// A whole producer over a plain ring, at whose accesses a test may act.
#pragma once

#include "tests/support/collector_bench.hpp"

namespace plain {

using Writer = Producer<ProducerMemory>;
using Texts = std::vector<std::string>;

template <class P>
void attach(P& producer, PlainRing& plain, u32 entry = 0, u32 lane = SHMRING_LANE_SHARED) {
  REQUIRE(producer.attach(plain.ring, owner(entry + 1), identity("p" + std::to_string(entry)), lane) == 0);
}

template <class P>
int write(P& producer, const std::string& payload) {
  return producer.write(nullptr, payload.data(), payload.size());
}

}  // namespace plain
