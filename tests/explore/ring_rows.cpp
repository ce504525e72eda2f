// From labels and words to rows.
#include "tests/explore/ring_rows.hpp"

#include <cstdio>

namespace explore {

using namespace shmring::ring;
namespace log = shmring::log;

namespace {

struct Text {
  const char *role, *row;
};
// In the order of Row.
constexpr Text texts[] = {
    {"producer", "an entry is claimed"},
    {"producer", "another claims the entry first"},
    {"producer", "an exclusive lane is taken"},
    {"producer", "EMPTY(<= L), shared: claimed by compare-and-swap"},
    {"producer", "EMPTY(<= L), shared: claimed by another first, start over"},
    {"producer", "EMPTY(<= L), exclusive: claimed by a store"},
    {"producer", "lap(w) >= L, shared: somebody has it, help the tail on"},
    {"producer", "lap(w) >= L, exclusive: stepped over by the collector, tail on"},
    {"producer", "lap(w) < L, head past it: stepped over"},
    {"producer", "lap(w) < L, head past it, but released meanwhile: look again"},
    {"producer", "lap(w) < L, shared: full"},
    {"producer", "lap(w) < L, exclusive: full"},
    {"producer", "READY of an older lap: overwritten"},
    {"producer", "READY of an older lap: taken by another first, look again"},
    {"producer", "WRITING of an older lap: stepped over when overwriting"},
    {"producer", "READING of an older lap: stepped over when overwriting"},
    {"producer", "the tail is helped on"},
    {"producer", "the tail is helped on by another first"},
    {"producer", "a chunk that is not the last is published"},
    {"producer", "a large record is given up: its open slot is published aborted"},
    {"producer", "published"},
    {"producer", "refused: full"},
    {"producer", "refused: timeout"},
    {"producer", "refused: contended, out of attempts"},
    {"producer", "refused: no_room"},
    {"producer", "detached"},
    {"waiter", "slept"},
    {"waiter", "did not sleep: freed has changed since it looked"},
    {"waiter", "found a place between the look at freed and the sleep"},
    {"waiter", "claimed after it had slept"},
    {"waiter", "was woken"},
    {"waiter", "was announced, and not yet asleep when the collector woke"},
    {"walk", "READY(L): taken"},
    {"walk", "READY(L): overwritten first, look again"},
    {"walk", "READING(L) left by a dead collector: as READY"},
    {"walk", "WRITING(L): onto the list"},
    {"walk", "EMPTY(<= L) at the tail: nothing there"},
    {"walk", "EMPTY(<= L) below the tail: stepped over"},
    {"walk", "EMPTY(<= L) below the tail: claimed first, look again"},
    {"walk", "lap(w) > L: go on"},
    {"walk", "lap(w) < L at the tail: nothing there"},
    {"walk", "lap(w) < L below the tail: WRITING or READY onto the list"},
    {"walk", "lap(w) < L below the tail: READING is passed"},
    {"jump", "a slot of an older lap onto the list"},
    {"jump", "a slot that is EMPTY, or of the last lap: left to the walk"},
    {"walk", "half the lane is READING, at READY(L): ends there"},
    {"walk", "half the lane is READING or listed, at a slot to list: ends there"},
    {"list", "at or beyond the head: off the list"},
    {"list", "READY: taken late"},
    {"list", "READY: overwritten first, stays"},
    {"list", "READING, listed by a restart or a jump: taken up late"},
    {"list", "WRITING of one who lives: stays"},
    {"list", "EMPTY: off the list"},
    {"list", "half the lane is READING: READY stays"},
    {"list", "WRITING of the dead: freed"},
    {"entries", "a live producer's account is settled"},
    {"entries", "a live producer's account has moved: looked at again"},
    {"entries", "proof of death"},
    {"release", "EMPTY of the next lap"},
    {"release", "EMPTY of a later lap: the head is far ahead"},
    {"release", "the head is published"},
    {"release", "freed, and nobody waits"},
    {"release", "freed, and somebody waits"},
    {"free", "a lane whose owner word names the entry"},
    {"free", "a lane that does not name it: left alone"},
    {"free", "the entry of one who left"},
    {"free", "the entry of one who died"},
    {"free", "the entry of one who died before it was attached"},
    {"restart", "READING behind the head: onto the list"},
    {"restart", "WRITING behind the head: onto the list"},
    {"restart", "READY behind the head: onto the list"},
    {"restart", "READING at or ahead of the head: left to the walk"},
    {"log", "an event"},
    {"log", "an event, late"},
    {"log", "a loss"},
    {"log", "a loss by death"},
    {"log", "a loss by overwriting"},
    {"log", "attach"},
    {"log", "detach"},
    {"log", "died"},
    {"log", "accounts"},
    {"remover", "needed after all: opened again"},
    {"remover", "the name is removed"},
    {"attach", "retired since it was opened: leaves its entry"},
    {"attach", "retired by one who was killed: opened again"},
    {"durable", "slept"},
    {"durable", "did not sleep: durable has changed since it looked"},
    {"durable", "was woken"},
    {"durable", "was announced, and not asleep when the collector woke"},
    {"durable", "awaited, and found"},
    {"durable", "of a life that is over: nobody is told"},
    {"clock", "published behind one who was killed as it published"},
    {"clock", "seen: the same even sequence before and behind its words"},
    {"clock", "not seen: the sequence is odd"},
    {"clock", "not seen: the sequence has changed"},
};
static_assert(std::size(texts) == static_cast<std::size_t>(Row::count));

bool is_collector(int role) { return Scheduler::active().roles()[static_cast<std::size_t>(role)].restarts; }

}  // namespace

int Rows::print() {
  int missing = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) ++missing;
    std::printf("%-9s %-66s %14llu%s\n", texts[i].role, texts[i].row, static_cast<unsigned long long>(counts[i]),
                counts[i] == 0 ? "  NEVER" : "");
  }
  return missing;
}

void RowWatch::looked(int role, const Access& access, u64 value) {
  Producer& me = roles_[static_cast<std::size_t>(role)];
  if (access.kind == Kind::wake) {
    if (access.address >= ring_.lanes) return Rows::take(value != 0 ? Row::woken : Row::nobody_asleep);
    return Rows::take(value != 0 ? Row::durable_woken : Row::durable_nobody_asleep);
  }
  if (is_collector(role)) return looked_by_collector(access, value);
  switch (access.at) {
    case At::owner_claim: return Rows::take(Row::entry_lost);
    case At::clock_seen: me.clock = value; return value % 2 != 0 ? Rows::take(Row::clock_odd) : void();
    case At::clock_again: return Rows::take(value == me.clock ? Row::clock_whole : Row::clock_changed);
    case At::tail_hint:
    case At::tail_seen: me.tail = value; return;
    case At::look:
      if (me.second_look) Rows::take(Word::of(value) == me.word ? Row::collector_past : Row::look_again);
      if (!me.second_look) looked_at_position(me, Word::of(value), false);
      me.second_look = false;
      return;
    case At::look_alone: return looked_at_position(me, Word::of(value), true);
    case At::head_seen: return looked_at_head(me, value);
    case At::claim: return Rows::take(Row::claim_lost);
    case At::overwrite: return Rows::take(Row::overwrite_lost);
    case At::tail_help: return Rows::take(Row::help_lost);
    case At::durable_sleep: return Rows::take(value != 0 ? Row::durable_slept : Row::durable_not_slept);
    case At::freed_sleep: me.slept = true; return Rows::take(value != 0 ? Row::slept : Row::not_slept);
    default: return;
  }
}

void RowWatch::looked_at_position(Producer& me, Word word, bool alone) {
  const u64 lap = ring_.lap(me.tail);
  me.word = word, me.alone = alone;
  if (word.state == SlotState::empty && word.lap <= lap) return;  // the claim is counted
  if (word.lap >= lap) Rows::take(alone ? Row::somebody_has_it_alone : Row::somebody_has_it);
}

void RowWatch::looked_at_head(Producer& me, u64 head) {
  me.second_look = head + ring_.geometry.slots > me.tail;
  if (me.second_look) return;
  if (ring_.geometry.on_full != static_cast<u32>(OnFull::overwrite)) {
    Rows::take(me.alone ? Row::full_alone : Row::full);
  } else if (me.word.state != SlotState::ready) {
    Rows::take(me.word.state == SlotState::writing ? Row::over_writing : Row::over_reading);
  }
}

void RowWatch::wrote(int role, const Access& access, u64 before, u64 after) {
  Producer& me = roles_[static_cast<std::size_t>(role)];
  if (is_collector(role)) resolve(access);
  switch (access.at) {
    case At::owner_claim: me = {}; return Rows::take(Row::attach);
    case At::lane_take: return Rows::take(Row::lane_taken);
    case At::claim:
    case At::claim_alone:
      if (me.waiting && me.slept) Rows::take(Row::claimed_after_sleep);
      if (me.waiting && !me.slept) Rows::take(Row::found_between);
      me.waiting = false;
      return Rows::take(access.at == At::claim ? Row::claim : Row::claim_alone);
    case At::overwrite: return Rows::take(Row::overwrite);
    case At::tail_help: return Rows::take(Row::help);
    case At::tail_own: me.tail = after; return;
    case At::publish: {
      const RecordHeader& header = static_cast<const Slot*>(access.address)->header;
      if ((header.flags & flag_aborted) != 0) return Rows::take(Row::gave_up);
      return Rows::take(header.chunk + 1 < header.chunks ? Row::chunk : Row::publish);
    }
    case At::counter: return counted(access);
    case At::finish: me.waiting = false; return;
    case At::waiters_add: me.waiting = true, me.slept = false; return;
    case At::owner_state:
      if (Owner::of(after).state == OwnerState::left) Rows::take(Row::detach);
      return;
    case At::take: return Rows::take(is_ahead(access) ? Row::ready : Row::judged_ready);
    case At::step_over: return Rows::take(Row::stepped_over);
    case At::free_dead: return Rows::take(Row::freed_dead);
    case At::release:
      return Rows::take(Word::of(after).lap == Word::of(before).lap + 1 ? Row::released_next_lap : Row::released_later_lap);
    case At::head_publish: return Rows::take(Row::head);
    case At::clock_begin: return before % 2 != 0 ? Rows::take(Row::clock_begun_at_odd) : void();
    case At::lane_free: return Rows::take(Row::lane_freed);
    case At::entry_zero:
      for (u32 entry = 0; entry < ring_.geometry.producers; ++entry) {
        if (access.address != &ring_.entries[entry].owner) continue;
        const OwnerState state = Owner::of(before).state;
        Rows::take(state == OwnerState::left       ? Row::entry_freed_left
                   : state == OwnerState::attached ? Row::entry_freed_died
                                                   : Row::entry_freed_attaching);
      }
      return;
    default: return;
  }
}

void RowWatch::counted(const Access& access) {
  for (u32 entry = 0; entry < ring_.geometry.producers; ++entry) {
    const auto* counters = ring_.entries[entry].counters;
    if (access.address == &counters[static_cast<std::size_t>(Cause::full)]) Rows::take(Row::refused_full);
    if (access.address == &counters[static_cast<std::size_t>(Cause::timeout)]) Rows::take(Row::refused_timeout);
    if (access.address == &counters[static_cast<std::size_t>(Cause::contended)]) Rows::take(Row::refused_contended);
    if (access.address == &counters[static_cast<std::size_t>(Cause::no_room)]) Rows::take(Row::refused_no_room);
  }
}

void RowWatch::looked_by_collector(const Access& access, u64 value) {
  resolve(access);
  Producer& me = roles_.back();
  if (access.kind == Kind::proof && value != 0) Rows::take(Row::proven_dead);
  if (access.kind == Kind::proof) return;
  switch (access.at) {
    case At::head_resume: phase_ = Phase::look_over; return;
    case At::owner_seen: phase_ = Phase::pass; return;
    case At::tail_seen: {
      if (phase_ == Phase::look_over) return;
      const auto lane =
          static_cast<u32>(static_cast<const std::byte*>(access.address) - reinterpret_cast<const std::byte*>(ring_.lanes)) /
          static_cast<u32>(sizeof(Lane));
      jump_from_ = sight(lane).head;
      phase_ = value > jump_from_ + 2 * u64{ring_.geometry.slots} ? Phase::jump : Phase::pass;
      return;
    }
    case At::observe: return observed(access, value);
    case At::take: return Rows::take(is_ahead(access) ? Row::ready_lost : Row::judged_ready_lost);
    case At::step_over: return Rows::take(Row::step_over_lost);
    case At::waiters_seen: return Rows::take(value != 0 ? Row::waiter : Row::no_waiter);
    case At::lane_free: return Rows::take(Row::lane_not_named);
    case At::account_seen:
      if (me.account_at == access.address) Rows::take(me.account == value ? Row::live_account : Row::account_moved);
      me.account = value, me.account_at = me.account_at == access.address ? nullptr : access.address;
      return;
    case At::refusal_seen: return;
    default: me.account_at = nullptr; return;
  }
}

void RowWatch::observed(const Access& access, u64 value) {
  const auto number = static_cast<u32>((static_cast<const std::byte*>(access.address) - ring_.slots) >> ring_.slot_bytes_log2);
  const u32 lane = number / ring_.geometry.slots;
  if (phase_ == Phase::jump && sight(lane).head != jump_from_) phase_ = Phase::pass;
  seen_ = {access.address, lane, number % ring_.geometry.slots, Word::of(value), sight(lane), phase_};
  pending_ = true;
}

// Whether what is taken stands at the head, and not behind it. The list takes what was observed last; the walk may have looked
// at the list since.
bool RowWatch::is_ahead(const Access& access) const {
  return access.address != seen_.address || ring_.position(seen_.word.lap, seen_.index) >= seen_.sight.head;
}

void RowWatch::resolve_restart(u64 position) {
  const bool behind = position < sight(seen_.lane).head;
  const SlotState state = seen_.word.state;
  if (state == SlotState::reading) Rows::take(behind ? Row::restart_behind_reading : Row::restart_ahead_reading);
  if (state == SlotState::writing && behind) Rows::take(Row::restart_behind_writing);
  if (state == SlotState::ready && behind) Rows::take(Row::restart_behind_ready);
}

// What the collector has made of its last look at a slot, now that it goes on to `next`.
void RowWatch::resolve(const Access& next) {
  if (!pending_) return;
  pending_ = false;
  const u64 head = seen_.sight.head, position = ring_.position(seen_.word.lap, seen_.index);
  const SlotState state = seen_.word.state;
  if (seen_.phase == Phase::look_over) return resolve_restart(position);
  if (next.at == At::take || next.at == At::step_over || next.at == At::free_dead) return;  // counted there
  const LaneSight now = sight(seen_.lane);
  if (seen_.phase == Phase::jump) {
    const bool older = state != SlotState::empty && position < now.head;
    return Rows::take(older ? Row::jump_listed : Row::jump_empty);
  }
  if (next.at == At::copy_out && state == SlotState::reading)
    return Rows::take(position == head ? Row::reading_at_head : Row::judged_reading);
  if (now.head == head + 1 && seen_.index == ring_.index(head)) {
    if (position > head) return Rows::take(Row::lap_higher);
    if (position == head) return Rows::take(Row::writing_listed);
    return Rows::take(state == SlotState::reading ? Row::lap_lower_reading : Row::lap_lower_listed);
  }
  const bool at_head = position == head && seen_.index == ring_.index(head);
  if (now.at_limit && !seen_.sight.at_limit)
    return Rows::take(seen_.index == ring_.index(head) && state != SlotState::ready ? Row::limit_listing : Row::limit_ready);
  if (now.left_ready && !seen_.sight.left_ready) return Rows::take(Row::judged_limit);
  if (at_head && state == SlotState::ready && next.at == At::observe) return;  // the walk looks at the list first
  if (now.at_end && !seen_.sight.at_end) return Rows::take(state == SlotState::empty ? Row::nothing : Row::lap_lower_nothing);
  if (next.at == At::observe && next.address == seen_.address) return;  // a spin
  if (state == SlotState::empty) return Rows::take(Row::judged_empty);
  if (position >= head) return Rows::take(Row::judged_ahead);
  if (state == SlotState::writing) Rows::take(Row::judged_writing);
}

void RowWatch::appended(const log::Line& line) {
  resolve({At{}, Kind::line, nullptr, 0});
  if (const auto* event = std::get_if<log::Event>(&line)) Rows::take(event->late ? Row::line_late : Row::line_event);
  if (const auto* loss = std::get_if<log::Loss>(&line)) {
    Rows::take(Row::line_loss);
    if (loss->causes[log::Cause::died] > 0) Rows::take(Row::line_died_loss);
    if (loss->causes[log::Cause::overwritten] > 0) Rows::take(Row::line_overwritten_loss);
  }
  if (const auto* life = std::get_if<log::LifeLine>(&line))
    Rows::take(life->life == log::Life::attach   ? Row::line_attach
               : life->life == log::Life::detach ? Row::line_detach
                                                 : Row::line_died);
  if (std::holds_alternative<log::Accounts>(line)) Rows::take(Row::line_accounts);
}

}  // namespace explore
