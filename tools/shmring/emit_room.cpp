// Room in a lane, and signals: see emit_room.hpp.
#include "tools/shmring/emit_room.hpp"

#include <algorithm>
#include <cerrno>

#include "lib/os/calls.hpp"
#include "lib/os/clock.hpp"
#include "lib/ring/account.hpp"
#include "lib/ring/lane.hpp"
#include "tools/common/text.hpp"

namespace shmring::tool {
namespace {

using Memory = ring::HardwareMemory;

constexpr u32 most_inside_us = 100'000;        // the longest time before a signal is noticed
constexpr u32 endless_inside_us = 10'000'000;  // the same if nothing may be lost; it is rarely needed, see Lane::has_room
constexpr u64 first_pause_ns = 1'000'000, last_pause_ns = 20'000'000;
constexpr u64 warn_after_ns = 1'000'000'000;

timespec timespec_of(u64 ns) { return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)}; }

// Returns the handle's lane, which is in the entry with the handle's incarnation.
u32 lane_of(const ring::Ring& ring, u64 incarnation) {
  for (u32 index = 0; index < ring.geometry.producers; ++index) {
    const ring::Entry& entry = ring.entries[index];
    if (ring::incarnation_seen<Memory>(entry) != incarnation) continue;
    const u64 lane = ring::lane_seen<Memory>(entry);
    return lane < ring.geometry.lanes ? static_cast<u32>(lane) : 0;
  }
  return 0;
}

}  // namespace

Signals::Signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) {
    if (caught_ == 0) caught_ = signal;
  };
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : {SIGINT, SIGTERM}) {
    sigaddset(&ours, signal);
    os::calls.sigaction(signal, &action, nullptr);
  }
  os::calls.pthread_sigmask(SIG_BLOCK, &ours, &before_);
}

Signals::~Signals() { os::calls.pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

// Uses a ppoll without descriptors, because a ppoll that finds a descriptor ready delivers no signal.
int Signals::let_in() {
  const timespec at_once{};
  os::calls.ppoll(nullptr, 0, &at_once, &before_);
  return caught_;
}

int Signals::wait(pollfd* fds, nfds_t count, const timespec* timeout) {
  const int ready = os::calls.ppoll(fds, count, timeout, &before_);
  return ready >= 0 ? ready : errno == EINTR ? 0 : -errno;
}

u32 Patience::inside_us() const { return endless ? endless_inside_us : std::min(limit_us, most_inside_us); }

Lane::Lane(const os::Segment& segment, const shmring_producer* producer, Patience patience, Signals& signals)
    : segment_(segment), lane_(lane_of(segment.ring, shmring_incarnation(producer))), patience_(patience), signals_(signals) {}

// In an exclusive lane, free slots stay free until we write. Others write to the shared lane too, so an eighth of the lane has
// to be free in addition. Then all producers that look at the same time find room.
bool Lane::has_room(std::size_t bytes) const {
  const ring::Ring& ring = segment_.ring;
  const ring::Lane& lane = ring.lanes[lane_];
  const u64 slots = ring.geometry.slots, payload = ring.slot_payload();
  u64 wanted = bytes == 0 ? 1 : (bytes + payload - 1) / payload;
  const u64 tail = ring::tail_seen<Memory>(lane);
  if (lane_ == 0 && !ring::collector_is_past<Memory>(ring, lane, tail + wanted + slots / 8)) return false;
  for (u64 position = tail; position < tail + slots; ++position) {
    const ring::Word word = ring::observe<Memory>(ring.slot(lane_, ring.index(position)));
    const u64 lap = ring.lap(position);
    if (word.state == ring::SlotState::empty && word.lap <= lap) {
      if (--wanted == 0) return true;
    } else if (word.lap < lap && !ring::collector_is_past<Memory>(ring, lane, position)) {
      return false;  // a producer would find the lane full here; it steps over any other word
    }
  }
  return false;
}

Room Lane::wait_for(std::size_t bytes) {
  if (!patience_.endless && patience_.limit_us == 0) return Room::yes;
  if (has_room(bytes)) return Room::yes;
  const u64 begin = os::monotonic_now_ns();
  const u64 limit_ns = u64{patience_.limit_us - std::min(patience_.limit_us, patience_.inside_us())} * 1000;
  for (u64 pause = first_pause_ns; !has_room(bytes); pause = std::min(2 * pause, last_pause_ns)) {
    if (signals_.let_in() != 0) return Room::stopped;
    if (ring::is_retired<Memory>(*segment_.ring.header) || os::unlinked(segment_)) return Room::gone;
    const u64 waited = os::monotonic_now_ns() - begin;
    if (waited >= warn_after_ns && !warned_) warn_of_no_collector();
    if (!patience_.endless && waited >= limit_ns) return Room::yes;
    const timespec left = timespec_of(patience_.endless ? pause : std::min(pause, limit_ns - waited));
    signals_.wait(nullptr, 0, &left);
  }
  return Room::yes;
}

void Lane::warn_of_no_collector() {
  warned_ = true;
  const inspect::Inspection facts = inspect::read_segment(segment_, {}, false);
  if (facts.collector.holds_lease) return;
  warn(fmt::format("ring {}: it is full, and no collector drains it: emit waits; start one: shmringd --ring {} --log DIR",
                   safe(segment_.name), safe(segment_.name)));
}

}  // namespace shmring::tool
