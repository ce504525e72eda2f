// How far the producers' accounts are to be told to have come, once the log has come so far.
//
// Each advance waits for the end of its batch to be durable, or to be in the archive, which may be away for hours.
//
// Invariants:
//   - an advance is told when the log has come to its end, or later, and never before;
//   - of the advances of one entry that wait for the same end only the last one stays, once there are many. If it is of another
//     life, the one before is over, and nobody waits for it;
//   - at most `most_awaited` wait. When there are more, all ends within one step become one, the last of them, and the steps
//     are alike everywhere. So what is told late is late by a constant share of what waits, however long the archive is away,
//     and nobody waits for ever for an archive that stays behind.
// Values in, values out.
#pragma once

#include <deque>
#include <unordered_map>
#include <utility>

#include "lib/collect/ledger.hpp"

namespace shmring::collect {

// 5 MiB. That is 16 for each of the most producers that a ring can have.
inline constexpr std::size_t most_awaited = std::size_t{1} << 17;

class Awaited {
 public:
  // Ends come in their order.
  void add(u64 end, const Advance& advance) {
    waiting_.emplace_back(end, advance);
    if (waiting_.size() <= most_awaited) return;
    const u64 range = end - waiting_.front().first;
    for (u64 step = range / most_awaited + 1; waiting_.size() > most_awaited / 2; step *= 2) put_together(step);
  }
  // The log has come so far.
  template <class Tell>
  void tell(u64 index, Tell tell) {
    for (; !waiting_.empty() && waiting_.front().first <= index; waiting_.pop_front()) tell(waiting_.front().second);
  }
  std::size_t size() const { return waiting_.size(); }

 private:
  void put_together(u64 step) {
    std::deque<std::pair<u64, Advance>> out;
    std::unordered_map<u32, u64> newest;  // of an entry, the end for which it waits last
    u64 end = waiting_.back().first;
    for (; !waiting_.empty(); waiting_.pop_back()) {
      const auto& [its_end, advance] = waiting_.back();
      if (its_end / step != end / step) end = its_end;
      const auto [found, is_new] = newest.try_emplace(advance.entry, end);
      if (is_new || std::exchange(found->second, end) != end) out.emplace_front(end, advance);
    }
    waiting_ = std::move(out);
  }

  std::deque<std::pair<u64, Advance>> waiting_;  // each with the index that the log has to reach
};

}  // namespace shmring::collect
