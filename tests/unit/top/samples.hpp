// Samples of rings that are made up, for the tests of `shmring top`. Times begin at ten thousand seconds.
#pragma once

#include <algorithm>
#include <string>

#include "tools/shmring/top/model.hpp"

namespace shmring::test {

using namespace tool::top;

inline constexpr u64 ms = 1'000'000, second = 1000 * ms, start_ns = 10'000 * second;
inline constexpr u64 start_utc_ns = 1'796'000'000 * second;

inline inspect::ProducerFacts producer(u32 entry, const std::string& name, u64 attempted, u32 full = 0) {
  inspect::ProducerFacts out;
  out.entry = entry, out.incarnation = 1000 + entry, out.lane = entry + 1;
  out.owner = {4000 + entry, 77, ring::OwnerState::attached};
  out.standing = inspect::Standing::alive;
  name.copy(out.identity.name, sizeof out.identity.name - 1);
  out.account.attempted = attempted;
  out.logged.through = attempted - std::min<u64>(attempted, 10);
  out.counters[0].count = full;
  return out;
}

inline inspect::LaneFacts lane(u32 number, u64 owner, u64 fill, u64 high = 0) {
  inspect::LaneFacts out;
  out.lane = number, out.owner = owner, out.slots = 1024, out.head = 5000, out.tail = 5000 + fill;
  out.high_water = std::max(high, fill);
  return out;
}

// A ring whose collector made a pass 50 ms ago.
inline RingSample ring(const std::string& name, u64 at_ns) {
  RingSample out;
  out.name = name;
  out.look.at_ns = at_ns;
  inspect::Inspection& facts = out.look.facts;
  facts.header.name = facts.header.ring = name;
  facts.header.this_boot = true, facts.header.our_namespaces = true, facts.header.ours = true;
  facts.header.version = ring::version, facts.header.state = 1, facts.header.file_bytes = 33 << 20;
  facts.header.identity = {17, 4};
  facts.header.geometry.slots = 1024, facts.header.geometry.slot_bytes = 256;
  facts.header.geometry.lanes = 3, facts.header.geometry.producers = 256;
  inspect::CollectorFacts& collector = facts.collector;
  collector.holds_lease = true, collector.has_more = true;
  collector.identity = {812, 5, ring::OwnerState::attached};
  collector.epoch = 3, collector.heartbeat_ns = at_ns - 50 * ms, collector.state = 1;
  collector.level = ring::Level::interval;
  collector.log.durable_index = 900, collector.log.next_index = 1000;
  collector.log.undurable_ns = at_ns - 12 * ms;
  collector.log.bytes = 5 << 20, collector.log.free_bytes = u64{9} << 30;
  facts.lanes = {lane(0, 0, 0), lane(1, 1, 512, 768), lane(2, 0, 0)};
  facts.lanes[2].tail = facts.lanes[2].head = 0;
  return out;
}

inline Sample sample(u64 at_ns, std::vector<RingSample> rings) {
  Sample out;
  out.at_ns = at_ns, out.utc_ns = start_utc_ns + (at_ns - start_ns), out.host = "host", out.rings = std::move(rings);
  return out;
}

inline RingSample unread(const std::string& name, int error, const std::string& problem) {
  RingSample out;
  out.name = name, out.error = error, out.problem = problem;
  return out;
}

// One ring with these producers.
inline Sample with(u64 at_ns, std::vector<inspect::ProducerFacts> producers) {
  RingSample one = ring("payments", at_ns);
  one.look.facts.producers = std::move(producers);
  return sample(at_ns, {std::move(one)});
}

// The first ring of what the samples make.
inline Ring ring_after(const std::vector<Sample>& samples) {
  Model model;
  for (const Sample& one : samples) model = next(model, one);
  return model.rings.at(0);
}

}  // namespace shmring::test
