// A collector as shmringd has it, over a real log; what time it is and who is dead is for the input to say. And the rule that
// holds whatever the ring held: its log verifies.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/audit/collector.hpp"
#include "lib/audit/log.hpp"
#include "lib/audit/verify.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "tests/fuzz/input.hpp"

namespace shmring::fuzz {

struct Host {
  u32 dead_pids = 0;  // one bit for pid mod 32
  u64 time = 1'700'000'000'000'000'000;
  os::Calibration calibration{{0, 0, time}, {1'000'000'000, 1'000'000'000, time + 1'000'000'000}};

  bool dead(u32, u64 owner_word) { return (dead_pids >> (ring::Owner::of(owner_word).pid % 32) & 1) != 0; }
  void forget(u32) {}
  std::string exe(u32) { return "/bin/app"; }
  u64 utc(u64 ticks) { return calibration.to_utc(ticks, 2'000'000'000); }
  u64 now_utc_ns() { return time; }
  u64 now_ns() { return time += 2 * audit::tail_patience_ns; }
  void wake(std::atomic<u32>&) {}
};

struct Store {
  audit::Log& log;
  bool store(std::span<const audit::Line> lines) {
    must(log.append(lines) == 0, os::last_error());
    return true;
  }
};

// One collector's life. Its end is a crash: nothing is drained or said.
template <class M>
class Life {
 public:
  Life(const ring::Ring& ring, const std::string& dir, Host& host) : host_(host) {
    auto accounts = [this] { return collector_->ledger().accounts(host_.now_utc_ns()); };
    must(log_.open(dir, "r", accounts, recovered_) == 0, os::last_error());
    collector_.emplace(ring, ring::Pace{1024, 128, 1, 1}, host_, store_);
    std::vector<audit::AccountState> known;
    for (const audit::RecoveredAccount& a : recovered_.accounts)
      known.push_back({a.producer, a.incarnation, a.through, a.open, a.causes});
    collector_->start(known);
  }
  Life(const Life&) = delete;

  void pass(bool entries_due) {
    collector_->pass(entries_due);
    const std::size_t most = std::size_t{ring_slots()} * (lanes() + 1);
    must(collector_->taken() <= most, "a pass takes no more than there is");
  }

 private:
  u32 lanes() const { return collector_->reader().lanes(); }
  u32 ring_slots() const { return 1024; }

  Host& host_;
  audit::Log log_;
  audit::Recovered recovered_;
  Store store_{log_};
  std::optional<audit::Collector<M, Host, Store>> collector_;
};

inline audit::Verdict must_verify(const std::string& dir) {
  audit::Verdict verdict;
  must(audit::verify(dir, verdict) == 0, os::last_error());
  const audit::Deviation& d = verdict.deviation;
  must(verdict.proven, "the log verifies; line " + std::to_string(d.line) + " of " + d.file + ": expected " + d.expected +
                           ", found " + d.found);
  return verdict;
}

}  // namespace shmring::fuzz
