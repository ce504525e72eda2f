// The memory that the processes of one measurement share, and how these processes wait for each other.
//
// Invariant: no process waits for ever. A child gives up after `grace_ns`, supervise() after the budget and twice `grace_ns`.
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
    alignas(64) u64 attempted, accepted, refused, newest;  // newest: the sequence of the last accepted record
    u64 ticks, timed;                                      // `timed` writes took `ticks`
    u64 left_out;
    Histogram calls;
  };
  alignas(64) std::atomic<u32> ready;
  alignas(64) std::atomic<u32> go;
  alignas(64) std::atomic<u32> turn;
  alignas(64) std::atomic<u32> writers_done;
  alignas(64) std::atomic<u64> accepted;                // up to the end of the writer's last turn; used by quiet only
  alignas(64) std::atomic<u64> delivered[max_writers];  // delivered so far, with every byte checked
  alignas(64) u64 first_ticks;                          // when the writers were let go
  u64 last_ticks;                                       // when the reader had its last record
  char broken[256];                                     // the first error of a child, or ""
  WriterLine writers[max_writers];
};

inline u64 ticks() {
  static const ring::Clock clock = os::choose_clock();
  return ring::HardwareMemory::ticks(clock);
}
// Measured once, over 20 ms.
double ns_per_tick();
// Returns what it costs to read the time: the median distance of consecutive reads. Measured once, in the same way as single
// calls are.
double timer_ticks();
// Returns the time that the fraction `part` of single calls do not exceed, less the timer's own cost. `part` 0 is the shortest
// call.
double call_ns(const Histogram& calls, double part);
std::string fresh_name();

struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

inline constexpr u64 grace_ns = 15'000'000'000;

// Waits for another process by polling, for a bounded time. It yields if there are fewer processors than processes.
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
// Returns `wanted`, or Board::over if that comes first.
u32 wait_for_turn(Board& board, Board::Turn wanted);
void break_off(Board& board, const std::string& why);
// Runs a child's part on this processor (−1: any) and returns its exit status. An exception is reported on the board.
int play(Board& board, int processor, const std::function<void()>& part);
// Waits until all children have ended, and sums up what they left on the board. Throws if a child fails.
Round supervise(Board& board, std::vector<Child>& children, const Job& job);

}  // namespace shmring::bench
