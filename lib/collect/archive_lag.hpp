// Since when the log has had a line that its archive does not have.
//
// Invariants:
//   - what is said is no later than the truth, but for lines that are older than this object. It is earlier by at most the time
//     between two looks that are kept;
//   - at most `most` looks are kept. When there are more, those go that are near others.
// Values in, values out.
#pragma once

#include <deque>
#include <utility>

#include "lib/ring/layout.hpp"

namespace shmring::collect {

using ring::u64;

class ArchiveLag {
 public:
  static constexpr std::size_t most = 1024;

  // Called about once a second: the log has the lines below `written`, and the archive those below `archived`. Returns since
  // when there is one that it lacks (monotonic, never 0), or 0: there is none.
  u64 look(u64 written, u64 archived, u64 now_ns) {
    looks_.emplace_back(written, now_ns);
    while (looks_.size() > 1 && looks_[1].first <= archived) looks_.pop_front();
    if (looks_.size() > most) thin_out();
    return archived >= written ? 0 : looks_.front().second;
  }

 private:
  // Those stay that are so far apart that half as many have place. They are alike apart everywhere.
  void thin_out() {
    const u64 apart_ns = (looks_.back().second - looks_.front().second) / (most / 2);
    std::deque<std::pair<u64, u64>> out{looks_.front()};
    for (const auto& look : looks_)
      if (look.second > out.back().second + apart_ns) out.push_back(look);
    looks_ = std::move(out);
  }

  // Each with the lines that were written, and when. At the first one the archive had all, if it ever had.
  std::deque<std::pair<u64, u64>> looks_;
};

}  // namespace shmring::collect
