// A small ring with something of everything in it, as bytes; scribbles over it, as an input says; and a copy of it in which
// each of its arrays is a block of its own, so that a step outside one of them is a step outside the program's memory. A copy
// out of a slot is held to that slot, whose neighbours are no such step.
#pragma once

#include <memory>
#include <string>

#include "lib/include/shmring/shmring.h"
#include "lib/os/segment.hpp"
#include "lib/ring/account.hpp"
#include "lib/ring/slot.hpp"
#include "tests/fuzz/place.hpp"
#include "tests/support/slot_hash.hpp"

namespace shmring::fuzz {

// The distance from an offset_ptr to what it points to.
inline void set_place(std::string& image, std::size_t pointer_at, u64 place) {
  const u64 distance = place - pointer_at;
  std::memcpy(image.data() + pointer_at, &distance, sizeof distance);
}

// A header's geometry with the size and the places that belong to it.
inline void set_geometry(std::string& image, ring::Geometry geometry) {
  const ring::Places at = ring::plan(geometry);
  geometry.size = at.size;
  std::memcpy(image.data() + offsetof(ring::Header, geometry), &geometry, sizeof geometry);
  set_place(image, offsetof(ring::Header, entries), at.entries);
  set_place(image, offsetof(ring::Header, lanes), at.lanes);
  set_place(image, offsetof(ring::Header, slots), at.slots);
}

inline bool view_of(std::string& image, ring::Ring& out);

// The same ring with eight producers: a table of hundreds costs each pass, and finds nothing more.
inline std::string small(std::string image) {
  ring::Ring view;
  must(view_of(image, view), "what was created is valid");
  ring::Geometry geometry = view.geometry;
  geometry.producers = 8;
  const ring::Places from = ring::plan(view.geometry), to = ring::plan(geometry);
  std::string out(to.size, '\0');
  std::memcpy(out.data(), image.data(), from.entries + geometry.producers * sizeof(ring::Entry));
  std::memcpy(out.data() + to.lanes, image.data() + from.lanes, geometry.lanes * sizeof(ring::Lane));
  std::memcpy(out.data() + to.slots, image.data() + from.slots, to.size - to.slots);
  set_geometry(out, geometry);
  return out;
}

// What a library's ring holds with five producers: the shared lane, an exclusive one, refusals, a record of several slots, an
// aborted one, a claim that is open, one who has left. Made once.
inline std::string make_image(const Place& place) {
  shmring_create_options create{};
  create.struct_size = sizeof create, create.slots = 64, create.slot_bytes = 128, create.lanes = 3, create.max_record = 1000;
  must(shmring_create("r", &create) == 0, shmring_last_error());
  shmring_attach_options options{};
  options.struct_size = sizeof options;
  shmring_producer* producers[5];
  for (u32 i = 0; i < 5; ++i) {
    options.lane = i == 1 || i == 3 ? SHMRING_LANE_EXCLUSIVE : SHMRING_LANE_SHARED;
    const std::string name = "p" + std::to_string(i);
    options.name = name.c_str();
    must(shmring_attach("r", &options, &producers[i]) == 0, shmring_last_error());
  }
  shmring_name_type(producers[0], 7, "seven");
  shmring_meta meta{};
  meta.type = 7;
  const std::string text(1001, 'x');
  void* in_place = nullptr;
  for (u32 i = 0; i < 5; ++i)
    for (std::size_t bytes : {10, 60, 200, 1001}) shmring_write(producers[i], &meta, text.data(), bytes);
  shmring_claim(producers[2], 10, &in_place);
  shmring_abort(producers[2]);
  shmring_claim(producers[3], 10, &in_place);
  shmring_detach(producers[4]);
  std::string image = small(read_file(place.ring_file()));
  for (u32 i = 0; i < 4; ++i) shmring_detach(producers[i]);
  shmring_unlink("r");
  return image;
}

inline constexpr u32 scribbled_entries = 6, scribbled_slots = 24;

// Over the bytes of a segment whose arrays lie where `ring` says.
class Scribbler {
 public:
  Scribbler(const ring::Ring& ring, Input& input) : ring_(ring), input_(input) {}

  void scribble() {
    switch (input_.take<u8>() % 8) {
      case 0: return word(words_of(&entry()), sizeof(ring::Entry) / 8);
      case 1: return word(words_of(&ring_.lanes[input_.below(ring_.geometry.lanes)]), sizeof(ring::Lane) / 8);
      case 2: return state_word(slot());
      case 3: return word(words_of(&slot()), sizeof(ring::Slot) / 8);
      case 4: return sealed_record(slot());
      case 5: return copy_entry();
      case 6: return copy_slot();
      default: return word(words_of(ring_.header), sizeof(ring::Header) / 8);
    }
  }

 private:
  template <class T>
  static u64* words_of(T* object) {
    return reinterpret_cast<u64*>(object);
  }
  ring::Entry& entry() { return ring_.entries[input_.below(std::min(scribbled_entries, ring_.geometry.producers))]; }
  ring::Slot& slot() {
    const u32 lane = input_.below(ring_.geometry.lanes);
    return ring_.slot(lane, input_.below(std::min(scribbled_slots, ring_.geometry.slots)));
  }
  void word(u64* words, std::size_t count) {
    u64& it = words[input_.below(static_cast<u32>(count))];
    it = input_.value(it);
  }
  void state_word(ring::Slot& slot) {
    const u64 lap = input_.flip() ? input_.take<u8>() % 4 : input_.take<u64>();
    slot.word = ring::Word{lap, input_.flip() ? input_.take<u8>() % 8u : input_.take<u16>() & ring::Word::owner_mask,
                           static_cast<ring::SlotState>(input_.take<u8>() % 8)}
                    .bits();
  }
  // A record that its hash vouches for.
  void sealed_record(ring::Slot& slot) {
    ring::RecordHeader& header = slot.header;
    header.refused = static_cast<u32>(input_.value(header.refused));
    header.sequence = input_.value(header.sequence);
    header.type = input_.take<u8>() % 16;
    header.chunks = static_cast<u16>(input_.take<u8>() % 20), header.chunk = static_cast<u16>(input_.take<u8>() % 20);
    header.length = input_.flip() ? static_cast<u16>(ring_.slot_payload()) : input_.take<u16>();
    header.kind = input_.take<u8>() % 16, header.flags = input_.take<u8>() % 4, header.why = input_.take<u16>();
    state_word(slot);
    const ring::Word word = ring::Word::of(slot.word);
    if (header.length > ring_.slot_payload() || word.owner == 0 || word.owner > ring_.geometry.producers) return;
    header.hash = test::hash_of(ring_, slot);
  }
  void copy_entry() {
    ring::Entry& to = entry();
    std::memmove(static_cast<void*>(&to), &entry(), sizeof to);
  }
  void copy_slot() {
    ring::Slot& to = slot();
    std::memmove(static_cast<void*>(&to), &slot(), ring_.geometry.slot_bytes);
  }

  ring::Ring ring_;
  Input& input_;
};

// A view of an image whose geometry validate() accepts; false: it does not.
inline bool view_of(std::string& image, ring::Ring& out) {
  alignas(ring::Header) std::byte copy[sizeof(ring::Header)];
  std::memcpy(copy, image.data(), sizeof copy);
  return !ring::validate(*reinterpret_cast<ring::Header*>(copy), image.size(), reinterpret_cast<std::byte*>(image.data()), out);
}

// Each array in a block of its own: zeros, or a copy of what stands in another ring.
class SplitRing {
 public:
  SplitRing(const ring::Geometry& geometry, u64 incarnation_base) {
    ring.use(geometry);
    ring.incarnation_base = incarnation_base;
    make(ring.header, 1), make(ring.entries, geometry.producers), make(ring.lanes, geometry.lanes);
    make(ring.slots, slots_bytes());
  }
  explicit SplitRing(const ring::Ring& from) : SplitRing(from.geometry, from.incarnation_base) {
    const ring::Geometry& g = from.geometry;
    copy(ring.header, from.header, 1), copy(ring.entries, from.entries, g.producers), copy(ring.lanes, from.lanes, g.lanes);
    copy(ring.slots, from.slots, slots_bytes());
  }
  SplitRing(const SplitRing&) = delete;
  ~SplitRing() {
    must_be_written(ring.header, sizeof(ring::Header));
    must_be_written(ring.entries, ring.geometry.producers * sizeof(ring::Entry));
    must_be_written(ring.lanes, ring.geometry.lanes * sizeof(ring::Lane));
    must_be_written(ring.slots, slots_bytes());
    for (void* block : {static_cast<void*>(ring.header), static_cast<void*>(ring.entries), static_cast<void*>(ring.lanes),
                        static_cast<void*>(ring.slots)})
      std::free(block);
  }

  ring::Ring ring;

 private:
  std::size_t slots_bytes() const { return std::size_t{ring.geometry.lanes} * ring.geometry.slots * ring.geometry.slot_bytes; }
  template <class T>
  static void make(T*& array, std::size_t count) {
    array = static_cast<T*>(std::aligned_alloc(ring::line_bytes, count * sizeof(T)));
    std::memset(static_cast<void*>(array), 0, count * sizeof(T));
  }
  template <class T>
  static void copy(T* to, const T* from, std::size_t count) {
    std::memcpy(static_cast<void*>(to), static_cast<const void*>(from), count * sizeof(T));
  }
};

// The memory of one SplitRing.
struct BoundedMemory : ring::HardwareMemory {
  static constexpr bool fills_from_registers = false;
  static inline ring::Ring ring;

  static void copy(ring::At at, void* to, const void* from, std::size_t bytes) {
    if (at == ring::At::copy_out) {
      const auto begin = static_cast<u64>(static_cast<const std::byte*>(from) - ring.slots);
      must(begin >> ring.slot_bytes_log2 == (begin + bytes - 1) >> ring.slot_bytes_log2, "a copy lies in one slot");
    }
    HardwareMemory::copy(at, to, from, bytes);
  }
};

}  // namespace shmring::fuzz
