// The measurements logged and idle, which run shmringd's own loop in a process of its own, and the measurement encode. See
// collecting.hpp.
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "lib/log/files/verify.hpp"
#include "lib/log/seal/tree.hpp"
#include "lib/os/file.hpp"
#include "tools/bench/collector_child.hpp"
#include "tools/bench/usual_lines.hpp"

namespace shmring::bench {
namespace {

constexpr u32 logged_slots = 65536;

void write_until(Board& board, const Job& job, const ScratchRing& place, bool crowded) {
  os::Segment segment;  // of its own: a child does not inherit one that its parent has mapped
  must_be_done(os::attach(place.name, segment));
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
  while (logged(segment.ring) < mine.attempted) {
    patience.once();
    if (job.measure == Measure::finished) os::sleep_for(100'000);  // what is hashed needs this processor, and nothing is late
  }
  board.last_ticks = ticks();
  board.delivered[0].store(mine.accepted, std::memory_order_release);  // count_lines() checks this
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
}  // namespace

u64 logged(const ring::Ring& ring) {
  u64 most = 0;
  for (u32 entry = 0; entry < ring.geometry.producers; ++entry)
    most = std::max(most, ring::logged_seen<ring::HardwareMemory>(ring.entries[entry]).through);
  return most;
}

double cpu_ns(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || os::calls.clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

log::Verdict must_be_proven(const ScratchRing& place) {
  log::Verdict verdict;
  must_be_done(log::verify(place.log, verdict));
  if (!verdict.proven)
    throw std::runtime_error("its log does not verify: expected " + verdict.deviation.expected + ", found " +
                             verdict.deviation.found);
  return verdict;
}

void count_lines(const ScratchRing& place, const Round& round) {
  const log::Verdict verdict = must_be_proven(place);
  if (verdict.events == round.delivered && verdict.lost.total() == round.dropped) return;
  throw std::runtime_error("of " + std::to_string(round.attempted) + " records the log has " + std::to_string(verdict.events) +
                           ", and " + std::to_string(verdict.lost.total()) + " as lost");
}

// What is hashed beside the collector needs a processor, too. So where that counts, its threads are not bound to one.
Round run_logged(const Job& job, log::Level level, bool is_sealed) {
  const bool ends = job.measure == Measure::finished;
  const ScratchRing place(logged_slots, SHMRING_POLICY_WAIT);
  const Placement placement(processors(), job);
  SharedWithChildren<Board> board;
  Collecting collector(place, ends ? -1 : placement.reader, {.level = level, .is_sealed = is_sealed});
  std::vector<Child> children;
  children.emplace_back(
      [&] { return play(*board, placement.writer(0), [&] { write_until(*board, job, place, placement.crowded); }); });
  Round round = supervise(*board, children, job);
  if (!ends) {
    collector.stop();
  } else if (const int status = collector.end(); status != 0 && status != tool::io) {
    throw std::runtime_error("the collector ended with status " + std::to_string(status));
  } else {  // io: the disk did not take all of it in the time that a collector has for its end
    const double seconds = static_cast<double>(ticks() - board->first_ticks) * ns_per_tick() / 1e9;
    round.figure = status == 0 ? static_cast<double>(round.delivered) / seconds : 0;
  }
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

// The same, but its figure is the processor's time, also of the sync thread.
Round run_resting(const Job& job) {
  Round round = run_idle(job);
  round.figure = round.parts.front().value;
  round.parts.clear();
  return round;
}

namespace {

// Times what handles `batch` lines from an index on, alone in a process, until the job's time is over. What prepares them is
// not timed. Returns lines a second.
template <class Prepare, class Handle>
Round time_lines(const Job& job, u64 batch, const Prepare& prepare, const Handle& handle) {
  SharedWithChildren<Board> board;
  std::vector<Child> children;
  children.emplace_back([&] {
    return play(*board, processors().front(), [&] {
      be_ready(*board, true);
      u64 index = 0;
      const u64 end_ns = os::monotonic_now_ns() + job.budget_ns;
      while (os::monotonic_now_ns() < end_ns) {
        prepare(index);
        const u64 preempted = preemptions(), start = ticks();
        handle(index);
        index += batch;
        const u64 end = ticks();
        if (preemptions() != preempted) continue;
        board->writers[0].ticks += end - start, board->writers[0].timed += batch;
      }
      board->writers[0].attempted = board->writers[0].accepted = index;
      board->delivered[0].store(index, std::memory_order_release);
    });
  });
  Round round = supervise(*board, children, job);
  const Board::WriterLine& done = board->writers[0];
  const bool some = done.timed != 0;  // else every batch was preempted
  round.figure = some ? static_cast<double>(done.timed) / static_cast<double>(done.ticks) / ns_per_tick() * 1e9 : 0;
  return round;
}

}  // namespace

Round run_encode(const Job& job) {
  UsualLines lines;
  std::string out;
  return time_lines(
      job, batch_of(job), [&](u64 index) { lines.gather(index, batch_of(job)); }, [&](u64 index) { lines.encode(index, out); });
}

// Leaf by leaf and node by node, as one thread does it.
Round run_hashes(const Job& job) {
  constexpr u64 batch = collect::records_a_batch;
  std::string bytes;
  UsualLines lines;
  lines.gather(1'000'000, batch), lines.encode(1'000'000, bytes);
  std::vector<std::string_view> each;
  for (std::size_t at = 0, end; at < bytes.size(); at = end)
    end = bytes.find('\n', at) + 1, each.push_back(std::string_view(bytes).substr(at, end - at));
  log::Digest digest;
  log::Tree tree(digest);
  return time_lines(
      job, batch, [&](u64) { tree.take_tiles(); },
      [&](u64) {
        for (const std::string_view line : each) tree.add(digest.leaf(line));
      });
}

namespace {

// A file that lines are appended to, as a collector does, and nothing else is done.
class FileOfLines {
 public:
  FileOfLines() : file_(os::calls.open(place_.log.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600)) {
    if (!file_) fail("make");
  }
  void write(const std::string& bytes) const {
    if (os::calls.write(file_.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) fail("write");
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw std::runtime_error(std::string("cannot ") + what + " " + place_.log + ": " + std::strerror(errno));
  }

  ScratchRing place_{bench_slots, SHMRING_POLICY_DROP};
  os::Fd file_;
};

constexpr u64 written_batch = collect::records_a_batch;  // lines that a collector writes at a time

}  // namespace

Round run_file_writes(const Job& job) {
  const FileOfLines file;
  std::string bytes;
  UsualLines lines;
  lines.gather(1'000'000, written_batch), lines.encode(1'000'000, bytes);
  return time_lines(
      job, written_batch, [](u64) {}, [&](u64) { file.write(bytes); });
}

Round run_encoded_writes(const Job& job) {
  const FileOfLines file;
  std::string bytes;
  UsualLines lines;
  return time_lines(
      job, written_batch, [&](u64 index) { lines.gather(index, written_batch); },
      [&](u64 index) { lines.encode(index, bytes), file.write(bytes); });
}

namespace {

void end_if_asked() {
  if (stop_requested()) throw Interrupted();
}

// Producers of the shared lane, all of this process. The collector meets most of them when it next reads the entries, a tenth
// of a second after the constructor has returned.
class Crowd {
 public:
  Crowd(const ScratchRing& place, const ring::Ring& ring, u32 producers) : ring_(ring) {
    shmring_attach_options options{};
    options.struct_size = sizeof options;
    options.lane = SHMRING_LANE_SHARED;
    for (u32 i = 0; i < producers; ++i) {
      end_if_asked();
      shmring_producer* producer = nullptr;
      must_be_done(shmring_attach(place.name.c_str(), &options, &producer));
      producers_.emplace_back(producer);
    }
    write_through(producers_.back().get(), 1);
    write_through(producers_.front().get(), 1);
  }
  // One of them writes, and all of it is logged when this returns.
  void flood(u64 records) { write_through(producers_.front().get(), records); }

 private:
  struct Detach {
    void operator()(shmring_producer* producer) const { shmring_detach(producer); }
  };

  void write_through(shmring_producer* producer, u64 records) {
    for (u64 i = 0; i < records; ++i) {
      if (shmring_write(producer, nullptr, usual_text.data(), usual_text.size()) == 0) continue;
      end_if_asked();  // Ctrl-C ends the collector, too
      throw std::runtime_error("the ring stayed full for a second, though a collector was there");
    }
    Patience patience(true, grace_ns);
    while (logged_of(shmring_incarnation(producer)) < shmring_sequence(producer)) end_if_asked(), patience.once();
  }
  u64 logged_of(u64 incarnation) const {
    for (u32 entry = 0; entry < ring_.geometry.producers; ++entry)
      if (ring::incarnation_seen<ring::HardwareMemory>(ring_.entries[entry]) == incarnation)
        return ring::logged_seen<ring::HardwareMemory>(ring_.entries[entry]).through;
    return 0;
  }

  const ring::Ring& ring_;
  std::vector<std::unique_ptr<shmring_producer, Detach>> producers_;
};

}  // namespace

Round run_crowd(const Job& job) {
  constexpr int own_rounds = 9;
  constexpr u64 flood_records = 50'000, rest_ns = 300'000'000;
  const ScratchRing place(bench_slots, SHMRING_POLICY_WAIT, most_producers);
  Collecting collector(place, processors().front());
  Round round;
  {
    Crowd crowd(place, collector.ring(), job.producers);
    for (int i = 0; i < own_rounds; ++i) {
      const double before_ns = cpu_ns(collector.pid());
      const u64 start_ns = os::monotonic_now_ns();
      if (job.measure == Measure::flood) {
        crowd.flood(flood_records);
      } else {
        os::sleep_for(rest_ns);
      }
      const double spent_ns = cpu_ns(collector.pid()) - before_ns;
      end_if_asked();
      round.rounds.push_back(job.measure == Measure::flood
                                 ? spent_ns / static_cast<double>(flood_records)
                                 : 100 * spent_ns / static_cast<double>(os::monotonic_now_ns() - start_ns));
    }
  }
  collector.stop();
  return round;
}

}  // namespace shmring::bench
