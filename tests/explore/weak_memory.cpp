// Views, messages, and what may be chosen.
#include "tests/explore/weak_memory.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace explore {

namespace {
bool acquires(std::memory_order order) { return order != std::memory_order_relaxed && order != std::memory_order_release; }
bool releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
constexpr std::size_t index_of(int number) { return static_cast<std::size_t>(number); }

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "explore: %s\n", what);
  std::exit(7);
}
}  // namespace

void WeakMemory::reset() {
  for (Location& it : locations_) it.messages.clear(), it.last = it.strong = it.woken = 0;
  for (Plain& it : plains_) it.writer = -1;
  views_ = {};
}

int WeakMemory::add_location(bool plain) {
  if (locations_.size() == most_locations) give_up("more words than the weak memory has room for");
  locations_.emplace_back().plain = plain;
  return static_cast<int>(locations_.size()) - 1;
}

int WeakMemory::word(u64 offset, u64 newest) {
  std::int16_t& number = word_at_[offset / 4];
  if (number < 0) number = static_cast<std::int16_t>(add_location(false));
  Location& it = locations_[index_of(number)];
  if (it.messages.empty()) it.messages.emplace_back().value = newest;
  return number;
}

const WeakMemory::Message& WeakMemory::message(int word, u16 index) const { return locations_[index_of(word)].messages[index]; }

WeakMemory::Candidates WeakMemory::candidates(int role, int word, std::memory_order order, Use use, u64 expected) const {
  const Location& it = locations_[index_of(word)];
  int first = views_[index_of(role)].at[index_of(word)];
  if (order == std::memory_order_seq_cst) first = std::max<int>(first, it.strong);
  if (use == Use::sleep) first = std::max<int>(first, it.woken);
  Candidates out;
  for (int i = it.last; i >= first && out.count < static_cast<int>(most_candidates); --i) {
    const bool writes = use == Use::store || use == Use::add || (use == Use::cas && it.messages[index_of(i)].value == expected);
    if (writes && i < it.last && it.messages[index_of(i + 1)].update) continue;
    out.at[index_of(out.count++)] = static_cast<u16>(i);
  }
  return out;
}

void WeakMemory::join(View& into, const View& from) const {
  for (std::size_t i = 0; i < locations_.size(); ++i) into.at[i] = std::max(into.at[i], from.at[i]);
}

void WeakMemory::read(int role, int word, u16 index, std::memory_order order) {
  View& mine = views_[index_of(role)];
  mine.at[index_of(word)] = std::max(mine.at[index_of(word)], index);
  if (acquires(order)) join(mine, message(word, index).view);
}

// A message is to be inserted with index `from`.
void WeakMemory::make_room(int word, u16 from) {
  auto move = [&](u16& index) { index = static_cast<u16>(index + (index >= from ? 1 : 0)); };
  for (View& view : views_) move(view.at[index_of(word)]);
  for (Location& it : locations_)
    for (Message& message : it.messages) move(message.view.at[index_of(word)]);
  move(locations_[index_of(word)].strong), move(locations_[index_of(word)].woken);
}

bool WeakMemory::write(int role, int word, u16 index, u64 value, std::memory_order order, bool update, int step) {
  Location& it = locations_[index_of(word)];
  if (it.last == 0xfffe) give_up("more stores to one word than the weak memory can number");
  const bool newest = index == it.last;
  if (!newest) make_room(word, static_cast<u16>(index + 1));
  Message message;
  if (update) message.view = it.messages[index].view;
  View& mine = views_[index_of(role)];
  mine.at[index_of(word)] = static_cast<u16>(index + 1);
  if (releases(order)) join(message.view, mine);
  message.value = value, message.update = update, message.writer = role, message.step = step;
  it.messages.insert(it.messages.begin() + index + 1, message);
  ++it.last;
  if (order == std::memory_order_seq_cst) it.strong = std::max(it.strong, static_cast<u16>(index + 1));
  return newest;
}

void WeakMemory::waking(int role, int word) {
  Location& it = locations_[index_of(word)];
  it.woken = std::max(it.woken, views_[index_of(role)].at[index_of(word)]);
}

bool WeakMemory::knows(int role, int location) const {
  return views_[index_of(role)].at[index_of(location)] == locations_[index_of(location)].last;
}

// Bytes are told apart by where they begin: a copy must not reach into those of another.
WeakMemory::Plain* WeakMemory::plain(u64 offset, u32 bytes) {
  std::int16_t& number = plain_at_[offset / 4];
  if (number < 0) {
    number = static_cast<std::int16_t>(plains_.size());
    plains_.emplace_back().offset = offset;
    plains_.back().written = add_location(true);
  }
  for (u64 at = offset / 4; at < (offset + bytes + 3) / 4; ++at) {
    if (plain_at_[at] < 0) plain_at_[at] = number;
    if (plain_at_[at] != number) return nullptr;
  }
  Plain* it = &plains_[index_of(number)];
  return it->offset == offset ? it : nullptr;
}

int WeakMemory::copy(int role, u64 offset, u32 bytes, bool writes) {
  Plain* it = plain(offset, bytes);
  if (it == nullptr) return overlap;
  if (!knows(role, it->written)) return it->writer;
  for (std::size_t other = 0; writes && other < most_roles; ++other)
    if (it->read[other] != 0 && !knows(role, it->read[other])) return static_cast<int>(other);
  int& reads = it->read[index_of(role)];
  if (!writes && reads == 0) reads = add_location(true);
  const int location = writes ? it->written : reads;
  views_[index_of(role)].at[index_of(location)] = ++locations_[index_of(location)].last;
  if (writes) it->writer = role;
  return no_race;
}

// Only where somebody who lives may still learn something, and that from the oldest that any of them can read on.
u64 WeakMemory::hash_of(const View& view, const View& floor, const std::vector<u16>& open) const {
  u64 hash = 0;
  for (u16 number : open) {
    const u16 at = view.at[number];
    if (locations_[number].plain ? at == locations_[number].last : at > floor.at[number])
      hash += mix(number, locations_[number].plain ? 1 : at - floor.at[number]);
  }
  return hash;
}

u64 WeakMemory::digest(u32 living, u32 dead, bool stale) const {
  View floor;
  floor.at.fill(0xffff);
  for (std::size_t role = 0; role < most_roles; ++role) {
    if ((living >> role & 1) == 0) continue;
    for (std::size_t i = 0; i < locations_.size(); ++i) floor.at[i] = std::min(floor.at[i], views_[role].at[i]);
  }
  open_.clear();
  for (std::size_t i = 1; i < locations_.size(); ++i) {
    if (locations_[i].last > floor.at[i] && (stale || locations_[i].plain)) open_.push_back(static_cast<u16>(i));
  }
  u64 hash = 0;
  for (std::size_t i = 1; i < locations_.size(); ++i) {
    const Location& it = locations_[i];
    if (it.messages.empty() || living == 0) continue;
    u64 messages = 0;
    for (std::size_t at = stale ? floor.at[i] : it.last; at <= it.last; ++at) {
      const Message& message = it.messages[at];
      messages = mix(messages, hash_of(message.view, floor, open_));
      if (stale) messages = mix(mix(messages, message.value), u64{message.update && at > floor.at[i]});
    }
    if (stale) messages = mix(messages, u64{it.strong > floor.at[i]} * (it.strong - floor.at[i]));
    if (stale) messages = mix(messages, u64{it.woken > floor.at[i]} * (it.woken - floor.at[i]));
    hash += mix(i, messages);
  }
  for (std::size_t role = 0; role < most_roles; ++role)
    if (((living | dead) >> role & 1) != 0) hash += mix(~role, hash_of(views_[role], floor, open_));
  return mix(hash, stale);
}

}  // namespace explore
