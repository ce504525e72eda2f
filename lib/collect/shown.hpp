// What the collector shows of itself on a ring's status page (lib/ring/status.hpp): its own values, in the ring's terms.
#pragma once

#include "lib/collect/ledger.hpp"
#include "lib/log/files/durability.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/process.hpp"
#include "lib/os/segment.hpp"
#include "lib/ring/status.hpp"

namespace shmring::collect {

// The caller holds the segment's lease.
inline void announce(const os::Segment& segment, log::Level level) {
  ring::announce<ring::HardwareMemory>(*segment.ring.header, os::self(*segment.ring.header), static_cast<ring::Level>(level),
                                       os::monotonic_now_ns());
}

inline void show_log(const os::Segment& segment, const ring::LogFigures& figures) {
  ring::show_log<ring::HardwareMemory>(*segment.ring.header, figures);
}

// Returns where the last collector that showed it had its log, or 0.
inline u64 device_seen(const os::Segment& segment) {
  return ring::figure_seen<ring::HardwareMemory>(segment.ring.header->status_more.log_device);
}

inline void show_alarm(const os::Segment& segment, const ring::Alarm& alarm) {
  ring::show_alarm<ring::HardwareMemory>(*segment.ring.header, alarm);
}

inline void withdraw(const os::Segment& segment) { ring::withdraw<ring::HardwareMemory>(*segment.ring.header); }

inline void count_wakeup(const os::Segment& segment) { ring::count_wakeup<ring::HardwareMemory>(*segment.ring.header); }

inline void show_state(const os::Segment& segment, ring::StatusState state) {
  ring::show_state<ring::HardwareMemory>(*segment.ring.header, state);
}

template <class Collector, class Host>
void show_progress(const os::Segment& segment, const Collector& collector, Host& host) {
  ring::show_progress<ring::HardwareMemory>(*segment.ring.header,
                                            {.heartbeat_ns = host.now_ns(),
                                             .cpu_ns = os::process_cpu_ns(),
                                             .logged = collector.logged_events(),
                                             .losses = collector.logged_losses().count,  // causes have the ring's numbers
                                             .stalled = collector.reader().stalled()});
}

inline void show_clock(const os::Segment& segment, const os::Anchor& anchor) {
  ring::show_clock<ring::HardwareMemory>(segment.ring.header->status, {anchor.ticks, anchor.utc_ns, anchor.ns_per_tick_q32});
}

}  // namespace shmring::collect
