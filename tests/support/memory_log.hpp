// A log in memory: each line as a short text, what a restarted collector would recover from them, and whether they
// keep the promise: every sequence once, in order, between one attach line and one closing line.
//
//   "attach 1" · "event 1.2" · "event 1.2 late" · "loss 1.1-3 full=2 died=1" · "detach 1 last 3 full=2" ·
//   "died 1 last 3" · "accounts 1:3 2:0" (a closed one: "1:3!") · "gone 1 through 3" · "incident …"
//
// Invariants: nothing in here uses the ledger; incarnations are shown without their base; what was appended is in `lines`
// when it was committed.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "lib/collect/world.hpp"
#include "tests/support/hooked_memory.hpp"

namespace plain {

namespace log = shmring::log;

// As a line has them: " full=2 died=1".
std::string text(const log::Causes& causes);

class MemoryLog : public shmring::collect::Log {
 public:
  MemoryLog();
  ~MemoryLog();

  std::vector<std::string> lines;
  std::vector<std::string> payloads;  // of the events
  std::vector<std::string> types;     // of the events, those with a name
  std::string broken;                 // the first line that breaks the promise, and how
  int lives_for = -1;                 // lines until the collector dies; −1: for ever
  bool full = false;                  // nothing can be stored

  shmring::ring::u64 append(std::span<const log::Line> batch, const shmring::ring::RingId&) override;
  log::Commit commit() override;
  // Whoever appended has died.
  void forget_pending();

  void append(const log::Line& line);

  // The last accounts line, then the lines after it. Views last as long as this log does not change.
  log::RingAccounts recovered() const;

 private:
  using u64 = shmring::ring::u64;

  log::Line owned(log::Line line);  // with all that it has views of

  struct Fold {
    std::string producer;
    u64 through = 0;
    bool attached = false, closed = false;
    log::Causes causes;
  };

  void must(bool holds, const char* rule);
  void cover(u64 incarnation, u64 first, u64 last);
  void add(const log::Event& event);
  void add(const log::Loss& loss);
  void add(const log::LifeLine& line);
  void add(const log::Accounts& line);
  void add(const log::Gone& line);
  void add(const log::Note& line);

  std::deque<log::Line> pending_;
  std::deque<std::string> texts_;
  u64 batches_ = 0, committed_ = 0;
  std::map<u64, Fold> truth_, recovered_;
  log::Incarnations over_;
};

}  // namespace plain
