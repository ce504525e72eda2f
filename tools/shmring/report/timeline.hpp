// How much came when, as a bounded number of bars: for the picture of a log of any length.
//
// Invariants:
//   - there are at most `most_bars`, whatever the times are. If a time does not fit, each bar comes to be twice as wide;
//   - the sums of all bars are those of all that was added;
//   - a bar begins at a multiple of its width since 1970, so that two bars become one without a remainder.
// Values in, values out.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/log/format/time.hpp"

namespace shmring::tool {

class Timeline {
 public:
  static constexpr std::size_t most_bars = 256;
  struct Bar {
    log::u64 logged = 0, lost = 0;
    bool operator==(const Bar&) const = default;
  };

  // Adds to the bar of this second since 1970, which may be before all others.
  void add(log::i64 second, log::u64 logged, log::u64 lost);

  log::i64 width_s() const { return width_; }
  log::i64 begin_s() const { return first_ * width_; }  // if there is a bar
  log::i64 end_s() const { return begin_s() + static_cast<log::i64>(bars_.size()) * width_; }
  const std::vector<Bar>& bars() const { return bars_; }

 private:
  void widen();

  log::i64 width_ = 1;
  log::i64 first_ = 0;  // the first bar begins at this multiple of the width
  std::vector<Bar> bars_;
  log::i64 recent_ = 0;  // the second that was added to last, and its bar: a second has many lines
  std::size_t recent_place_ = 0;
};

}  // namespace shmring::tool
