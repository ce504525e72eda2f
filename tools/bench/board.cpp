// See board.hpp and job.hpp.
#include "tools/bench/board.hpp"

#include <algorithm>
#include <cstdio>

#include "lib/os/calls.hpp"

namespace shmring::bench {

Placement::Placement(const std::vector<int>& processors, const Job& job) {
  if (takes_turns(job.measure)) {
    reader = processors.front();
    writers.assign(job.producers, reader);
    crowded = true;
    return;
  }
  crowded = processors.size() < job.producers + 1;
  if (crowded) return;
  reader = processors.front();
  writers.assign(processors.begin() + 1, processors.begin() + 1 + job.producers);
}

double ns_per_tick() {
  static const double measured = [] {
    const u64 start_ns = os::monotonic_now_ns(), start = ticks();
    u64 now_ns = start_ns;
    while (now_ns - start_ns < 20'000'000) now_ns = os::monotonic_now_ns();
    return static_cast<double>(now_ns - start_ns) / static_cast<double>(ticks() - start);
  }();
  return measured;
}

double timer_ticks() {
  static const double measured = [] {
    constexpr u32 reads = 65536;
    Histogram times;
    u64 last = ticks();
    for (u32 i = 0; i < reads; ++i) {
      const u64 now = ticks();
      times.add(now - last);
      last = now;
    }
    return times.at(0.5);
  }();
  return measured;
}

std::string fresh_name() {
  static u32 count = 0;
  return "bench-" + std::to_string(os::calls.getpid()) + "-" + std::to_string(os::monotonic_now_ns() % 1'000'000'000) + "-" +
         std::to_string(++count);
}

void be_ready(Board& board, bool crowded) {
  board.ready.fetch_add(1, std::memory_order_acq_rel);
  Patience patience(crowded, grace_ns);
  while (board.go.load(std::memory_order_acquire) == 0) patience.once();
}

void give_turn(Board& board, Board::Turn turn) {
  board.turn.store(turn, std::memory_order_release);
  os::futex_wake_all(board.turn);
}

u32 wait_for_turn(Board& board, Board::Turn wanted) {
  const u64 deadline_ns = os::monotonic_now_ns() + grace_ns;
  for (u32 turn = board.turn.load(std::memory_order_acquire);; turn = board.turn.load(std::memory_order_acquire)) {
    if (turn == wanted || turn == Board::over) return turn;
    if (os::monotonic_now_ns() > deadline_ns) throw std::runtime_error("a process waited too long for its turn");
    os::futex_wait(board.turn, turn, deadline_ns);
  }
}

void break_off(Board& board, const std::string& why) {
  if (board.broken[0] == '\0') std::snprintf(board.broken, sizeof board.broken, "%s", why.c_str());
}

int play(Board& board, int processor, const std::function<void()>& part) {
  if (processor >= 0) pin(processor);
  try {
    part();
    return 0;
  } catch (const std::exception& error) {
    break_off(board, error.what());
    return 1;
  }
}

namespace {

// Throws if a child has failed, so that the failure of one ends the measurement for all.
void check_on(Board& board, std::vector<Child>& children, u64 deadline_ns) {
  if (stop_requested()) throw Interrupted();
  if (os::monotonic_now_ns() > deadline_ns) throw std::runtime_error("a process did not end in time");
  for (Child& child : children)
    if (child.ended() && child.wait(0) != 0)
      throw std::runtime_error(board.broken[0] != 0
                                   ? board.broken
                                   : "a process of the measurement died, with status " + std::to_string(child.wait(0)));
}

bool all_ended(std::vector<Child>& children) {
  return std::all_of(children.begin(), children.end(), [](Child& child) { return child.ended(); });
}

void compare(u32 producer, u64 accepted, u64 delivered, const Job& job) {
  const bool overwriting = job.measure == Measure::overwrite;
  if (overwriting ? delivered <= accepted && delivered <= slots_of(job.bytes) : delivered == accepted) return;
  throw std::runtime_error("producer " + std::to_string(producer) + ": " + std::to_string(accepted) +
                           " records were accepted, and " + std::to_string(delivered) + " delivered");
}

Round sum_up(const Board& board, const Job& job) {
  Round round;
  u64 spent = 0, timed = 0;
  for (u32 producer = 0; producer < job.producers; ++producer) {
    const Board::WriterLine& writer = board.writers[producer];
    const u64 delivered = board.delivered[producer].load(std::memory_order_acquire);
    compare(producer, writer.accepted, delivered, job);
    round.attempted += writer.attempted;
    round.delivered += delivered;
    round.dropped += writer.refused + writer.accepted - delivered;
    round.left_out += writer.left_out;
    round.calls.add(writer.calls);
    spent += writer.ticks;
    timed += writer.timed;
  }
  if (is_rate(unit_of(job.measure))) {
    const double seconds = static_cast<double>(board.last_ticks - board.first_ticks) * ns_per_tick() / 1e9;
    round.figure = round.delivered != 0 ? static_cast<double>(round.delivered) / seconds : 0;
  } else if (round.calls.count() != 0) {
    round.figure = call_ns(round.calls, job.measure == Measure::calls || job.measure == Measure::syncing ? 0.999 : 0.5);
  } else if (timed != 0) {
    round.figure = static_cast<double>(spent) * ns_per_tick() / static_cast<double>(timed);
  }
  return round;
}

}  // namespace

double call_ns(const Histogram& calls, double part) {
  const double own = part <= 0 ? static_cast<double>(calls.least()) : calls.at(part);
  return std::max(0.0, own - timer_ticks()) * ns_per_tick();
}

Round supervise(Board& board, std::vector<Child>& children, const Job& job) {
  const u64 deadline_ns = os::monotonic_now_ns() + job.budget_ns + 2 * grace_ns;
  while (board.ready.load(std::memory_order_acquire) < children.size()) {
    check_on(board, children, deadline_ns);
    os::sleep_for(200'000);
  }
  board.first_ticks = ticks();
  board.go.store(1, std::memory_order_release);
  while (!all_ended(children)) {
    check_on(board, children, deadline_ns);
    os::sleep_for(1'000'000);
  }
  check_on(board, children, deadline_ns);
  return sum_up(board, job);
}

}  // namespace shmring::bench
