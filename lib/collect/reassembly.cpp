// Records of several chunks: see reassembly.hpp.
#include "lib/collect/reassembly.hpp"

#include <algorithm>

namespace shmring::collect {

void Reassembly::begin_pass() { whole_.clear(), releasable_.clear(), done_.clear(), highest_.clear(); }

void Reassembly::add(const ring::RawRecord& taken, const Ledger& ledger) {
  const ring::RecordHeader& record = *taken.header;
  const bool sound = taken.fault == ring::RawRecord::Fault::none;
  const bool aborted = (record.flags & ring::flag_aborted) != 0;
  if (sound && !partials_.empty()) {  // an aborted attempt is over itself
    u64& highest = highest_[taken.incarnation];
    highest = std::max(highest, record.sequence + (aborted ? 1 : 0));
  }
  const bool chunk = sound && record.chunks > 1 && !aborted;
  if (chunk && record.sequence > ledger.through(taken.incarnation)) return add_chunk(taken);
  releasable_.push_back(taken.place);
  if (!chunk) whole_.push_back(taken);
}

void Reassembly::add_chunk(const ring::RawRecord& taken) {
  const auto [it, fresh] = partials_.try_emplace({taken.incarnation, taken.header->sequence});
  Partial& partial = it->second;
  if (fresh) partial.here.resize(taken.header->chunks), partial.missing = taken.header->chunks;
  if (!place_chunk(partial, taken)) {
    whole_.push_back(taken);
    whole_.back().fault = ring::RawRecord::Fault::corrupt;
    whole_.back().not_above = taken.header->sequence;
    releasable_.push_back(taken.place);
    return;
  }
  if (partial.missing > 0) return;
  give_back(partial);
  done_.push_back(partials_.extract(it));
  const Partial& whole = done_.back().mapped();
  whole_.push_back(
      {ring::RawRecord::Fault::none, whole.late, taken.entry, taken.incarnation, whole.first, &whole.header, whole.payload});
}

// Returns false if this chunk contradicts one that is already here.
bool Reassembly::place_chunk(Partial& partial, const ring::RawRecord& taken) {
  const ring::RecordHeader& record = *taken.header;
  if (partial.here.size() != record.chunks || partial.here[record.chunk]) return false;
  const std::size_t at = std::size_t{record.chunk} * room_;
  if (partial.payload.size() < at + record.length) partial.payload.resize(at + record.length);
  std::copy(taken.payload.begin(), taken.payload.end(), partial.payload.begin() + static_cast<std::ptrdiff_t>(at));
  if (record.chunk == 0) partial.header = record, partial.first = taken.place;
  partial.here[record.chunk] = true;
  partial.places.push_back(taken.place);
  partial.late = partial.late || taken.late;
  --partial.missing;
  return true;
}

void Reassembly::drop(const std::vector<ring::Observation>& ripe) {
  if (partials_.empty()) return;
  for (const ring::Observation& observation : ripe) {
    const u64 over = observation.closing ? ~u64{0} : observation.account.last_finished();
    u64& highest = highest_[observation.incarnation];
    highest = std::max(highest, over == ~u64{0} ? over : over + 1);
  }
  for (auto it = partials_.begin(); it != partials_.end();) {
    const auto seen = highest_.find(it->first.first);
    if (seen == highest_.end() || seen->second <= it->first.second) {
      ++it;
      continue;
    }
    give_back(it->second);
    it = partials_.erase(it);
  }
}

// The record that has waited longest has the lowest position.
void Reassembly::make_room(u32 lane) {
  const auto is_here = [&](const ring::HeldSlot& place) { return place.lane == lane; };
  if (std::any_of(releasable_.begin(), releasable_.end(), is_here)) return;
  Partial* oldest = nullptr;
  for (auto& [record, partial] : partials_) {
    if (partial.places.empty() || !is_here(partial.places.front())) continue;
    if (oldest == nullptr || partial.places.front().position < oldest->places.front().position) oldest = &partial;
  }
  if (oldest == nullptr) return;
  give_back(*oldest);
  oldest->places.clear();
}

void Reassembly::give_back(const Partial& partial) {
  releasable_.insert(releasable_.end(), partial.places.begin(), partial.places.end());
}

}  // namespace shmring::collect
