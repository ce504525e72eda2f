// The measurement handoff of a bare ring: the least that it can take from a write to a polling reader's copy of the record.
#include <array>
#include <cstring>

#include "tools/bench/alone.hpp"
#include "tools/bench/collecting.hpp"
#include "tools/bench/floors.hpp"
#include "tools/bench/histogram.hpp"
#include "tools/bench/process.hpp"

namespace shmring::bench {
namespace {

constexpr std::size_t record_bytes = 64;
using Record = std::array<std::byte, record_bytes>;

struct FloorRing {
  explicit FloorRing(const Job& job) : name(fresh_name()) {
    SingleFloor::create(name, {bench_slots, record_bytes, job.producers, WhenFull::refuse});
  }
  FloorRing(const FloorRing&) = delete;
  ~FloorRing() { SingleFloor::remove(name); }
  std::string name;
};

// A record begins with the time of its write.
void write(Board& board, const Job& job, const FloorRing& ring, bool crowded) {
  SingleFloor::Writer writer(ring.name);
  Record record{};
  write_alone(board, job, true, crowded, [&] {
    const u64 now = ticks();
    std::memcpy(record.data(), &now, sizeof now);
    return writer.write(record.data(), record.size());
  });
}

void read(Board& board, const FloorRing& ring, bool crowded) {
  SingleFloor::Reader reader(ring.name);
  Histogram hands;
  u64 count = 0;
  be_ready(board, crowded);
  while (board.writers_done.load(std::memory_order_acquire) == 0 || count < board.writers[0].accepted) {
    const std::size_t found = reader.read([&](const std::byte* bytes, std::size_t size) {
      Record copy;
      std::memcpy(copy.data(), bytes, std::min(size, copy.size()));
      u64 when = 0;
      std::memcpy(&when, copy.data(), sizeof when);
      hands.add(ticks() - when);
    });
    count += found;
    if (found != 0) board.delivered[0].store(count, std::memory_order_release);
    crowded ? yield() : ring::HardwareMemory::pause();
  }
  board.writers[0].calls.add(hands);
}

}  // namespace

Round run_floor_handoff(const Job& job) {
  const FloorRing ring(job);
  const Placement placement(processors(), job);
  SharedWithChildren<Board> board;
  std::vector<Child> children;
  children.emplace_back([&] { return play(*board, placement.reader, [&] { read(*board, ring, placement.crowded); }); });
  children.emplace_back(
      [&] { return play(*board, placement.writer(0), [&] { write(*board, job, ring, placement.crowded); }); });
  return supervise(*board, children, job);
}

}  // namespace shmring::bench
