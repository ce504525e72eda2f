// What the processes of one measurement share, and how they wait for each other.
//
// Invariant: a process that waits gives up `grace_ns` after the end of the measurement's budget.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "lib/os/clock.hpp"
#include "lib/os/process.hpp"
#include "lib/os/wakeup.hpp"
#include "tools/bench/job.hpp"
#include "tools/bench/pattern.hpp"
#include "tools/bench/process.hpp"

namespace shmring::bench {

struct Board {
  enum Turn : u32 { writers_turn = 0, readers_turn = 1, over = 2 };
  struct WriterLine {
    alignas(64) u64 attempted, accepted, refused, newest;  // newest: sequence of the last that was accepted
    u64 ticks, timed;                                      // ticks of `timed` writes
    u64 left_out;
    Histogram calls;
  };
  alignas(64) std::atomic<u32> ready;
  alignas(64) std::atomic<u32> go;
  alignas(64) std::atomic<u32> turn;
  alignas(64) std::atomic<u32> writers_done;
  alignas(64) std::atomic<u64> accepted;                // quiet: so far
  alignas(64) std::atomic<u64> delivered[max_writers];  // so far, checked
  alignas(64) u64 first_ticks;
  u64 last_ticks;  // of the reader's last record
  char broken[256];
  WriterLine writers[max_writers];
};

inline u64 ticks() {
  static const ring::Clock clock = os::choose_clock();
  return ring::HardwareMemory::ticks(clock);
}
double ns_per_tick();  // measured once, for 20 ms
double timer_ticks();  // what reading the time costs, measured once as calls are: the median of reads one after the other
// Returns the time that the fraction `part` of single calls do not exceed (0: the shortest call), less the timer's own cost.
double call_ns(const Histogram& calls, double part);
std::string fresh_name();

struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

inline constexpr u64 grace_ns = 15'000'000'000;

// How a process waits for another one: for a bounded time, and yielding if there are too few processors.
class Patience {
 public:
  Patience(bool crowded, u64 limit_ns) : crowded_(crowded), deadline_ns_(os::monotonic_now_ns() + limit_ns) {}
  void once() {
    crowded_ ? yield() : ring::HardwareMemory::pause();
    if (++looks_ % 4096 == 0 && os::monotonic_now_ns() > deadline_ns_)
      throw std::runtime_error("a process waited too long for another");
  }

 private:
  bool crowded_;
  u32 looks_ = 0;
  u64 deadline_ns_;
};

void be_ready(Board& board, bool crowded);
void give_turn(Board& board, Board::Turn turn);
u32 wait_for_turn(Board& board, Board::Turn wanted);  // that, or over
void break_off(Board& board, const std::string& why);
// Runs a child's part on this processor (−1: any), and returns its exit status. An error is reported on the board.
int play(Board& board, int processor, const std::function<void()>& part);
// Runs the children to their end, and makes a Round of what they left on the board.
Round supervise(Board& board, std::vector<Child>& children, const Job& job);

}  // namespace shmring::bench
