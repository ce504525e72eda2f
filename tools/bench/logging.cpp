// The measurements logged and idle, which run shmringd's own loop in a process of its own, and the measurement encode. See
// collecting.hpp.
#include <csignal>
#include <ctime>

#include "lib/collect/daemon.hpp"
#include "lib/log/files/verify.hpp"
#include "lib/log/format/encoder.hpp"
#include "lib/os/file.hpp"
#include "tools/bench/board.hpp"
#include "tools/bench/collecting.hpp"
#include "tools/bench/shmring_lanes.hpp"
#include "tools/common/exit.hpp"

namespace shmring::bench {
namespace {

constexpr u32 logged_slots = 65536;

// A collector in a process of its own. It is running when the constructor returns.
class Collecting {
 public:
  Collecting(const ScratchRing& place, int processor) : child_([&] { return run(place, processor); }) {
    must_be_done(os::attach(place.name, segment_));
    const u64 deadline_ns = os::monotonic_now_ns() + grace_ns;
    while (ring::collector_seen<ring::HardwareMemory>(segment_.ring.header->status).pid == 0) {
      if (child_.ended() || os::monotonic_now_ns() > deadline_ns)
        throw std::runtime_error("the collector did not start in time");
      os::sleep_for(1'000'000);
    }
  }
  pid_t pid() const { return child_.pid(); }
  const ring::Ring& ring() const { return segment_.ring; }
  void stop() {
    os::calls.kill(child_.pid(), SIGTERM);
    if (const int status = child_.wait(os::monotonic_now_ns() + grace_ns); status != 0)
      throw std::runtime_error("the collector ended with status " + std::to_string(status));
  }

 private:
  static int run(const ScratchRing& place, int processor) {
    if (processor >= 0) pin(processor);
    collect::Settings settings;
    settings.ring = place.name, settings.log_dir = place.log;
    collect::Daemon daemon;
    const int error = daemon.set_up(settings);
    return tool::exit_of(error != 0 ? error : daemon.run());
  }

  Child child_;
  os::Segment segment_;
};

// Returns the producer's highest logged sequence. Only one entry of the ring is in use.
u64 logged(const ring::Ring& ring) {
  u64 most = 0;
  for (u32 entry = 0; entry < ring.geometry.producers; ++entry)
    most = std::max(most, ring::logged_seen<ring::HardwareMemory>(ring.entries[entry]).through);
  return most;
}

void write_until(Board& board, const Job& job, const ScratchRing& place, const ring::Ring& ring, bool crowded) {
  TextWriter writer(place);
  Board::WriterLine& mine = board.writers[0];
  be_ready(board, crowded);
  const u64 end_ns = os::monotonic_now_ns() + job.budget_ns;
  while (os::monotonic_now_ns() < end_ns) {
    for (u32 i = 0; i < batch_of(job); ++i) {
      const bool done = writer.write();
      ++mine.attempted, ++(done ? mine.accepted : mine.refused);
    }
  }
  Patience patience(crowded, grace_ns);
  while (logged(ring) < mine.attempted) patience.once();
  board.last_ticks = ticks();
  board.delivered[0].store(mine.accepted, std::memory_order_release);  // count_lines() checks this
}

// Throws unless verify finds exactly these records in the log.
void count_lines(const ScratchRing& place, const Round& round) {
  log::Verdict verdict;
  must_be_done(log::verify(place.log, verdict));
  if (!verdict.proven)
    throw std::runtime_error("its log does not verify: expected " + verdict.deviation.expected + ", found " +
                             verdict.deviation.found);
  if (verdict.events == round.delivered && verdict.lost.total() == round.dropped) return;
  throw std::runtime_error("of " + std::to_string(round.attempted) + " records the log has " + std::to_string(verdict.events) +
                           ", and " + std::to_string(verdict.lost.total()) + " as lost");
}

std::string status_of(pid_t pid) {
  std::string text;
  const std::string path = "/proc/" + std::to_string(pid) + "/status";
  if (os::read_small(path.c_str(), text) != 0) throw std::runtime_error("cannot read " + path);
  return text;
}
u64 wakeups(pid_t pid) {
  constexpr std::string_view key = "\nvoluntary_ctxt_switches:";
  const std::string text = status_of(pid);
  const std::size_t at = text.find(key);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + key.size(), nullptr, 10);
}
double cpu_ns(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || os::calls.clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

}  // namespace

Round run_logged(const Job& job) {
  const ScratchRing place(logged_slots, SHMRING_POLICY_WAIT);
  const Placement placement(processors(), job);
  SharedWithChildren<Board> board;
  Collecting collector(place, placement.reader);
  std::vector<Child> children;
  children.emplace_back([&] {
    return play(*board, placement.writer(0), [&] { write_until(*board, job, place, collector.ring(), placement.crowded); });
  });
  const Round round = supervise(*board, children, job);
  collector.stop();
  count_lines(place, round);
  return round;
}

Round run_idle(const Job& job) {
  const ScratchRing place(bench_slots, SHMRING_POLICY_DROP);
  Collecting collector(place, processors().front());
  TextWriter writer(place);          // a producer that is attached and writes nothing
  os::sleep_for(job.budget_ns / 4);  // leaves out what the collector does only at first
  const u64 start_ns = os::monotonic_now_ns(), start = wakeups(collector.pid());
  const double start_cpu_ns = cpu_ns(collector.pid());
  os::sleep_for(2 * job.budget_ns);
  const double seconds = static_cast<double>(os::monotonic_now_ns() - start_ns) / 1e9;
  Round round;
  round.figure = static_cast<double>(wakeups(collector.pid()) - start) / seconds;
  round.parts.push_back({"cpu_percent", (cpu_ns(collector.pid()) - start_cpu_ns) / seconds / 1e7});
  collector.stop();
  return round;
}

Round run_encode(const Job& job) {
  SharedWithChildren<Board> board;
  std::vector<Child> children;
  children.emplace_back([&] {
    return play(*board, processors().front(), [&] {
      be_ready(*board, true);
      const std::span payload(reinterpret_cast<const std::byte*>(usual_text.data()), usual_text.size());
      log::Encoder encoder("payments");
      std::string out;
      std::vector<log::Line> lines;
      u64 index = 0;
      const u64 end_ns = os::monotonic_now_ns() + job.budget_ns, start_ns = u64{1'800'000'000} * 1'000'000'000;
      while (os::monotonic_now_ns() < end_ns) {
        out.clear(), lines.clear();
        for (u64 i = index; i < index + batch_of(job); ++i)
          lines.emplace_back(log::Event{
              "api", 251120727563652, i + 1, 1, i, start_ns + i * 617, 1, {}, SHMRING_KIND_TEXT, 6, {}, payload, false, false});
        const u64 preempted = preemptions(), start = ticks();
        encoder.encode(lines, index, out);
        index += batch_of(job);
        const u64 end = ticks();
        if (preemptions() != preempted) continue;
        board->writers[0].ticks += end - start, board->writers[0].timed += batch_of(job);
      }
      board->writers[0].attempted = board->writers[0].accepted = index;
      board->delivered[0].store(index, std::memory_order_release);
    });
  });
  Round round = supervise(*board, children, job);
  const Board::WriterLine& done = board->writers[0];
  if (done.timed == 0) return round;  // every batch was preempted
  round.figure = static_cast<double>(done.timed) / static_cast<double>(done.ticks) / ns_per_tick() * 1e9;
  return round;
}

}  // namespace shmring::bench
