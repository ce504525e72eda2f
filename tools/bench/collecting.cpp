// The measurements handoff and stages: a collector whose host, log and write() take the time. See collecting.hpp.
#include "tools/bench/collecting.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <system_error>

#include "lib/collect/drain.hpp"
#include "lib/collect/idle.hpp"
#include "lib/log/files/appender.hpp"
#include "lib/os/error.hpp"
#include "tools/bench/alone.hpp"
#include "tools/bench/board.hpp"
#include "tools/bench/shmring_lanes.hpp"

namespace shmring::bench {

namespace {

std::string folder_for_logs() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (!error) return folder;
  const char* named = std::getenv("TMPDIR");
  throw std::runtime_error(std::string("no folder for a log: TMPDIR is ") + (named != nullptr ? named : "not set") + ": " +
                           error.message());
}

}  // namespace

ScratchRing::ScratchRing(u32 slots, u32 on_full, u32 producers)
    : name(fresh_name()), log(folder_for_logs() + "/" + name), keys(log + "-keys") {
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = slots, options.slot_bytes = 128, options.lanes = 2;
  options.on_full = on_full, options.wait_us = 1'000'000;
  options.producers = producers;
  must_be_done(shmring_create(name.c_str(), &options));
}
ScratchRing::~ScratchRing() {
  ExclusiveLane::remove(name);
  std::error_code ignored;
  std::filesystem::remove_all(log, ignored);
  std::filesystem::remove_all(keys, ignored);
}

TextWriter::TextWriter(const ScratchRing& place) { must_be_done(shmring_attach(place.name.c_str(), nullptr, &producer_)); }

namespace {

enum Stage : std::size_t { walking, ordering, encoding, writing, releasing, stages };
constexpr std::array<const char*, stages> stage_names{"walk", "order", "encode", "write", "release"};

using Ticks = std::array<u64, stages>;

// Takes the time of each stage of a pass. A pass without a record has no stages.
class Watch {
 public:
  void begin() { last_ = ticks(), in_hand_ = false, spent_ = {}; }
  void lap(Stage stage) {
    const u64 now = ticks();
    spent_[stage] += now - last_;
    last_ = now;
  }
  bool in_hand() const { return in_hand_; }
  // The collector asks for the records' times when it has copied all records of this pass.
  void take(std::span<const u64> written) {
    if (written.empty()) return;
    lap(walking);
    in_hand_ = true;
    for (const u64 when : written) hands_.add(last_ - when);
  }
  const Ticks& spent() const { return spent_; }
  const Histogram& hands() const { return hands_; }  // from a record's timestamp to its copy, over all passes

 private:
  Ticks spent_{};
  Histogram hands_;
  u64 last_ = 0;
  bool in_hand_ = false;
};

class WatchedHost final : public collect::SystemHost {
 public:
  WatchedHost(const ring::Ring& ring, Watch& watch) : SystemHost(ring), watch_(watch) {}
  void to_utc(std::span<u64> times) override {
    watch_.take(times);
    SystemHost::to_utc(times);
  }

 private:
  Watch& watch_;
};

// The stage `encode` is from the ledger's lines to the call of write(). The stage `write` is that call, and the check of the
// file's name after it.
class WatchedLog final : public collect::Log {
 public:
  explicit WatchedLog(Watch& watch) : watch_(watch) {}
  u64 append(std::span<const log::Line> lines, const ring::RingId& of) override {
    if (watch_.in_hand()) watch_.lap(ordering);
    const u64 batch = files.append(lines, of);
    if (files.accounts_are_due()) files.append(accounts());
    return batch;
  }
  log::Commit commit() override {
    if (files.write() != 0) throw std::runtime_error(os::last_error());
    files.sync(os::monotonic_now_ns());
    if (watch_.in_hand()) watch_.lap(writing);
    return files.committed();
  }

  log::Appender files;
  std::function<log::Accounts()> accounts;

 private:
  Watch& watch_;
};

// watched_write() replaces write() in os::calls. The process does nothing but collect, so a global is enough.
Watch* watched = nullptr;
ssize_t watched_write(int file, const void* bytes, std::size_t count) {
  static constexpr auto write = ::write;
  if (watched->in_hand()) watched->lap(encoding);
  return write(file, bytes, count);
}

class WatchedCollector {
 public:
  explicit WatchedCollector(const ScratchRing& place) {
    must_be_done(os::attach(place.name, segment_));
    log_.accounts = [this] { return log::accounts_line(host_->now_utc_ns(), collector_->accounts()); };
    log::Recovered recovered;
    must_be_done(log_.files.open(place.log, segment_.name, segment_.ring.identity, recovered));
    host_.emplace(segment_.ring, watch_);
    watched = &watch_;
    os::calls.write = watched_write;
    collector_.emplace(segment_.ring, ring::Pace{}, *host_, log_);
    if (!collector_->start({})) throw std::runtime_error("the log cannot be written");
  }
  // Reads the entries when shmringd would: ten times a second, and when a producer has died.
  bool pass(bool death = false) {
    host_->look_at_clocks();
    const bool due = death || host_->now_ns() - entries_read_ns_ >= 100'000'000;
    if (due) entries_read_ns_ = host_->now_ns();
    watch_.begin();
    if (!collector_->pass(due)) throw std::runtime_error("the log cannot be written");
    if (watch_.in_hand()) watch_.lap(releasing);
    return collector_->taken() > 0 || !collector_->is_idle();
  }
  u64 events() { return collector_->ledger().events(); }
  u64 now_ns() { return host_->now_ns(); }
  bool sleep(u64 sleep_ns) { return host_->deaths().wait(sleep_ns) > 0; }
  const Watch& watch() const { return watch_; }

 private:
  os::Segment segment_;
  Watch watch_;
  WatchedLog log_{watch_};
  std::optional<WatchedHost> host_;
  std::optional<collect::Collector<ring::HardwareMemory>> collector_;
  u64 entries_read_ns_ = 0;
};

// Collects until the writer is done and all of its records are logged.
void collect(Board& board, const ScratchRing& place, bool busy, bool crowded) {
  WatchedCollector collector(place);
  collect::Idle idle(busy);
  be_ready(board, crowded);
  bool death = false;
  while (board.writers_done.load(std::memory_order_acquire) == 0 || collector.events() < board.writers[0].accepted) {
    const bool found = collector.pass(death);
    board.delivered[0].store(collector.events(), std::memory_order_release);
    const u64 sleep_ns = idle.after_pass(found, collector.now_ns());
    death = sleep_ns != 0 && collector.sleep(sleep_ns);
    if (sleep_ns == 0) crowded ? yield() : ring::HardwareMemory::pause();
  }
  board.writers[0].calls.add(collector.watch().hands());
}

struct Spent {
  Ticks ticks;
  u64 records;
};

// Writes a quarter of a ring and then collects it, in one process. The first lap is not timed, nor are passes in which the
// kernel gave the processor to others.
void collect_by_turns(const Job& job, const ScratchRing& place, Spent& spent) {
  WatchedCollector collector(place);
  TextWriter writer(place);
  u64 written = 0;
  for (const u64 end_ns = os::monotonic_now_ns() + 2 * job.budget_ns; spent.records == 0 || os::monotonic_now_ns() < end_ns;) {
    for (u32 i = 0; i < bench_slots / 4; ++i, ++written)
      if (!writer.write()) throw std::runtime_error("the ring is full, though it has room for four turns");
    while (collector.events() < written) {
      const u64 preempted = preemptions(), before = collector.events();
      collector.pass();
      if (written <= bench_slots || preemptions() != preempted) continue;
      spent.records += collector.events() - before;
      for (std::size_t stage = 0; stage < stages; ++stage) spent.ticks[stage] += collector.watch().spent()[stage];
    }
  }
}

}  // namespace

Round run_handoff(const Job& job, bool busy) {
  const ScratchRing place(bench_slots, SHMRING_POLICY_DROP);
  const Placement placement(processors(), job);
  SharedWithChildren<Board> board;
  std::vector<Child> children;
  children.emplace_back(
      [&] { return play(*board, placement.reader, [&] { collect(*board, place, busy, placement.crowded); }); });
  children.emplace_back([&] {
    return play(*board, placement.writer(0), [&] {
      TextWriter writer(place);
      write_alone(*board, job, busy, placement.crowded, [&] { return writer.write(); });
    });
  });
  return supervise(*board, children, job);
}

Round run_stages(const Job& job) {
  const ScratchRing place(bench_slots, SHMRING_POLICY_DROP);
  SharedWithChildren<Board> board;
  SharedWithChildren<Spent> spent;
  std::vector<Child> children;
  children.emplace_back([&] {
    return play(*board, processors().front(), [&] {
      be_ready(*board, true);
      collect_by_turns(job, place, *spent);
    });
  });
  Round round = supervise(*board, children, job);
  round.attempted = round.delivered = spent->records;
  for (std::size_t stage = 0; stage < stages; ++stage) {
    const double ns = static_cast<double>(spent->ticks[stage]) * ns_per_tick() / static_cast<double>(spent->records);
    round.parts.push_back({stage_names[stage], ns});
    round.figure += ns;
  }
  return round;
}

}  // namespace shmring::bench
