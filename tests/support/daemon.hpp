// shmringd as a child process, the place where it works, and a look at its ring.
//
// Invariants: each Workplace has a ring directory and a log of its own, and nothing is left of it; SHMRING_DIR names it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/os/segment.hpp"
#include "lib/ring/account.hpp"
#include "lib/ring/lane.hpp"
#include "tests/support/journal.hpp"

namespace shmring::test {

std::string fresh_directory(const std::string& parent);

class Workplace {
 public:
  explicit Workplace(std::size_t max_record = room, const std::string& log = "log");  // its place, below home
  ~Workplace();
  Workplace(const Workplace&) = delete;

  // A journal of its own for each producer's life.
  Journal& journal(u64 capacity);

  static constexpr const char* ring = "r";
  std::string file() const;

  const std::size_t max_record;  // of the ring that shmringd creates
  const std::string rings, home, log;
  std::vector<std::unique_ptr<Journal>> journals;
};

// A slot that its owner is filling.
struct Held {
  u32 lane = 0, index = 0;
  ring::Word word{};
};

// What a test may read of a ring while it lives.
class View {
 public:
  using Memory = ring::HardwareMemory;
  View();
  ~View();
  const ring::Ring& ring() const { return segment_.ring; }
  const ring::StatusPage& status() const { return ring().header->status; }
  u32 collector() const { return ring::Owner::of(status().identity).pid; }
  ring::StatusState state() const { return ring::StatusState{ring().header->status_more.state.load()}; }

  // The entry that names the process; −1: none does.
  int entry_of(pid_t pid) const;
  ring::Owner owner(u32 entry) const { return ring::owner_seen<Memory>(ring().entries[entry]); }
  u64 head(u32 lane) const { return ring::head_resume<Memory>(ring().lanes[lane]); }
  u32 waiters(u32 lane) const { return ring().lanes[lane].waiters; }
  u64 tail(u32 lane) const { return ring::tail_seen<Memory>(ring().lanes[lane]); }
  ring::Word word(u32 lane, u32 index) const { return ring::observe<Memory>(ring().slot(lane, index)); }

  // The slot of that process that is in WRITING; false: none is.
  bool held_slot(pid_t pid, Held& out) const;

  // Every entry and every lane is free again.
  bool all_free() const;

  bool opened = false;

 private:
  os::Segment segment_;
};

class Daemon {
 public:
  explicit Daemon(const Workplace& place);
  Daemon(const Workplace& place, std::vector<std::string> options, bool at_once = true);
  ~Daemon();

  // `before`: what the child does before it becomes shmringd.
  void start();
  void start(const std::function<void()>& before);

  // It holds the ring, its pid stands on the status page; and it has made a pass.
  bool collects();
  // SIGTERM; its exit status.
  int end();
  std::string said() const;
  static std::string program();

  Child process;

 private:
  const Workplace& place_;
  std::vector<std::string> options_;
};

// The ring of the Workplace, as an application makes it.
void make_default_ring();

// Every producer's end is in the log, and its place free: what a test waits for before it ends the collector.
bool all_closed();

}  // namespace shmring::test
