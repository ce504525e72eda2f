// The drain of one ring: see drain.hpp.
#include "lib/collect/drain.hpp"

#include <algorithm>

#include "lib/collect/shown.hpp"
#include "lib/os/remover_lock.hpp"
#include "lib/os/wakeup.hpp"

namespace shmring::collect {

SystemHost::SystemHost(const ring::Ring& ring)
    : clock_(static_cast<ring::Clock>(ring.geometry.clock)), deaths_(ring),
      calibration_(os::Calibration::of(*ring.header, clock_)) {
  read_clocks();
}

void SystemHost::look_at_clocks() {
  if (const auto now = calibration_.soon_after(read_, ring::HardwareMemory::ticks(clock_))) {
    set_now(*now);
  } else {
    read_clocks();
  }
}

void SystemHost::read_clocks() {
  read_ = os::take_sample(clock_);
  set_now(read_);
}

// What was told by the rate may be a little ahead of the clocks.
void SystemHost::set_now(const os::Sample& now) {
  const u64 before = now_.monotonic_ns;
  now_ = now;
  now_.monotonic_ns = std::max(now_.monotonic_ns, before);
}

std::int64_t SystemHost::refresh() {
  read_clocks();
  return calibration_.refresh(read_);
}

void SystemHost::to_utc(std::span<u64> times) {
  for (u64& time : times) time = calibration_.to_utc(time, now_.ticks);
}

void SystemHost::wake(std::atomic<u32>& freed) { os::futex_wake_all(freed); }

void SystemHost::wake_waiter(std::atomic<u64>& durable) { os::futex_wake_all(ring::low_half(durable)); }

Drain::Drain(os::Segment segment, Log& log, log::RecoveredRing known)
    : segment_(std::move(segment)), known_(std::move(known)), host_(segment_.ring),
      collector_(segment_.ring, ring::Pace{}, host_, log) {}

u64 Drain::known_open() const { return static_cast<u64>(std::ranges::count_if(known_.accounts, &log::RecoveredAccount::open)); }

u64 Drain::refused() const {
  u64 sum = 0;
  for (const log::Cause cause : {log::Cause::full, log::Cause::timeout, log::Cause::contended, log::Cause::no_room,
                                 log::Cause::overwritten, log::Cause::refused})
    sum += collector_.ledger().losses().count[static_cast<std::size_t>(cause)];
  return sum;
}

bool Drain::start() {
  if (!host_.deaths().can_judge())
    note("incident",
         {{"what", "this collector is in another pid or time namespace than the ring: no producer is ever judged dead"}});
  started_ = true;
  return collector_.start(known_.known());
}

bool Drain::pass(bool entries_due) {
  host_.look_at_clocks();
  const bool retired = retired_, passed = collector_.pass(entries_due);
  if (!passed) return false;
  if (!entries_due) return true;
  read_retired_ = retired;
  show_progress(segment_, collector_, host_);
  if (!std::exchange(has_passed_, true)) show_state(segment_, ring::StatusState::collecting);
  return true;
}

void Drain::show_life() { show_progress(segment_, collector_, host_); }

void Drain::show_log_state(bool can_be_written) {
  show_state(segment_, !can_be_written ? ring::StatusState::log_failing
                       : has_passed_   ? ring::StatusState::collecting
                                       : ring::StatusState::starting);
}

bool Drain::end() {
  if (!ended_) note("stop", {{"reason", "the ring was unlinked, and is drained to its end"}});
  ended_ = true;
  return append_notes();
}

void Drain::note(std::string kind, std::vector<log::Note::Pair> pairs) {
  collector_.note({std::move(kind), host_.now_utc_ns(), std::move(pairs)});
}

void Drain::retire_if_unlinked() {
  if (retired_) return;
  if (!os::unlinked(segment_)) return os::reopen_abandoned(segment_);
  ring::retire<ring::HardwareMemory>(*segment_.ring.header);
  retired_ = true;
  note("incident", {{"what", "the ring was unlinked: producers see SHMRING_RETIRED, and what is in it is drained"}});
}

// Notes conditions that people should know of, once when they begin.
void Drain::note_clock_and_conditions() {
  if (const std::int64_t jump = host_.refresh(); jump != 0) note("clock", {{"jump_ns", std::to_string(jump), true}});
  show_clock(segment_, host_.anchor());
  const ring::Reader<ring::HardwareMemory>& reader = collector_.reader();
  const bool stalled = reader.stalled() > segment_.ring.geometry.slots / 4;
  if (stalled && !noted_.stalled)
    note("incident",
         {{"what", "more than a quarter of a lane is stalled by stopped writers"}, number("slots", reader.stalled())});
  noted_.stalled = stalled;
  if (reader.refused_entries() > noted_.refused_entries)
    note("incident", {{"what", "an entry of the producer table is impossible: its records are not logged"}});
  noted_.refused_entries = reader.refused_entries();
  if (reader.scribbled() > noted_.scribbled)
    note("incident",
         {{"what", "a stray write hit a slot's state word: the slot stays out of use"}, number("slots", reader.scribbled())});
  noted_.scribbled = reader.scribbled();
  if (reader.repairs() > noted_.repairs) note("incident", {{"what", "a lane's head or tail was impossible: it was corrected"}});
  noted_.repairs = reader.repairs();
}

}  // namespace shmring::collect
