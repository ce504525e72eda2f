// The ring in plain memory: see plain_ring.hpp.
#include "tests/support/plain_ring.hpp"

#include <cstring>

namespace plain {

PlainRing::PlainRing(Shape shape) {
  Geometry geometry{};
  geometry.slots = shape.slots, geometry.slot_bytes = shape.slot_bytes, geometry.lanes = shape.lanes;
  geometry.producers = shape.producers, geometry.flags = shape.flags;
  geometry.on_full = static_cast<u32>(shape.on_full), geometry.wait_us = shape.wait_us;
  geometry.max_record = shape.max_record != 0 ? shape.max_record : shape.slot_bytes - u32{sizeof(Slot)};
  const std::size_t entries = sizeof(Header), lanes = entries + shape.producers * sizeof(Entry);
  const std::size_t slots = lanes + shape.lanes * sizeof(Lane);
  geometry.size = slots + std::size_t{shape.lanes} * shape.slots * shape.slot_bytes;
  memory_.resize(geometry.size / line_bytes);
  std::byte* at = memory_[0].bytes;
  ring.header = reinterpret_cast<Header*>(at);
  ring.entries = reinterpret_cast<Entry*>(at + entries);
  ring.lanes = reinterpret_cast<Lane*>(at + lanes);
  ring.slots = at + slots;
  ring.use(geometry);
  ring.incarnation_base = base;
  ring.header->state = static_cast<u32>(SegmentState::open);
}

PlainRing::~PlainRing() = default;

void PlainRing::begin_at(u64 position, u32 lane) const {
  for (u32 index = 0; index < ring.geometry.slots; ++index)
    set_word(index, empty(ring.lap(position) + (index < ring.index(position) ? 1 : 0)), lane);
  set_tail(position, lane), set_head(position, lane);
}

std::string PlainRing::bytes() const {
  return std::string(reinterpret_cast<const char*>(memory_.data()), memory_.size() * line_bytes);
}

std::string PlainRing::entry_bytes(u32 index) const {
  return std::string(reinterpret_cast<const char*>(&entry(index)), sizeof(Entry));
}

Identity identity(const std::string& name) {
  Identity out{};
  std::strncpy(out.name, name.c_str(), sizeof out.name - 1);
  out.uid = 1000, out.tid = 7;
  return out;
}

}  // namespace plain

doctest::String doctest::StringMaker<shmring::ring::Word>::convert(const shmring::ring::Word& word) {
  static const char* const names[] = {"EMPTY", "WRITING", "READY", "READING", "4", "5", "6", "7"};
  const std::string text = std::string(names[static_cast<unsigned>(word.state) & 7]) + "(" + std::to_string(word.lap) + ", " +
                           std::to_string(word.owner) + ")";
  return text.c_str();
}

doctest::String doctest::StringMaker<shmring::ring::AccountWord>::convert(const shmring::ring::AccountWord& account) {
  return (std::to_string(account.attempted) + (account.finished ? " finished" : " in flight")).c_str();
}
