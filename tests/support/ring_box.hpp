// A ring "audit" in a directory of its own, without a collector, and what stands in it.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lib/include/shmring/shmring.hpp"
#include "lib/inspect/inspect.hpp"
#include "lib/log/format/encoder.hpp"
#include "tests/support/sandbox.hpp"

namespace shmring::test {

struct RingBox : Sandbox {
  explicit RingBox(const CreateOptions& options) { create("audit", options); }

  inspect::Inspection facts() const {
    os::Segment segment;
    std::vector<std::string> findings;
    REQUIRE(os::open_readonly("audit", segment, findings) == 0);
    return inspect::read_segment(segment, findings, true);
  }

  // What the log would have of the slots that are READY, in order; "-" for an aborted one.
  std::vector<std::string> records() const {
    os::Segment segment;
    std::vector<std::string> findings, out;
    REQUIRE(os::open_readonly("audit", segment, findings) == 0);
    inspect::SlotFilter filter;
    filter.state = ring::SlotState::ready;
    inspect::Findings damage;
    const auto show = [&out](const inspect::SlotFacts& slot) {
      std::string& text = out.emplace_back("-");
      if ((slot.header.flags & ring::flag_aborted) != 0) return true;
      text = std::to_string(slot.header.type) + " ";
      log::append_data(text, slot.header.kind, slot.bytes);
      return true;
    };
    inspect::read_slots(segment, filter, show, damage);
    CHECK(damage.count == 0);
    return out;
  }

  // Entries of the table in that state.
  std::size_t entries(ring::OwnerState state) const {
    std::size_t count = 0;
    for (const auto& producer : facts().producers) count += producer.owner.state == state ? 1 : 0;
    return count;
  }
  std::size_t attached() const { return entries(ring::OwnerState::attached); }
  // By all producers together.
  ring::u64 attempted() const {
    ring::u64 sum = 0;
    for (const auto& producer : facts().producers) sum += producer.account.attempted;
    return sum;
  }
  ring::u64 aborted() const {
    ring::u64 sum = 0;
    for (const auto& producer : facts().producers)
      sum += producer.counters[static_cast<std::size_t>(ring::Cause::aborted)].count;
    return sum;
  }

  // Of the producer in the table's first entry.
  ring::u64 refused(ring::Cause cause) const { return facts().producers.at(0).counters[static_cast<std::size_t>(cause)].count; }
  bool finished() const { return facts().producers.at(0).account.finished; }
};

}  // namespace shmring::test
