// What an access does to shared memory, and what it finds there: the scheduler's half behind its point.
#include <algorithm>

#include "tests/explore/explore_memory.hpp"

namespace explore {

namespace {
// The hash of shared memory is the exclusive-or over its words, so that a write changes it in constant time.
u64 hash_of_bytes(u64 offset, const std::byte* bytes, std::size_t count) {
  u64 hash = 0;
  for (std::size_t i = 0; i < count; i += 8) {
    u64 word = 0;
    std::memcpy(&word, bytes + i, std::min<std::size_t>(8, count - i));
    hash ^= mix(offset + i, word);
  }
  return hash;
}
}  // namespace

// Which message of its word: the newest, or an older one at a price.
u16 Scheduler::pick(std::memory_order order, WeakMemory::Use use, u64 expected) {
  const WeakMemory::Candidates from = memory_.candidates(current_, word_, order, use, expected);
  const int chosen = left_.stale > 0 && from.count > 1 ? take(from.count, Turn::message) : 0;
  if (chosen > 0) {
    --left_.stale;
    Role& me = roles_[static_cast<std::size_t>(current_)];
    me.dirty = true, me.spinning = me.settled = false;
    if (trace_) {
      const WeakMemory::Message& newest = memory_.message(word_, from.at[0]);
      Step& step = trace_->back();
      step.stale = true, step.newest = newest.value, step.writer = newest.writer, step.written = newest.step;
    }
  }
  return message_ = from.at[static_cast<std::size_t>(chosen)];
}

u64 Scheduler::read(const Access& access, u64 newest, std::memory_order order, WeakMemory::Use use) {
  u64 value = newest;
  if (weak_) {
    Outside outside;
    word_ = memory_.word(offset(access.address), newest);
    value = memory_.message(word_, pick(order, use, 0)).value;
    memory_.read(current_, word_, message_, order);
  }
  observe(value);
  if (trace_) trace_->back().after = value;
  if (use == WeakMemory::Use::load) world_.looked(current_, access, value);
  return value;
}

u64 Scheduler::read_to_swap(const Access& access, u64 newest, u64 expected, std::memory_order success,
                            std::memory_order failure) {
  u64 value = newest;
  if (weak_) {
    Outside outside;
    word_ = memory_.word(offset(access.address), newest);
    value = memory_.message(word_, pick(success, WeakMemory::Use::cas, expected)).value;
    memory_.read(current_, word_, message_, value == expected ? success : failure);
  }
  observe(value);
  if (value == expected) return value;
  if (trace_) trace_->back().before = trace_->back().after = value, note("fails");
  world_.looked(current_, access, value);
  return value;
}

u64 Scheduler::place(const Access& access, u64 newest, std::memory_order order) {
  if (!weak_) return newest;
  Outside outside;
  word_ = memory_.word(offset(access.address), newest);
  return memory_.message(word_, pick(order, WeakMemory::Use::store, 0)).value;
}

bool Scheduler::write(u64 value, std::memory_order order, bool update) {
  if (!weak_) return true;
  Outside outside;
  return memory_.write(current_, word_, message_, value, order, update, trace_ ? static_cast<int>(trace_->size()) : 0);
}

void Scheduler::effect(const Access& access, u64 before, u64 after, bool newest) {
  if (trace_) trace_->back().before = before, trace_->back().after = after;
  if (before != after) {
    const u64 at = offset(access.address);
    if (newest) memory_hash_ ^= mix(at, before) ^ mix(at, after);
    changed(current_);
  }
  world_.wrote(current_, access, before, after);
}

void Scheduler::check_race(const Access& access, bool writes) {
  if (!weak_) return;
  Outside outside;
  const int other = memory_.copy(current_, offset(access.address), access.bytes, writes);
  if (other == WeakMemory::no_race) return;
  if (other == WeakMemory::overlap) fail("two copies begin apart and overlap: the explorer cannot tell their bytes apart");
  note("race");
  const std::string me = roles_[static_cast<std::size_t>(current_)].name, it = roles_[static_cast<std::size_t>(other)].name;
  fail("a data race: " + me + (writes ? " writes" : " reads") + " bytes, and nothing orders that behind what " + it +
       " did there");
}

void Scheduler::copied_in(const Access& access, const void* from) {
  auto* to = static_cast<std::byte*>(const_cast<void*>(access.address));
  const u64 at = offset(to) + 1;  // so that bytes and a word at one place are told apart
  check_race(access, true);
  memory_hash_ ^= hash_of_bytes(at, to, access.bytes);
  std::memcpy(to, from, access.bytes);
  memory_hash_ ^= hash_of_bytes(at, to, access.bytes);
  changed(current_);
  world_.wrote(current_, access, 0, 0);
}

void Scheduler::copy_out(const Access& access, void* to) {
  if (!world_.on_trial(access)) check_race(access, false);
  std::memcpy(to, access.address, access.bytes);
  observe(hash_of_bytes(0, static_cast<const std::byte*>(to), access.bytes));
  world_.looked(current_, access, 0);
}

void ExploreMemory::copy(At at, void* to, const void* from, std::size_t bytes) {
  Scheduler& s = Scheduler::active();
  if (s.is_shared(to)) {
    const Access access{at, Kind::copy_in, to, static_cast<u32>(bytes)};
    s.point(access);
    return s.copied_in(access, from);
  }
  const Access access{at, Kind::copy_out, from, static_cast<u32>(bytes)};
  s.point(access);
  s.copy_out(access, to);
}

}  // namespace explore
