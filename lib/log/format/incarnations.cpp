// Ranges of incarnations: see incarnations.hpp.
#include "lib/log/format/incarnations.hpp"

#include <iterator>

namespace shmring::log {

bool Incarnations::contains(u64 first, u64 last) const {
  const auto after = ranges_.upper_bound(first);
  return after != ranges_.begin() && std::prev(after)->second >= last;
}

void Incarnations::add(u64 incarnation) {
  if (contains(incarnation)) return;
  auto after = ranges_.upper_bound(incarnation);
  u64 last = incarnation;
  if (after != ranges_.end() && after->first == incarnation + 1) last = after->second, after = ranges_.erase(after);
  if (after != ranges_.begin() && std::prev(after)->second + 1 == incarnation) {
    std::prev(after)->second = last;
  } else {
    ranges_.emplace_hint(after, incarnation, last);
  }
}

bool Incarnations::append(u64 first, u64 last) {
  const bool behind = ranges_.empty() || (std::prev(ranges_.end())->second < first - 1);
  if (first == 0 || last < first || !behind) return false;
  ranges_.emplace_hint(ranges_.end(), first, last);
  return true;
}

void Incarnations::keep_newest(std::size_t ranges) {
  while (ranges_.size() > ranges) ranges_.erase(ranges_.begin());
}

}  // namespace shmring::log
