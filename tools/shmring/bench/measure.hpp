// One measurement of one transport: its processes, what they do, and what came of it.
//
//   quiet    writer and reader take turns on one processor: nobody drains while it writes; each turn fits into the ring
//   live     the reader drains on another processor, as fast as it can
//   rate     1 … max_writers writers and the reader, everybody as fast as he can; a refused record is dropped
//
// Invariants:
//   - a record counts once the reader has it and has checked every byte; what is delivered is exactly what was
//     accepted, of each writer, or the measurement is an error;
//   - write times are of whole batches, after the first lap, in which nothing was refused and the kernel did not take the
//     processor away for others (a transport that puts its writer to sleep is timed); records are made before the batch
//     is timed. What meets a full ring is not timed at all: the ring is left to run empty before the next batch;
//   - the memory is private to one measurement, and gone after it.
#pragma once

#include <optional>
#include <stdexcept>
#include <vector>

#include "lib/os/clock.hpp"
#include "lib/os/process.hpp"
#include "lib/os/wakeup.hpp"
#include "tools/shmring/bench/pattern.hpp"
#include "tools/shmring/bench/process.hpp"

namespace shmring::bench {

enum class Measure : std::uint8_t { quiet, live, rate };

inline constexpr u32 bench_slots = 16384;

struct Job {
  Measure measure;
  u32 bytes;
  u32 producers;
  u64 budget_ns;
};

struct Round {
  double figure = 0;  // quiet, live: nanoseconds a write; rate: delivered records a second
  u64 delivered = 0, dropped = 0;
};

struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

// Where reader and writers run; −1: where the kernel likes.
struct Placement {
  explicit Placement(const std::vector<int>& processors, u32 producers, Measure measure);
  int reader = -1;
  int writer(u32 producer) const { return writers.empty() ? -1 : writers[producer]; }
  std::vector<int> writers;
  bool crowded = false;  // more processes than processors: who waits lets others run
};

// What the processes of one measurement share.
struct Board {
  enum Turn : u32 { writers_turn = 0, readers_turn = 1, over = 2 };
  struct WriterLine {
    alignas(64) u64 accepted, refused, ticks, timed;  // ticks of `timed` writes
    u32 done;
  };
  alignas(64) std::atomic<u32> ready;
  alignas(64) std::atomic<u32> go;
  alignas(64) std::atomic<u32> turn;
  alignas(64) std::atomic<u32> writers_done;
  alignas(64) std::atomic<u64> accepted;   // quiet: so far
  alignas(64) std::atomic<u64> delivered;  // so far
  alignas(64) u64 first_ticks;
  u64 last_ticks;  // of the reader's last record
  u64 delivered_by[max_writers];
  char broken[256];
  WriterLine writers[max_writers];
};

inline u64 ticks() {
  static const ring::Clock clock = os::choose_clock();
  return ring::HardwareMemory::ticks(clock);
}
double ns_per_tick();  // measured once, for 20 ms
std::string fresh_name();

// How a process waits for another one: bounded, and polite where there are too few processors.
class Patience {
 public:
  Patience(bool crowded, u64 limit_ns) : crowded_(crowded), deadline_ns_(os::monotonic_now_ns() + limit_ns) {}
  void once() {
    crowded_ ? yield() : ring::HardwareMemory::pause();
    if (++looks_ % 4096 == 0 && os::monotonic_now_ns() > deadline_ns_) throw std::runtime_error("a process waited in vain");
  }

 private:
  bool crowded_;
  u32 looks_ = 0;
  u64 deadline_ns_;
};
inline constexpr u64 grace_ns = 15'000'000'000;  // beyond a measurement's budget

void be_ready(Board& board, bool crowded);
void break_off(Board& board, const std::string& why);
// Runs the children to their end, and makes a Round of what they left on the board.
Round supervise(Board& board, std::vector<Child>& children, const Job& job);

template <Transport T>
class Measurement {
 public:
  explicit Measurement(const Job& job) : job_(job), name_(fresh_name()), placement_(processors(), job.producers, job.measure) {}

  Round run() {
    const Removal removal{name_};
    T::create(name_, {bench_slots, job_.bytes, job_.producers, false});
    std::vector<Child> children;
    children.emplace_back([this] { return as(placement_.reader, [this] { read(); }); });
    for (u32 producer = 0; producer < job_.producers; ++producer)
      children.emplace_back(
          [this, producer] { return as(placement_.writer(producer), [this, producer] { write(producer); }); });
    return supervise(*board_, children, job_);
  }

 private:
  struct Removal {
    const std::string& name;
    ~Removal() { T::remove(name); }
  };

  template <class Role>
  int as(int processor, const Role& role) {
    if (processor >= 0) pin(processor);
    try {
      role();
      return 0;
    } catch (const std::exception& error) {
      break_off(*board_, error.what());
      return 1;
    }
  }

  void write(u32 producer) {
    typename T::Writer writer(name_);
    Batch batch(producer, job_.bytes);
    be_ready(*board_, placement_.crowded);
    const u64 end_ns = os::monotonic_now_ns() + job_.budget_ns;
    Board::WriterLine& mine = board_->writers[producer];
    while (os::monotonic_now_ns() < end_ns) {
      if (job_.measure == Measure::quiet) {
        take_turn(writer, batch, mine);
      } else if (const u64 refused = write_batch(writer, batch, mine); refused != 0 && job_.measure == Measure::live) {
        Patience patience(placement_.crowded, grace_ns);
        while (board_->delivered.load(std::memory_order_acquire) < mine.accepted) patience.once();
      }
    }
    mine.done = 1;
    board_->writers_done.fetch_add(1, std::memory_order_release);
    if (job_.measure == Measure::quiet) give_turn(Board::over);
  }

  // How many were refused.
  u64 write_batch(typename T::Writer& writer, Batch& batch, Board::WriterLine& mine) {
    batch.make();
    const bool warm = mine.accepted + mine.refused >= bench_slots;
    const bool dropping = job_.measure == Measure::rate;
    u64 refused = 0;
    const u64 preempted = preemptions();
    const u64 start = ticks();
    for (u32 i = 0; i < Batch::records; ++i) {
      if (writer.write(batch.at(i), job_.bytes)) [[likely]]
        continue;
      ++refused;
      if (dropping) placement_.crowded ? yield() : ring::HardwareMemory::pause();
    }
    const u64 spent = ticks() - start;
    if (refused == 0 && warm && preemptions() == preempted) mine.ticks += spent, mine.timed += Batch::records;
    mine.accepted += Batch::records - refused;
    mine.refused += refused;
    return refused;
  }

  void take_turn(typename T::Writer& writer, Batch& batch, Board::WriterLine& mine) {
    for (u32 records = 0; records < bench_slots / 4; records += Batch::records)
      if (write_batch(writer, batch, mine) != 0) throw std::runtime_error("full, though it has room for four such turns");
    board_->accepted.store(mine.accepted, std::memory_order_release);
    give_turn(Board::readers_turn);
    wait_for_turn(Board::writers_turn);
  }
  void give_turn(Board::Turn turn) {
    board_->turn.store(turn, std::memory_order_release);
    os::futex_wake_all(board_->turn);
  }
  u32 wait_for_turn(Board::Turn wanted) {
    const u64 deadline_ns = os::monotonic_now_ns() + grace_ns;
    for (u32 turn = board_->turn.load(std::memory_order_acquire);; turn = board_->turn.load(std::memory_order_acquire)) {
      if (turn == wanted || turn == Board::over) return turn;
      if (os::monotonic_now_ns() > deadline_ns) throw std::runtime_error("a process waited in vain for its turn");
      os::futex_wait(board_->turn, turn, deadline_ns);
    }
  }

  // Until everything accepted is here, and the writers are done.
  void read() {
    typename T::Reader reader(name_);
    Checker checker;
    be_ready(*board_, placement_.crowded);
    if (job_.measure == Measure::quiet) {
      while (wait_for_turn(Board::readers_turn) == Board::readers_turn) {
        drain(reader, checker, [&] { return checker.total == board_->accepted.load(std::memory_order_acquire); });
        give_turn(Board::writers_turn);
      }
    } else {
      drain(reader, checker, [&] { return checker.total >= accepted_in_the_end(); });
    }
    for (u32 producer = 0; producer < job_.producers; ++producer) board_->delivered_by[producer] = checker.delivered[producer];
  }
  // Asked where the ring seems empty.
  u64 accepted_in_the_end() const {
    if (board_->writers_done.load(std::memory_order_acquire) < job_.producers) return ~u64{0};
    u64 sum = 0;
    for (u32 producer = 0; producer < job_.producers; ++producer) sum += board_->writers[producer].accepted;
    return sum;
  }
  template <class Complete>
  void drain(typename T::Reader& reader, Checker& checker, const Complete& complete) {
    std::optional<Patience> patience;
    auto sink = [&checker](const std::byte* record, std::size_t bytes) { checker.add(record, bytes); };
    while (true) {
      if (reader.read(sink) != 0) {
        board_->delivered.store(checker.total, std::memory_order_release);
        if (!checker.broken.empty()) throw std::runtime_error(checker.broken);
        board_->last_ticks = ticks();
        patience.reset();
        continue;
      }
      if (complete()) return;
      if (!patience) patience.emplace(placement_.crowded, grace_ns);
      patience->once();
    }
  }

  Job job_;
  std::string name_;
  Placement placement_;
  SharedWithChildren<Board> board_;
};

}  // namespace shmring::bench
