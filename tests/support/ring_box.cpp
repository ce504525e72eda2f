// A ring in a directory of its own: see ring_box.hpp.
#include "tests/support/ring_box.hpp"

#include <doctest/doctest.h>

#include "lib/log/format/encoder.hpp"

namespace shmring::test {

RingBox::RingBox(const CreateOptions& options) { create("audit", options); }

inspect::Inspection RingBox::facts() const {
  os::Segment segment;
  std::vector<std::string> findings;
  REQUIRE(os::open_readonly("audit", segment, findings) == 0);
  return inspect::read_segment(segment, findings, true);
}

std::vector<std::string> RingBox::records() const {
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

std::size_t RingBox::entries(ring::OwnerState state) const {
  std::size_t count = 0;
  for (const auto& producer : facts().producers) count += producer.owner.state == state ? 1 : 0;
  return count;
}

ring::u64 RingBox::attempted() const {
  ring::u64 sum = 0;
  for (const auto& producer : facts().producers) sum += producer.account.attempted;
  return sum;
}

ring::u64 RingBox::aborted() const {
  ring::u64 sum = 0;
  for (const auto& producer : facts().producers) sum += producer.counters[static_cast<std::size_t>(ring::Cause::aborted)].count;
  return sum;
}

ring::u64 RingBox::refused(ring::Cause cause) const {
  return facts().producers.at(0).counters[static_cast<std::size_t>(cause)].count;
}

bool RingBox::finished() const { return facts().producers.at(0).account.finished; }

}  // namespace shmring::test
