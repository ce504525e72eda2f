// The writer's part of a measurement.
//
// Invariants:
//   - writes are timed in whole batches, whose records are made before. A batch counts if it began after the first lap, if all
//     of its records were accepted (for full, wait and hybrid: refused), and if the kernel did not preempt the writer. The time
//     that a writer sleeps in its transport counts;
//   - a batch that met a full ring, or outran a reader that should keep up, is counted as left out. The writer then waits until
//     the ring is empty;
//   - single calls are timed from the end of one call to the end of the next. A refused call does not count, but one that the
//     kernel interrupted does.
#pragma once

#include "tools/bench/board.hpp"

namespace shmring::bench {

template <Transport T>
class Writing {
 public:
  Writing(Board& board, const Job& job, bool crowded, const std::string& name, u32 producer)
      : board_(board), mine_(board.writers[producer]), job_(job), crowded_(crowded), producer_(producer), writer_(name),
        batch_(producer, job.bytes, batch_of(job)) {}

  void run() {
    be_ready(board_, crowded_);
    // The first lap is not timed, so the budget begins after it. `longest_lap` limits that lap in case it takes very long.
    const u64 start_ns = os::monotonic_now_ns();
    u64 end_ns = start_ns + longest_lap * job_.budget_ns;
    for (u64 now_ns = start_ns; now_ns < end_ns; now_ns = os::monotonic_now_ns()) {
      const bool was_warm = is_warm();
      step();
      if (!was_warm && is_warm()) end_ns = std::min(end_ns, os::monotonic_now_ns() + job_.budget_ns);
    }
    board_.writers_done.fetch_add(1, std::memory_order_release);
    give_turn(board_, Board::over);
  }

 private:
  static constexpr u64 idle_ns = 1'000'000'000;
  static constexpr u64 longest_lap = 10;  // in budgets

  bool is_warm() const { return mine_.accepted + mine_.refused >= (job_.measure == Measure::cold ? 1 : slots_of(job_.bytes)); }

  void step() {
    if (job_.measure == Measure::quiet) return take_turn();
    if (job_.measure == Measure::cold) os::sleep_for(idle_ns);
    if (write_batch() == 0 && !is_outrun_) return;
    if (!is_drained(job_.measure)) return;
    Patience patience(crowded_, grace_ns);
    while (delivered() < mine_.accepted) patience.once();
  }

  u64 delivered() const { return board_.delivered[producer_].load(std::memory_order_acquire); }

  // A channel of the kernel may have less room than a turn needs. The turn then ends when the channel is full.
  void take_turn() {
    for (u32 records = 0; records < slots_of(job_.bytes) / 4; records += batch_.count()) {
      if (write_batch() == 0) continue;
      if (T::role == Role::kernel) break;
      throw std::runtime_error("the ring is full, though it has room for four such turns");
    }
    board_.accepted.store(mine_.accepted, std::memory_order_release);
    give_turn(board_, Board::readers_turn);
    wait_for_turn(board_, Board::writers_turn);
  }

  // Returns how many records were refused.
  u64 write_batch() {
    batch_.make();
    const bool warm = is_warm();
    const u64 preempted = preemptions();
    u64 spent = 0;
    const bool each = times_calls(job_.measure);
    const u64 refused = each ? write_each() : write_all(spent);
    const bool was_preempted = preemptions() != preempted;
    mine_.attempted = batch_.sequence(batch_.count() - 1);
    mine_.accepted += batch_.count() - refused;
    mine_.refused += refused;
    is_outrun_ = is_outrun(job_, crowded_, is_drained(job_.measure) ? mine_.accepted - delivered() : 0);
    const bool all_refused = job_.measure == Measure::full || waits_in_vain(job_.measure);
    const bool has_figure = !is_outrun_ && (each || refused == (all_refused ? batch_.count() : 0));
    if (!warm) return refused;
    if (!has_figure) {
      mine_.left_out += batch_.count();
    } else if (each) {
      add_calls();
    } else if (!was_preempted) {
      mine_.ticks += spent, mine_.timed += batch_.count();
    }
    return refused;
  }

  u64 write_all(u64& spent) {
    const bool dropping = job_.measure == Measure::rate;
    u64 refused = 0;
    u32 newest = 0;  // index of the last accepted record + 1; 0: none
    const u64 start = ticks();
    for (u32 i = 0; i < batch_.count(); ++i) {
      if (writer_.write(batch_.at(i), job_.bytes)) [[likely]] {
        newest = i + 1;
        continue;
      }
      ++refused;
      if (dropping) crowded_ ? yield() : ring::HardwareMemory::pause();
    }
    spent = ticks() - start;
    if (newest != 0) mine_.newest = batch_.sequence(newest - 1);
    return refused;
  }

  u64 write_each() {
    u64 refused = 0;
    moments_[0] = ticks();
    for (u32 i = 0; i < batch_.count(); ++i) {
      accepted_[i] = writer_.write(batch_.at(i), job_.bytes);
      moments_[i + 1] = ticks();
      refused += accepted_[i] ? 0 : 1;
    }
    return refused;
  }
  void add_calls() {
    for (u32 i = 0; i < batch_.count(); ++i)
      if (accepted_[i]) mine_.calls.add(moments_[i + 1] - moments_[i]);
  }

  Board& board_;
  Board::WriterLine& mine_;
  const Job job_;
  const bool crowded_;
  const u32 producer_;
  typename T::Writer writer_;
  Batch batch_;
  std::array<u64, Batch::most + 1> moments_{};  // when each call of the last batch began, if single calls are timed
  std::array<bool, Batch::most> accepted_{};
  bool is_outrun_ = false;  // the last batch outran the reader
};

}  // namespace shmring::bench
