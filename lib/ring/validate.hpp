// Computes where the parts of a segment lie, and checks whether a header's bytes may be believed. It is pure: plain values in,
// plain values out.
//
// Invariants:
//   - create and attach share one formula, plan(). A header that disagrees with it is refused, whatever it says;
//   - validate() works on a private copy of the header, reads it once, and dereferences nothing;
//   - for a geometry that check() accepts, plan() is free of overflow (at most 2^46 bytes), and every index of a valid position
//     lies inside its array.
#pragma once

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "lib/ring/ring.hpp"

namespace shmring::ring {

inline constexpr u32 min_slots = 64, max_slots = 1u << 24;
inline constexpr u32 min_slot_bytes = 128, max_slot_bytes = 65536;
inline constexpr u32 max_chunks = 65535;  // Slot::chunks has 16 bits
// A unit of the layout, the same on each machine. Where the kernel's pages are larger, slots may begin inside one, and the
// segment may end inside one: nothing here needs that they do not.
inline constexpr u64 page_bytes = 4096;
// A line of the log must hold any record, and readers take at most 128 MiB as one line. That includes what a hostile segment
// passes off as a record. One byte becomes at most six ("\u0001"), and two slots, values of fields, and the line's other keys
// add less than 1 MiB.
inline constexpr u64 longest_record = (u64{127} << 20) / 6;

// The first value that is wrong: `field` is `found`, but must be `rule` `expected`. If `error` is 0, all is well.
struct Finding {
  int error = 0;  // a positive errno
  const char* field = "";
  u64 found = 0;
  const char* rule = "";
  u64 expected = 0;
  constexpr explicit operator bool() const { return error != 0; }
};

// Distances from the segment's first byte, and its size.
struct Places {
  u64 entries, lanes, slots, size;
};

constexpr u64 round_up(u64 bytes, u64 unit) { return (bytes + unit - 1) / unit * unit; }

// Computes the places for a geometry that check() accepts (its `size` is not used). Slots begin at a multiple of page_bytes.
constexpr Places plan(const Geometry& geometry, u64 header_bytes = sizeof(Header)) {
  Places at{};
  at.entries = round_up(header_bytes, line_bytes);
  at.lanes = at.entries + u64{geometry.producers} * sizeof(Entry);
  at.slots = round_up(at.lanes + u64{geometry.lanes} * sizeof(Lane), page_bytes);
  at.size = round_up(at.slots + u64{geometry.lanes} * geometry.slots * geometry.slot_bytes, page_bytes);
  return at;
}

// The largest payload of one record, for slots and slot_bytes in range: it must fit a quarter of a lane, and a line of the log.
constexpr u64 max_record_limit(const Geometry& geometry) {
  const u64 quarter = u64{std::min(geometry.slots / 4, max_chunks)} * (geometry.slot_bytes - sizeof(Slot));
  return std::min(quarter, longest_record);
}

// Checks everything except `size`. `error` is the code that a finding gets.
constexpr Finding check(const Geometry& geometry, int error) {
  auto in_range = [error](const char* field, u64 found, u64 low, u64 high) -> Finding {
    if (found < low) return {error, field, found, "at least", low};
    if (found > high) return {error, field, found, "at most", high};
    return {};
  };
  auto power_in_range = [&](const char* field, u64 found, u64 low, u64 high) -> Finding {
    if (Finding finding = in_range(field, found, low, high)) return finding;
    if (!std::has_single_bit(found)) return {error, field, found, "a power of two, for instance", std::bit_floor(found)};
    return {};
  };
  if (Finding f = power_in_range("slots", geometry.slots, min_slots, max_slots)) return f;
  if (Finding f = power_in_range("slot_bytes", geometry.slot_bytes, min_slot_bytes, max_slot_bytes)) return f;
  if (Finding f = in_range("lanes", geometry.lanes, 1, max_lanes)) return f;
  if (Finding f = in_range("producers", geometry.producers, 1, max_producers)) return f;
  if (Finding f = in_range("max_record", geometry.max_record, 1, max_record_limit(geometry))) return f;
  if (Finding f = in_range("on_full", geometry.on_full, 0, static_cast<u64>(OnFull::hybrid))) return f;
  if (Finding f = in_range("flags", geometry.flags, 0, with_tripwire | with_timestamp)) return f;
  return in_range("clock", geometry.clock, 0, static_cast<u64>(Clock::tsc));
}

// Versions whose segments can be looked at as if they were of this version. Fields added since lie where the older ones have
// zeros, or behind the end of their header, and are then not read.
struct OlderVersion {
  u32 version;
  u64 fingerprint;
  u64 header_bytes;
  const char* library;  // the version that makes and drains them
};
inline constexpr OlderVersion older_versions[] = {{1, 0xe73466c03b9bf4fe, offsetof(Header, status_more), "0.1"},
                                                  {2, 0x0791071f99c037ea, 4864, "0.2"},
                                                  {3, 0x0791071f99c037ea, 4864, "0.3"}};

// Returns NULL for this version, or for one that is unknown.
constexpr const OlderVersion* find_older(u32 number) {
  for (const OlderVersion& older : older_versions)
    if (older.version == number) return &older;
  return nullptr;
}

constexpr u64 header_bytes_of(u32 number) {
  const OlderVersion* const older = find_older(number);
  return older != nullptr ? older->header_bytes : sizeof(Header);
}

enum class Purpose : u8 { write, look };  // an older version is accepted only for looking

// Checks whether these bytes are a segment of this library at all: of this version, this layout and this word size.
inline Finding identify(const Header& header, Purpose purpose = Purpose::write) {
  const OlderVersion* const older = purpose == Purpose::look ? find_older(header.version) : nullptr;
  if (header.magic != magic) return {ENOEXEC, "magic", header.magic, "exactly", magic};
  if (header.version != version && older == nullptr) return {EPROTO, "version", header.version, "exactly", version};
  if (header.word_bytes != sizeof(void*)) return {ENOEXEC, "word_bytes", header.word_bytes, "exactly", sizeof(void*)};
  const u64 fingerprint = older != nullptr ? older->fingerprint : layout_fingerprint();
  if (header.fingerprint != fingerprint) return {ENOEXEC, "fingerprint", header.fingerprint, "exactly", fingerprint};
  return {};
}

// Returns where an offset_ptr points, counted from the segment's first byte. Nothing is dereferenced. An offset_ptr holds the
// distance from itself.
inline u64 raw_place(const Header& header, std::size_t pointer_at) {
  u64 distance;
  std::memcpy(&distance, reinterpret_cast<const std::byte*>(&header) + pointer_at, sizeof distance);
  return distance + pointer_at;
}

// The whole check. `snapshot` is a private copy of the header, and `bytes` is the size of what is mapped, or is to be mapped,
// at `base`. Without a finding, `out` becomes the view of it; otherwise `out` is untouched. `base` is NULL before anything is
// mapped; `out` then has no arrays.
inline Finding validate(const Header& snapshot, u64 bytes, std::byte* base, Ring& out, Purpose purpose = Purpose::write) {
  if (bytes < sizeof(Header)) return {EBADMSG, "size of the file", bytes, "at least", sizeof(Header)};
  if (Finding finding = identify(snapshot, purpose)) return finding;
  const Geometry geometry = snapshot.geometry;
  if (Finding finding = check(geometry, EBADMSG)) return finding;
  const u64 header_bytes = header_bytes_of(snapshot.version);
  const Places at = plan(geometry, header_bytes);
  if (geometry.size != at.size) return {EBADMSG, "size", geometry.size, "exactly", at.size};
  const struct {
    const char* field;
    std::size_t pointer_at;
    u64 expected;
  } arrays[] = {{"entries", offsetof(Header, entries), at.entries},
                {"lanes", offsetof(Header, lanes), at.lanes},
                {"slots", offsetof(Header, slots), at.slots}};
  for (const auto& stored : arrays) {
    const u64 found = raw_place(snapshot, stored.pointer_at);
    if (found != stored.expected) return {EBADMSG, stored.field, found, "exactly", stored.expected};
  }
  if (bytes != at.size) return {EBADMSG, "size of the file", bytes, "exactly", at.size};
  if (snapshot.incarnation_base >> 53 != 0)
    return {EBADMSG, "incarnation_base", snapshot.incarnation_base, "below", u64{1} << 53};
  if (purpose == Purpose::write && snapshot.identity[0] == 0 && snapshot.identity[1] == 0)
    return {EBADMSG, "identity", 0, "above", 0};
  const auto array = [base](u64 place) { return base != nullptr ? base + place : nullptr; };
  out.header = reinterpret_cast<Header*>(base);
  out.entries = reinterpret_cast<Entry*>(array(at.entries));
  out.lanes = reinterpret_cast<Lane*>(array(at.lanes));
  out.slots = array(at.slots);
  out.use(geometry);
  out.header_bytes = header_bytes;
  out.incarnation_base = snapshot.incarnation_base;
  out.identity = {snapshot.identity[0], snapshot.identity[1]};
  return {};
}

}  // namespace shmring::ring
