// The least that a ring of slots can cost: no timestamp, no hash, no account, no owner. A writer that dies may take records
// with it.
//
// Invariants:
//   - the slot's word says position + 1 once the record of that position is whole (release); the reader acquires it;
//   - the reader gives slots back by its head, once per batch (release). A writer looks at the head (acquire) only if the ring
//     seems full.
#pragma once

#include <algorithm>
#include <bit>

#include "lib/ring/memory.hpp"
#include "tools/bench/shared_file.hpp"

namespace shmring::bench {

struct FloorControl {
  Shape shape;
  alignas(line) std::atomic<u64> tail{0};  // many writers only
  alignas(line) std::atomic<u64> head{0};
};

// Records are read in place.
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

// One writer, which has its own tail.
struct SingleFloor : FloorBase {
  static constexpr const char* name = "floor";
  static constexpr u32 max_producers = 1;

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
      put(ring_.at(tail_), tail_, record, bytes);
      ++tail_;
      return true;
    }

   private:
    void look_at_head() { head_ = ring_.control().head.load(std::memory_order_acquire); }

    SlotRing<FloorControl> ring_;
    u64 tail_ = 0, head_ = 0;
  };
};

// Many writers, each of which takes its position by fetch-and-add. A writer must not take a position that is not free. So it
// looks at head and tail for some positions at once, and leaves as many to each other writer. It calls the ring full that much
// earlier.
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

// Many writers, each of which takes a position by changing its slot's word, so that a taken position always has a taker. Then
// the first to come advances the tail. The writers contend for two lines, where fetch-and-add has one. This is the price of
// surviving a writer's death, without anything else that libshmring does. The words have a format of their own.
struct ClaimFloor : FloorBase {
  static constexpr const char* name = "floor-claim";
  static constexpr u32 max_producers = 8;

  // 4 × lap + state.
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
        if (word < 4 * lap) return false;  // not read yet
        const bool mine =
            word == 4 * lap + free && slot.word.compare_exchange_strong(word, 4 * lap + taken, std::memory_order_acq_rel);
        tail.compare_exchange_strong(position, position + 1, std::memory_order_acq_rel);
        if (!mine) continue;
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

}  // namespace shmring::bench
