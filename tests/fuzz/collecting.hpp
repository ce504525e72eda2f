// A collector over a log, in memory or as shmringd has it; what time it is and who is dead is for the input to say. And the
// rule that holds whatever the ring held: its log keeps the promise, and its lines are read back.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/collect/collector.hpp"
#include "lib/log/files/appender.hpp"
#include "lib/log/files/verify.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/memory_log.hpp"
#include "tests/support/plain_log.hpp"

namespace shmring::fuzz {

struct Host : collect::Host {
  u32 dead_pids = 0;  // one bit for pid mod 32
  u64 time = 1'700'000'000'000'000'000;
  os::Calibration calibration{{0, 0, time}, {1'000'000'000, 1'000'000'000, time + 1'000'000'000}};

  void look() override {}
  bool dead(u32, u64 owner_word) override { return (dead_pids >> (ring::Owner::of(owner_word).pid % 32) & 1) != 0; }
  void forget(u32) override {}
  std::string exe(ring::Owner) override { return "/bin/app"; }
  u64 now_utc_ns() override { return time; }
  u64 now_ns() override { return time += 2 * collect::tail_patience_ns; }
  void to_utc(std::span<u64> times) override {
    for (u64& it : times) it = calibration.to_utc(it, 2'000'000'000);
  }
  void wake(std::atomic<u32>&) override {}
  void wake_waiter(std::atomic<u64>&) override {}
};

// A pass takes no slot twice, but for one from the walk and one from the list.
template <class Collector>
void must_be_bounded(const Collector& collector, const ring::Ring& ring) {
  const std::size_t most = std::size_t{2} * ring.geometry.slots * ring.geometry.lanes;
  must(collector.taken() <= most, "a pass takes no more than there is");
}

inline constexpr ring::Pace quick_pace{1024, 128, 1, 1};

// One collector's life over a log in files. Its end is a crash: nothing is drained or said.
class FileLife : public collect::Log {
 public:
  FileLife(const ring::Ring& ring, const std::string& dir, Host& host) : ring_(ring), host_(host) {
    must(log_.open(dir, "r", ring.identity, recovered_) == 0, os::last_error());
    collector_.emplace(ring, quick_pace, host_, *this);
    collector_->start(recovered_.of(ring.identity).known());
  }
  FileLife(const FileLife&) = delete;

  void pass(bool entries_due) {
    collector_->pass(entries_due);
    must_be_bounded(*collector_, ring_);
  }

 private:
  u64 append(std::span<const log::Line> lines, const ring::RingId& of) override {
    const u64 batch = log_.append(lines, of);
    if (log_.accounts_are_due()) log_.append(log::accounts_line(host_.now_utc_ns(), collector_->accounts()));
    return batch;
  }
  log::Commit commit() override {
    must(log_.write() == 0, os::last_error());
    log_.sync(host_.now_ns());
    return log_.committed();
  }

  ring::Ring ring_;
  Host& host_;
  log::Appender log_;
  log::Recovered recovered_;
  std::optional<collect::Collector<ring::HardwareMemory>> collector_;
};

// A log in memory, through the lines' text.
class TextLog : public plain::PlainLog {
 public:
  plain::MemoryLog log;

 private:
  void store(std::span<const log::Line> lines) override {
    for (const log::Line& line : lines) {
      std::string text;
      encoder_.encode(line, 1, text);
      must(!text.empty() && text.find('\n') == text.size() - 1, "a line is one line");
      text.pop_back();
      log::Parsed parsed{};
      log::Mistake mistake{};
      must(log::parse(text, parsed, mistake), "a line is read back: " + text);
      must(parsed.producer.size() < ring::name_bytes, "a producer's name is no longer than one");
      log.append(line);
    }
    must(log.broken.empty(), log.broken);
  }
  log::Encoder encoder_{"r"};
};

// One collector's life over a log in memory: thousands a second.
template <class M>
class Life {
 public:
  Life(const ring::Ring& ring, TextLog& log, Host& host) : ring_(ring), collector_(ring, quick_pace, host, log) {
    collector_.start(log.log.recovered());
  }

  void pass(bool entries_due) {
    collector_.pass(entries_due);
    must_be_bounded(collector_, ring_);
  }

 private:
  ring::Ring ring_;
  collect::Collector<M> collector_;
};

inline log::Verdict must_verify(const std::string& dir) {
  log::Verdict verdict;
  must(log::verify(dir, verdict) == 0, os::last_error());
  const log::Deviation& d = verdict.deviation;
  must(verdict.proven, "the log verifies; line " + std::to_string(d.line) + " of " + d.file + ": expected " + d.expected +
                           ", found " + d.found);
  return verdict;
}

}  // namespace shmring::fuzz
