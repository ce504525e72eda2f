// Floors: bare rings, which show the least that a ring of slots can cost. They have no timestamp, no hash, no account and no
// owner, so a writer that dies may take records with it.
//
// Invariants of the first two floors:
//   - a slot's word is position + 1 once the record of that position is whole. The store is release, the reader's load acquire;
//   - the reader gives slots back by storing its head (release) once per batch. A writer loads the head (acquire) only if the
//     ring seems full.
#pragma once

#include <algorithm>
#include <bit>

#include "lib/ring/memory.hpp"
#include "tools/bench/board.hpp"
#include "tools/bench/shared_file.hpp"

namespace shmring::bench {

struct FloorControl {
  Shape shape;
  alignas(line) std::atomic<u64> tail{0};  // not used by SingleFloor
  alignas(line) std::atomic<u64> head{0};
};

// The sink gets each record in its slot, without a copy.
class FloorReader {
 public:
  explicit FloorReader(const std::string& file) : ring_(file), head_(ring_.control().head.load(std::memory_order_relaxed)) {}

  template <class Sink>
  std::size_t read(Sink&& sink) {
    std::size_t count = 0;
    for (; count < read_batch; ++count, ++head_) {
      Slot& slot = ring_.at(head_);
      if (slot.word.load(std::memory_order_acquire) != head_ + 1) break;
      sink(static_cast<const std::byte*>(slot.payload()), static_cast<std::size_t>(slot.length));
    }
    if (count != 0) ring_.control().head.store(head_, std::memory_order_release);
    return count;
  }

 private:
  SlotRing<FloorControl> ring_;
  u64 head_;
};

struct FloorBase {
  static constexpr Role role = Role::floor;
  static constexpr bool overwrites = false;
  static constexpr bool survives_death = false;
  static void create(const std::string& file, const Shape& shape) { SlotRing<FloorControl>::create(file, shape); }
  static void remove(const std::string& file) noexcept { SharedFile::remove(file); }
  using Reader = FloorReader;

 protected:
  static void put(Slot& slot, u64 position, const void* record, std::size_t bytes) {
    slot.length = bytes;
    std::memcpy(slot.payload(), record, bytes);
    slot.word.store(position + 1, std::memory_order_release);
  }
};

// What the timed floors put behind each record: the time of its write, read from the clock that the benchmark uses, which is
// the one that a ring would use here.
template <bool timed>
struct Stamp {
  static Shape with_room(Shape shape) {
    if (timed) shape.bytes += sizeof(u64);
    return shape;
  }
  static void put(Slot& slot, std::size_t bytes) {
    if constexpr (!timed) return;
    const u64 now = ticks();
    std::memcpy(slot.payload() + bytes, &now, sizeof now);
  }
};

// A floor for one writer, which keeps the tail to itself.
template <bool timed>
struct FloorOfOne : FloorBase {
  static constexpr const char* name = timed ? "floor-timed" : "floor";
  static constexpr u32 max_producers = 1;
  static void create(const std::string& file, const Shape& shape) { FloorBase::create(file, Stamp<timed>::with_room(shape)); }

  class Writer {
   public:
    explicit Writer(const std::string& file) : ring_(file) {
      look_at_head();
      for (tail_ = head_; ring_.at(tail_).word.load(std::memory_order_relaxed) == tail_ + 1;) ++tail_;
    }
    bool write(const void* record, std::size_t bytes) {
      if (tail_ - head_ == ring_.slots()) [[unlikely]] {
        look_at_head();
        if (tail_ - head_ == ring_.slots()) return false;
      }
      Slot& slot = ring_.at(tail_);
      Stamp<timed>::put(slot, bytes);
      put(slot, tail_, record, bytes);
      ++tail_;
      return true;
    }

   private:
    void look_at_head() { head_ = ring_.control().head.load(std::memory_order_acquire); }

    SlotRing<FloorControl> ring_;
    u64 tail_ = 0, head_ = 0;
  };
};
using SingleFloor = FloorOfOne<false>;
using TimedFloor = FloorOfOne<true>;

// A floor for many writers. Each takes its position by fetch-and-add, which cannot be undone, so it must know beforehand that
// the position is free. It therefore looks at head and tail once for several positions, its credit, and leaves as many for each
// other writer. So it takes the ring for full that much too early.
struct SharedFloor : FloorBase {
  static constexpr const char* name = "floor-shared";
  static constexpr u32 max_producers = 8;

  class Writer {
   public:
    explicit Writer(const std::string& file) : ring_(file), credit_(ring_.slots() / 4 / max_producers) {}

    bool write(const void* record, std::size_t bytes) {
      if (left_ == 0) [[unlikely]] {
        const u64 head = ring_.control().head.load(std::memory_order_acquire);
        const u64 tail = ring_.control().tail.load(std::memory_order_relaxed);
        if (tail - head > ring_.slots() - max_producers * credit_) return false;
        left_ = credit_;
      }
      --left_;
      const u64 position = ring_.control().tail.fetch_add(1, std::memory_order_relaxed);
      put(ring_.at(position), position, record, bytes);
      return true;
    }

   private:
    SlotRing<FloorControl> ring_;
    u64 credit_, left_ = 0;
  };
};

// A floor for many writers that take a position by a compare-and-swap on its slot's word, so that a taken position always has
// an owner. Any writer may then advance the tail. The writers contend for two cache lines instead of one. This is what it costs
// to survive a writer's death, without anything else that libshmring does.
template <bool timed>
struct FloorOfClaims : FloorBase {
  static constexpr const char* name = timed ? "floor-claim-timed" : "floor-claim";
  static constexpr u32 max_producers = 8;
  static void create(const std::string& file, const Shape& shape) { FloorBase::create(file, Stamp<timed>::with_room(shape)); }

  // The states of a slot. Unlike in the other floors, its word is 4 × lap + state.
  static constexpr u64 free = 0, taken = 1, whole = 2;

  class Reader {
   public:
    explicit Reader(const std::string& file) : ring_(file), lap_shift_(std::countr_zero(ring_.slots())) {}
    template <class Sink>
    std::size_t read(Sink&& sink) {
      std::size_t count = 0;
      for (; count < read_batch; ++count, ++head_) {
        Slot& slot = ring_.at(head_);
        const u64 lap = head_ >> lap_shift_;
        if (slot.word.load(std::memory_order_acquire) != 4 * lap + whole) break;
        sink(static_cast<const std::byte*>(slot.payload()), static_cast<std::size_t>(slot.length));
        slot.word.store(4 * (lap + 1) + free, std::memory_order_release);
      }
      return count;
    }

   private:
    SlotRing<FloorControl> ring_;
    int lap_shift_;
    u64 head_ = 0;
  };

  class Writer {
   public:
    explicit Writer(const std::string& file) : ring_(file), lap_shift_(std::countr_zero(ring_.slots())) {}
    bool write(const void* record, std::size_t bytes) {
      std::atomic<u64>& tail = ring_.control().tail;
      while (true) {
        u64 position = tail.load(std::memory_order_relaxed);
        Slot& slot = ring_.at(position);
        const u64 lap = position >> lap_shift_;
        u64 word = slot.word.load(std::memory_order_relaxed);
        if (word < 4 * lap) return false;  // full: the record of the lap before was not read yet
        const bool mine =
            word == 4 * lap + free && slot.word.compare_exchange_strong(word, 4 * lap + taken, std::memory_order_acq_rel);
        tail.compare_exchange_strong(position, position + 1, std::memory_order_acq_rel);
        if (!mine) continue;
        Stamp<timed>::put(slot, bytes);
        slot.length = bytes;
        std::memcpy(slot.payload(), record, bytes);
        slot.word.store(4 * lap + whole, std::memory_order_release);
        return true;
      }
    }

   private:
    SlotRing<FloorControl> ring_;
    int lap_shift_;
  };
};

using ClaimFloor = FloorOfClaims<false>;
using TimedClaimFloor = FloorOfClaims<true>;

}  // namespace shmring::bench
