// libshmring as a transport: written through the C ABI, and read by the collector's own reader, without a log.
//
// Invariants:
//   - timestamp and tripwire are on unless the variant's name says otherwise;
//   - the reader throws if it finds a corrupt record. It finds dead producers and frees their places, as a collector does;
//   - a record of more than 1 KiB is written in chunks, into slots of the default size. The reader hands it over whole.
#pragma once

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "lib/include/shmring/shmring.h"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "lib/os/memory.hpp"
#include "lib/os/process.hpp"
#include "lib/os/segment.hpp"
#include "lib/os/wakeup.hpp"
#include "lib/ring/reader.hpp"
#include "tools/bench/job.hpp"

namespace shmring::bench {

inline void must_be_done(int error) {
  if (error < 0) throw std::runtime_error(os::last_error());
}

class LaneReader {
 public:
  explicit LaneReader(const std::string& ring) {
    must_be_done(os::attach(ring, segment_));
    deaths_.emplace(segment_.ring);
    reader_.emplace(segment_.ring, ring::Pace{});
    reader_->look_over();
  }

  // Makes one pass, which looks at as many slots as a collector's pass.
  template <class Sink>
  std::size_t read(Sink&& sink) {
    const bool entries_due = is_due();
    reader_->begin_pass();
    if (entries_due) reader_->read_entries(*deaths_), reader_->read_tails();
    reader_->walk(ring::Pace{}.slots_a_pass);
    reader_->revisit();
    places_.clear();
    for (const ring::RawRecord* taken : in_order()) {
      if (taken->fault != ring::RawRecord::Fault::none) throw std::runtime_error("libshmring: a corrupt record");
      hand_over(*taken, sink);
      places_.push_back(taken->place);
    }
    reader_->release(places_);
    for (u32 lane = 0; lane < reader_->lanes(); ++lane)
      if (reader_->publish_head(lane)) os::futex_wake_all(segment_.ring.lanes[lane].freed);
    if (entries_due) free_closed();
    return places_.size();
  }

 private:
  static constexpr u64 patience_ns = 1'000'000, entries_every_ns = 100'000'000;
  static constexpr u32 passes_a_clock = 64;

  // A record of which not all chunks came was given up by its writer, and is not handed over.
  template <class Sink>
  void hand_over(const ring::RawRecord& taken, Sink&& sink) {
    const ring::RecordHeader& header = *taken.header;
    if ((header.flags & ring::flag_aborted) != 0) return;
    if (header.chunks == 1) return sink(taken.payload.data(), taken.payload.size());
    std::vector<std::byte>& parts = parts_[taken.incarnation];
    if (header.chunk == 0) parts.clear();
    parts.insert(parts.end(), taken.payload.begin(), taken.payload.end());
    if (header.chunk + 1 == header.chunks) sink(static_cast<const std::byte*>(parts.data()), parts.size());
  }
  // Tails and entries are read as often as by a collector: 10 times a second, and more often if nothing comes any more.
  bool is_due() {
    idle_ = places_.empty() ? idle_ + 1 : 0;
    if (++passes_ % passes_a_clock != 1) return false;
    const u64 now_ns = os::monotonic_now_ns();
    if (now_ns - looked_ns_ < (idle_ >= passes_a_clock ? patience_ns : entries_every_ns)) return false;
    looked_ns_ = now_ns;
    return true;
  }
  // The sink needs each producer's records in order, but in a pass the record of a stalled slot is taken after those behind it.
  const std::vector<const ring::RawRecord*>& in_order() {
    ordered_.clear();
    bool late = false;
    for (const ring::RawRecord& taken : reader_->taken()) ordered_.push_back(&taken), late = late || taken.late;
    auto key = [](const ring::RawRecord* taken) { return std::pair(taken->incarnation, taken->header->sequence); };
    if (late) std::ranges::stable_sort(ordered_, {}, key);
    return ordered_;
  }
  void free_closed() {
    std::vector<u32> closed;
    for (const ring::Observation& observation : reader_->ripe())
      if (observation.closing) closed.push_back(observation.entry);
    reader_->free_entries(closed, *deaths_);
  }

  os::Segment segment_;
  std::optional<os::Deaths> deaths_;
  std::optional<ring::Reader<os::ProcessMemory>> reader_;
  std::vector<const ring::RawRecord*> ordered_;
  std::vector<ring::HeldSlot> places_;
  std::map<u64, std::vector<std::byte>> parts_;  // the chunks of a record so far, by incarnation
  u64 looked_ns_ = 0;
  u32 passes_ = 0, idle_ = 0;
};

template <class Variant>
class ShmringLane {
  static constexpr bool shared = Variant::lane == SHMRING_LANE_SHARED;

 public:
  static constexpr const char* name = Variant::name;
  static constexpr Role role = Role::libshmring;
  static constexpr bool overwrites = true;
  static constexpr bool survives_death = true;
  static constexpr u32 max_producers = 63;
  static constexpr u32 max_bytes = Variant::in_place ? bench_small_bytes : 65536;

  static void create(const std::string& ring, const Shape& shape) {
    shmring_create_options options{};
    options.struct_size = sizeof options;
    options.slot_bytes = default_slot;
    if (shape.bytes <= bench_small_bytes)
      for (options.slot_bytes = 128; options.slot_bytes < sizeof(ring::Slot) + shape.bytes;) options.slot_bytes *= 2;
    const u64 payload = options.slot_bytes - sizeof(ring::Slot), chunks = (shape.bytes + payload - 1) / payload;
    options.slots = static_cast<u32>(std::bit_ceil(shape.slots * chunks));
    options.lanes = shared ? 1 : 1 + shape.producers;
    constexpr u32 policies[] = {SHMRING_POLICY_DROP, SHMRING_POLICY_OVERWRITE, SHMRING_POLICY_WAIT, SHMRING_POLICY_HYBRID};
    options.on_full = policies[static_cast<std::size_t>(shape.when_full)];
    options.wait_us = options.on_full >= SHMRING_POLICY_WAIT ? bench_wait_us : 0;
    options.max_record = shape.bytes;
    options.flags = Variant::flags;
    must_be_done(shmring_create(ring.c_str(), &options));
  }
  static void remove(const std::string& ring) noexcept {
    try {
      os::unlink(ring, true);
    } catch (const std::bad_alloc&) {  // the ring stays
    }
  }

  class Writer {
   public:
    explicit Writer(const std::string& ring) {
      shmring_attach_options options{};
      options.struct_size = sizeof options;
      options.lane = Variant::lane;
      // A place becomes free only when the reader has noticed that its last holder is gone.
      const u64 deadline_ns = os::monotonic_now_ns() + patience_ns;
      int error = shmring_attach(ring.c_str(), &options, &producer_);
      while ((error == -EBUSY || error == -EUSERS) && os::monotonic_now_ns() < deadline_ns) {
        os::sleep_for(pause_ns);
        error = shmring_attach(ring.c_str(), &options, &producer_);
      }
      must_be_done(error);
    }
    Writer(const Writer&) = delete;
    ~Writer() { shmring_detach(producer_); }

    bool write(const void* record, std::size_t bytes) {
      static constexpr shmring_meta meta{1, SHMRING_KIND_BYTES, 6, 0, {}};
      if constexpr (!Variant::in_place) return shmring_write(producer_, &meta, record, bytes) == 0;
      void* place = nullptr;
      if (shmring_claim(producer_, bytes, &place) != 0) return false;
      std::memcpy(place, record, bytes);
      return shmring_commit(producer_, &meta, bytes) == 0;
    }

   private:
    static constexpr u64 patience_ns = 2'000'000'000, pause_ns = 5'000'000;
    shmring_producer* producer_ = nullptr;
  };
  using Reader = LaneReader;

 private:
  static constexpr u32 default_slot = 256;
};

template <u32 of_lane, u32 create_flags = 0, bool claims = false>
struct Lane {
  static constexpr u32 lane = of_lane, flags = create_flags;
  static constexpr bool in_place = claims;
};
inline constexpr u32 bare = SHMRING_CREATE_NO_TIMESTAMP | SHMRING_CREATE_NO_TRIPWIRE;

struct ExclusiveVariant : Lane<SHMRING_LANE_EXCLUSIVE> {
  static constexpr const char* name = "exclusive";
};
struct ExclusiveNoTime : Lane<SHMRING_LANE_EXCLUSIVE, SHMRING_CREATE_NO_TIMESTAMP> {
  static constexpr const char* name = "exclusive-no-time";
};
struct ExclusiveNoHash : Lane<SHMRING_LANE_EXCLUSIVE, SHMRING_CREATE_NO_TRIPWIRE> {
  static constexpr const char* name = "exclusive-no-hash";
};
struct ExclusiveBare : Lane<SHMRING_LANE_EXCLUSIVE, bare> {
  static constexpr const char* name = "exclusive-bare";
};
struct ExclusiveInPlace : Lane<SHMRING_LANE_EXCLUSIVE, 0, true> {
  static constexpr const char* name = "exclusive-in-place";
};
struct SharedVariant : Lane<SHMRING_LANE_SHARED> {
  static constexpr const char* name = "shared";
};
struct SharedBare : Lane<SHMRING_LANE_SHARED, bare> {
  static constexpr const char* name = "shared-bare";
};
struct SharedInPlace : Lane<SHMRING_LANE_SHARED, 0, true> {
  static constexpr const char* name = "shared-in-place";
};

using ExclusiveLane = ShmringLane<ExclusiveVariant>;
using SharedLane = ShmringLane<SharedVariant>;

}  // namespace shmring::bench
