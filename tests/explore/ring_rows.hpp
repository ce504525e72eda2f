// Which rows of the protocol's tables an exploration has taken: told from the label of each access, and from what the words
// seen there say of each other. The product is not touched.
//
// Invariants:
//   - a row is counted when it is taken, not when it is looked at: a compare-and-swap when it has succeeded or failed; a look
//     of the collector at its next access, by what has become of its head and its list;
//   - `counts` are of the whole process, over all executions: a mode that leaves a row at 0 has not tested it.
#pragma once

#include <array>
#include <functional>

#include "lib/log/format/line.hpp"
#include "lib/ring/account.hpp"
#include "lib/ring/ring.hpp"
#include "lib/ring/slot.hpp"
#include "tests/explore/scheduler.hpp"

namespace explore {

enum class Row : u8 {
  // producer
  attach,
  entry_lost,
  lane_taken,
  claim,
  claim_lost,
  claim_alone,
  somebody_has_it,
  somebody_has_it_alone,
  collector_past,
  look_again,
  full,
  full_alone,
  overwrite,
  overwrite_lost,
  over_writing,
  over_reading,
  help,
  help_lost,
  chunk,
  gave_up,
  publish,
  refused_full,
  refused_timeout,
  refused_contended,
  refused_no_room,
  detach,
  // waiter
  slept,
  not_slept,
  found_between,
  claimed_after_sleep,
  woken,
  nobody_asleep,
  // collector: walk
  ready,
  ready_lost,
  reading_at_head,
  writing_listed,
  nothing,
  stepped_over,
  step_over_lost,
  lap_higher,
  lap_lower_nothing,
  lap_lower_listed,
  lap_lower_reading,
  jump_listed,
  jump_empty,
  limit_ready,
  limit_listing,
  // collector: stalled list
  judged_ahead,
  judged_ready,
  judged_ready_lost,
  judged_reading,
  judged_writing,
  judged_empty,
  judged_limit,
  freed_dead,
  // collector: the rest
  live_account,
  account_moved,
  proven_dead,
  released_next_lap,
  released_later_lap,
  head,
  no_waiter,
  waiter,
  lane_freed,
  lane_not_named,
  entry_freed_left,
  entry_freed_died,
  entry_freed_attaching,
  // restart
  restart_behind_reading,
  restart_behind_writing,
  restart_behind_ready,
  restart_ahead_reading,
  // log
  line_event,
  line_late,
  line_loss,
  line_died_loss,
  line_overwritten_loss,
  line_attach,
  line_detach,
  line_died,
  line_accounts,
  // remover, and who meets it
  needed_after_all,
  name_removed,
  retired_by_now,
  opened_again,
  // who waits for durability
  durable_slept,
  durable_not_slept,
  durable_woken,
  durable_nobody_asleep,
  durable_enough,
  durable_of_the_past,
  // the clock on the status page
  clock_begun_at_odd,
  clock_whole,
  clock_odd,
  clock_changed,
  count
};

class Rows {
 public:
  static inline std::array<u64, static_cast<std::size_t>(Row::count)> counts{};
  static void take(Row row) { ++counts[static_cast<std::size_t>(row)]; }
  static int print();  // the table; how many rows stand at 0
};

// What the collector that runs knows of a lane.
struct LaneSight {
  u64 head = 0;
  bool at_end = false, at_limit = false, left_ready = false;
};

// Watches one execution.
class RowWatch {
 public:
  explicit RowWatch(const shmring::ring::Ring& ring) : ring_(ring) {}
  void reset() { roles_ = {}, pending_ = false, phase_ = Phase::pass, sight = nullptr; }
  void looked(int role, const Access& access, u64 value);
  void wrote(int role, const Access& access, u64 before, u64 after);
  void appended(const shmring::log::Line& line);
  void pass_is_over() { resolve({At{}, Kind::idle, nullptr, 0}); }

  std::function<LaneSight(u32 lane)> sight;  // of the collector that runs

 private:
  struct Producer {
    u64 tail = 0;
    shmring::ring::Word word{};
    bool alone = false;  // it looked at an exclusive lane
    bool second_look = false, waiting = false, slept = false;
    u64 clock = 0;    // the sequence of an observer's first look
    u64 account = 0;  // the collector's last look at an account
    const void* account_at = nullptr;
  };
  enum class Phase : u8 { look_over, jump, pass };
  struct Seen {
    const void* address;
    u32 lane, index;
    shmring::ring::Word word;
    LaneSight sight;
    Phase phase;
  };

  void looked_at_position(Producer& me, shmring::ring::Word word, bool alone);
  void looked_at_head(Producer& me, u64 head);
  void looked_by_collector(const Access& access, u64 value);
  void observed(const Access& access, u64 value);
  void resolve(const Access& next);
  void resolve_restart(u64 position);
  void counted(const Access& access);
  bool is_ahead(const Access& access) const;

  const shmring::ring::Ring& ring_;
  std::array<Producer, 8> roles_{};
  bool pending_ = false;
  Seen seen_{};
  Phase phase_ = Phase::pass;
  u64 jump_from_ = 0;
};

}  // namespace explore
