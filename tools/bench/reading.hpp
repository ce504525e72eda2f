// The reader's part of a measurement. It ends when the writers are done and every accepted record has come.
//
// Invariant: a record counts as delivered only after every byte of it was checked.
#pragma once

#include "tools/bench/board.hpp"

namespace shmring::bench {

template <Transport T>
class Reading {
 public:
  Reading(Board& board, const Job& job, bool crowded, const std::string& name)
      : board_(board), job_(job), crowded_(crowded), reader_(name) {}

  void run() {
    be_ready(board_, crowded_);
    switch (job_.measure) {
      case Measure::quiet:
        while (wait_for_turn(board_, Board::readers_turn) == Board::readers_turn) {
          drain([this] { return checker_.total == board_.accepted.load(std::memory_order_acquire); });
          give_turn(board_, Board::writers_turn);
        }
        return;
      case Measure::full:
      case Measure::overwrite:
      case Measure::wait:
      case Measure::hybrid:
        while (wait_for_turn(board_, Board::over) != Board::over) continue;
        return drain([this] { return checker_.last[0] >= board_.writers[0].newest; });
      default: return drain([this] { return all_are_here(); });
    }
  }

 private:
  static constexpr u32 polite_pauses = 64;

  // Called when the ring seems empty.
  bool all_are_here() const {
    if (board_.writers_done.load(std::memory_order_acquire) < job_.producers) return false;
    u64 sum = 0;
    for (u32 producer = 0; producer < job_.producers; ++producer) sum += board_.writers[producer].accepted;
    return checker_.total >= sum;
  }

  template <class Complete>
  void drain(const Complete& complete) {
    std::optional<Patience> patience;
    auto sink = [this](const std::byte* record, std::size_t bytes) {
      checker_.add(record, bytes);
      if (checker_.total % read_batch == 0) publish();
    };
    while (true) {
      if (reader_.read(sink) != 0) {
        publish();
        if (!checker_.broken.empty()) throw std::runtime_error(checker_.broken);
        board_.last_ticks = ticks();
        patience.reset();
        continue;
      }
      if (complete()) return;
      if (!patience) patience.emplace(crowded_, grace_ns);
      if (job_.polite)
        for (u32 pause = 1; pause < polite_pauses; ++pause) ring::HardwareMemory::pause();
      patience->once();
    }
  }

  // A writer asks how far the reader has come. The count is stored equally often for each transport, so that this costs all
  // transports the same.
  void publish() {
    for (u32 producer = 0; producer < job_.producers; ++producer)
      board_.delivered[producer].store(checker_.delivered[producer], std::memory_order_release);
  }

  Board& board_;
  const Job job_;
  const bool crowded_;
  typename T::Reader reader_;
  Checker checker_;
};

}  // namespace shmring::bench
