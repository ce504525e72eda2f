// What durability costs: a wait for it, the writes beside a slow disk, and a file that is synced. See collecting.hpp.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

#include "lib/os/durable.hpp"
#include "lib/os/file.hpp"
#include "tools/bench/collector_child.hpp"
#include "tools/bench/usual_lines.hpp"

namespace shmring::bench {
namespace {

constexpr u64 synced_bytes = u64{8} << 20;  // as many as a collector of the level interval syncs at a time
constexpr u64 delay_ns = 100'000'000, wait_limit_ns = 10'000'000'000;

// A file in the place of the log.
class SyncedFile {
 public:
  explicit SyncedFile(const ScratchRing& place)
      : path_(place.log), file_(os::calls.open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600)) {
    if (!file_) fail(-errno, "make");
  }
  void write(std::string_view bytes) {
    if (const int error = os::write_full(file_.get(), bytes.data(), bytes.size())) fail(error, "write");
  }
  void sync() {
    if (const int error = os::sync_data(file_.get())) fail(error, "sync");
  }

 private:
  [[noreturn]] void fail(int error, const char* what) const {
    throw std::runtime_error(std::string("cannot ") + what + " " + path_ + ": " + std::strerror(-error));
  }
  std::string path_;
  os::Fd file_;
};

// The delay is the whole process's: nothing but the sync thread calls it.
int slow_sync(int file) {
  static constexpr auto sync = ::fdatasync;
  os::sleep_for(delay_ns);
  return sync(file);
}

// Writes 16 records, and then nothing for so long that the log and its disk keep up: some 300 000 records a second.
void write_in_bursts(Board& board, const Job& job, const ScratchRing& place, bool crowded) {
  constexpr u32 burst = 16;
  constexpr u64 between_ns = 50'000;
  TextWriter writer(place);
  Board::WriterLine& mine = board.writers[0];
  be_ready(board, crowded);
  const u64 end_ns = os::monotonic_now_ns() + job.budget_ns;
  for (u64 now_ns = 0; now_ns < end_ns; now_ns = os::monotonic_now_ns()) {
    for (u32 i = 0; i < burst; ++i) {
      const u64 start = ticks();
      const bool done = writer.write();
      mine.calls.add(ticks() - start);
      ++mine.attempted, ++(done ? mine.accepted : mine.refused);
    }
    Patience patience(crowded, grace_ns);
    while (os::monotonic_now_ns() < now_ns + between_ns) patience.once();
  }
  board.delivered[0].store(mine.accepted, std::memory_order_release);  // count_lines() checks this
}

// Writes 64 records, and then nothing for up to a millisecond: if the pauses were of one length, the collector's passes could
// meet each burst, or none. The burst in the middle of all counts, by what it took, since a mean is that of a busy machine.
void write_at_random(Board& board, const Job& job, const ScratchRing& place, bool crowded) {
  constexpr u32 burst = 64;
  constexpr u64 longest_ns = 1'000'000;
  TextWriter writer(place);
  Board::WriterLine& mine = board.writers[0];
  std::minstd_rand random;
  std::vector<u64> spent;
  be_ready(board, crowded);
  const u64 end_ns = os::monotonic_now_ns() + job.budget_ns;
  for (u64 now_ns = 0; now_ns < end_ns; now_ns = os::monotonic_now_ns()) {
    const u64 start = ticks();
    for (u32 i = 0; i < burst; ++i) ++(writer.write() ? mine.accepted : mine.refused);
    spent.push_back(ticks() - start);
    mine.attempted += burst;
    Patience patience(crowded, grace_ns);
    for (const u64 until_ns = now_ns + random() % longest_ns; os::monotonic_now_ns() < until_ns;) patience.once();
  }
  std::nth_element(spent.begin(), spent.begin() + spent.size() / 2, spent.end());
  mine.ticks = spent[spent.size() / 2], mine.timed = burst;
  board.delivered[0].store(mine.accepted, std::memory_order_release);  // count_lines() checks this
}

void write_and_wait(Board& board, const Job& job, const ScratchRing& place, bool crowded) {
  TextWriter writer(place);
  Board::WriterLine& mine = board.writers[0];
  be_ready(board, crowded);
  const u64 end_ns = os::monotonic_now_ns() + job.budget_ns;
  while (os::monotonic_now_ns() < end_ns) {
    const u64 start = ticks();
    if (!writer.write()) throw std::runtime_error("an empty ring refused a record");
    if (const int told = writer.wait_durable(wait_limit_ns))
      throw std::runtime_error(std::string("a wait for durability ended with: ") + shmring_strerror(told));
    mine.calls.add(ticks() - start);
    mine.attempted = ++mine.accepted;
  }
  board.delivered[0].store(mine.accepted, std::memory_order_release);
}

using Write = void (*)(Board& board, const Job& job, const ScratchRing& place, bool crowded);
Round write_beside(const Job& job, const Logging& logging, Write write) {
  const ScratchRing place(bench_slots, SHMRING_POLICY_DROP);
  const Placement placement(processors(), job);
  SharedWithChildren<Board> board;
  Collecting collector(place, placement.reader, logging);
  std::vector<Child> children;
  children.emplace_back(
      [&] { return play(*board, placement.writer(0), [&] { write(*board, job, place, placement.crowded); }); });
  const Round round = supervise(*board, children, job);
  collector.stop();
  count_lines(place, round);
  return round;
}

}  // namespace

Round run_durable(const Job& job) { return write_beside(job, {.level = log::Level::every}, write_and_wait); }

Round run_beside_syncs(const Job& job, bool slow) {
  const auto before = slow ? +[] { os::calls.fdatasync = slow_sync; } : nullptr;
  return write_beside(job, {.level = log::Level::every, .before = before}, write_in_bursts);
}

// A collector that seals has all its threads on one processor, as the other one has: so the writer has its own.
Round run_beside(const Job& job, bool is_sealed) {
  return write_beside(job, {.level = log::Level::interval, .is_sealed = is_sealed}, write_at_random);
}

// One sync of what a record's line takes. It waits for the same disk, and for nothing else.
Round run_one_sync(const Job& job) {
  const ScratchRing place(bench_slots, SHMRING_POLICY_DROP);
  SyncedFile file(place);
  UsualLines lines;
  std::string bytes;
  Round round;
  const u64 end_ns = os::monotonic_now_ns() + job.budget_ns;
  while (os::monotonic_now_ns() < end_ns) {
    lines.gather(round.attempted, 1), lines.encode(round.attempted, bytes);
    const u64 start = ticks();
    file.write(bytes), file.sync();
    round.calls.add(ticks() - start);
    round.delivered = ++round.attempted;
  }
  round.figure = call_ns(round.calls, 0.5);
  return round;
}

// The same lines as run_file_writes(), each 8 MiB synced before the next.
Round run_file_syncs(const Job& job) {
  const ScratchRing place(bench_slots, SHMRING_POLICY_DROP);
  SyncedFile file(place);
  constexpr u64 batch = collect::records_a_batch;
  std::string bytes;
  UsualLines lines;
  lines.gather(1'000'000, batch), lines.encode(1'000'000, bytes);
  Round round;
  const u64 start_ns = os::monotonic_now_ns(), end_ns = start_ns + job.budget_ns;
  u64 now_ns = start_ns;
  for (; now_ns < end_ns; now_ns = os::monotonic_now_ns()) {
    for (u64 written = 0; written < synced_bytes; written += bytes.size()) file.write(bytes), round.attempted += batch;
    file.sync();
  }
  round.delivered = round.attempted;
  round.figure = static_cast<double>(round.attempted) / static_cast<double>(now_ns - start_ns) * 1e9;
  return round;
}

}  // namespace shmring::bench
