// How much came when: see timeline.hpp.
#include "tools/shmring/report/timeline.hpp"

#include <algorithm>

namespace shmring::tool {
namespace {

// Rounds down, also below zero.
log::i64 divided(log::i64 value, log::i64 by) { return value / by - (value % by < 0); }

}  // namespace

void Timeline::add(log::i64 second, log::u64 logged, log::u64 lost) {
  if (second == recent_ && recent_place_ < bars_.size()) {
    bars_[recent_place_].logged += logged, bars_[recent_place_].lost += lost;
    return;
  }
  if (bars_.empty()) first_ = divided(second, width_), bars_.resize(1);
  log::i64 at = divided(second, width_);
  const auto span = [&] {
    const auto last = first_ + static_cast<log::i64>(bars_.size()) - 1;
    return static_cast<std::size_t>(std::max(last, at) - std::min(first_, at) + 1);
  };
  for (; span() > most_bars; at = divided(second, width_)) widen();
  if (at < first_) {
    bars_.insert(bars_.begin(), static_cast<std::size_t>(first_ - at), Bar{});
    first_ = at;
  }
  const auto place = static_cast<std::size_t>(at - first_);
  if (place >= bars_.size()) bars_.resize(place + 1);
  bars_[place].logged += logged, bars_[place].lost += lost;
  recent_ = second, recent_place_ = place;
}

void Timeline::widen() {
  const log::i64 first = divided(first_, 2), last = divided(first_ + static_cast<log::i64>(bars_.size()) - 1, 2);
  std::vector<Bar> wider(static_cast<std::size_t>(last - first + 1));
  for (std::size_t i = 0; i < bars_.size(); ++i) {
    Bar& to = wider[static_cast<std::size_t>(divided(first_ + static_cast<log::i64>(i), 2) - first)];
    to.logged += bars_[i].logged, to.lost += bars_[i].lost;
  }
  bars_ = std::move(wider), first_ = first, width_ *= 2;
}

}  // namespace shmring::tool
