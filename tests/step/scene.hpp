// A ring, a log, a collector that the test drives pass by pass, and the other producers: where a tracee is stepped.
//
// Invariants:
//   - the collector is shmringd's: its host, its store, its order of set-up, over the mapped segment and a log in files;
//   - other producers write in this process, between passes, so that what happens beside a tracee is the same each time;
//   - a scene is used for one trial; nothing is left of it.
#pragma once

#include <memory>
#include <string>

#include "lib/collect/drain.hpp"
#include "lib/log/files/appender.hpp"
#include "tests/support/daemon.hpp"

namespace shmring::test {

inline constexpr u32 slots = 64;  // a lane, the smallest there is
inline constexpr std::size_t max_record = slots / 4 * room;

struct Shape {
  u32 on_full = SHMRING_POLICY_DROP;
  u32 slot_bytes = 256;
  u32 wait_us = 0;

  bool waiting() const { return on_full == SHMRING_POLICY_WAIT || on_full == SHMRING_POLICY_HYBRID; }
};

// The first key behind `after` whose record has so many bytes, or is too big if that is asked for, and no flags.
u64 key_of(const Journal& journal, std::size_t bytes, u64 after);

// A collector, as after a restart: all that it knows is the log.
class Drain {
 public:
  explicit Drain(const std::string& log_dir);
  bool pass();
  const std::string& trouble() const { return trouble_; }  // empty: none

 private:
  // shmringd's, of one ring.
  class Log : public collect::Log {
   public:
    explicit Log(Drain& drain) : drain_(drain) {}
    u64 append(std::span<const log::Line> lines, const ring::RingId& of) override;
    log::Commit commit() override;
    log::Appender files;

   private:
    Drain& drain_;
  };
  os::Segment segment_;
  Log log_{*this};
  std::unique_ptr<collect::SystemHost> host_;
  std::unique_ptr<collect::Collector<ring::HardwareMemory>> collector_;
  std::string trouble_;
};

class Scene {
 public:
  explicit Scene(const Shape& wanted);

  void collect() { drain = std::make_unique<Drain>(place.log); }
  bool pass();
  // Passes until every entry and lane is free. False: that does not come.
  bool close();
  // Every slot is EMPTY, every entry and lane is free.
  bool is_whole() const { return view->all_free() && all_empty(); }
  // One more producer attaches, writes until the shared lane has gone on by so many laps, and detaches.
  void run_laps(u64 laps, u64 records_a_pass);
  // One more producer attaches to this kind of lane, and a lap of it is free for its records, with a pass behind each.
  void run_a_lap(u32 lane);

  const Shape shape;
  Workplace place{max_record};
  std::unique_ptr<View> view;
  std::unique_ptr<Drain> drain;
  std::string trouble;  // the first; empty: none

 private:
  bool all_empty() const;
};

}  // namespace shmring::test
