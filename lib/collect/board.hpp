// What the collector shows of itself in the segment's header, for `shmring stat` and `shmring dump`. One writer; nobody decides
// anything by it.
#pragma once

#include "lib/log/format/numbers.hpp"
#include "lib/os/clock.hpp"
#include "lib/ring/account.hpp"

namespace shmring::collect {

using log::Cause;
using ring::CollectorBoard;
using ring::u64;

// Right after the lease was taken, so that nobody is told of the process that had it before. Heartbeat 0: no pass was made yet.
inline void announce(CollectorBoard& board, ring::Owner self) {
  self.state = ring::OwnerState::attached;
  board.heartbeat_ns = 0;
  board.identity = self.bits();
  ++board.epoch;
  board.wakeups = 0;
  board.cpu_ns = 0;
}

inline void withdraw(CollectorBoard& board) { board.identity = 0; }

inline void count_wakeup(CollectorBoard& board) { ++board.wakeups; }

template <class Host>
void show_heartbeat(CollectorBoard& board, Host& host) {
  board.heartbeat_ns = host.now_ns();
  board.cpu_ns = os::process_cpu_ns();
}

template <class Collector, class Host>
void show_progress(CollectorBoard& board, const Collector& collector, Host& host) {
  const auto& ledger = collector.ledger();
  const auto& losses = ledger.losses();
  show_heartbeat(board, host);
  board.logged = ledger.events();
  board.lost = losses.total();
  board.stalled = collector.reader().stalled();
  const u64 full = losses[Cause::full], big = losses[Cause::too_big], died = losses[Cause::died];
  board.lost_by[0] = full;
  board.lost_by[1] = big;
  board.lost_by[2] = died;
  board.lost_by[3] = losses.total() - full - big - died;
}

inline void show_clock(CollectorBoard& board, const os::Anchor& anchor) {
  ++board.calibration_sequence;
  board.anchor_ticks = anchor.ticks;
  board.anchor_utc_ns = anchor.utc_ns;
  board.ns_per_tick_q32 = anchor.ns_per_tick_q32;
  ++board.calibration_sequence;
}

}  // namespace shmring::collect
