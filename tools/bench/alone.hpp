// The writer of the measurement handoff: records that come alone, each to a reader that has been idle for a while.
#pragma once

#include <stdexcept>

#include "lib/os/clock.hpp"
#include "lib/os/wakeup.hpp"
#include "tools/bench/board.hpp"

namespace shmring::bench {

// Puts one record into the ring at a time. The next one follows when this one is delivered and the reader, which polls if it is
// `busy`, has been idle for a while.
template <class Put>
void write_alone(Board& board, const Job& job, bool busy, bool crowded, Put&& put) {
  be_ready(board, crowded);
  Board::WriterLine& mine = board.writers[0];
  const u64 end_ns = os::monotonic_now_ns() + job.budget_ns;
  while (os::monotonic_now_ns() < end_ns) {
    if (!put()) throw std::runtime_error("an empty ring refused a record");
    mine.attempted = ++mine.accepted;
    Patience patience(crowded, grace_ns);
    while (board.delivered[0].load(std::memory_order_acquire) < mine.accepted) patience.once();
    // The distance between records is longer than the collector's longest sleep while records come. It varies, so that it is
    // not in step with these sleeps.
    constexpr u64 between_ns = 2'000'000, of_step_ns = 379'000, within_ns = 1'500'000, busy_ns = 10'000;
    const u64 until_ns = os::monotonic_now_ns() + busy_ns;
    if (!busy) os::sleep_for(between_ns + mine.accepted * of_step_ns % within_ns);
    while (busy && os::monotonic_now_ns() < until_ns) patience.once();
  }
  board.writers_done.fetch_add(1, std::memory_order_release);
}

}  // namespace shmring::bench
