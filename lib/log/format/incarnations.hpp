// A set of incarnations, as ranges: they are dense, so that those which are over are few ranges, whatever their number.
//
// Invariant: ranges are disjoint, in order, and do not touch: two sets are equal when their ranges are.
#pragma once

#include <cstddef>
#include <map>

#include "lib/log/format/numbers.hpp"

namespace shmring::log {

class Incarnations {
 public:
  // Whether the whole of a range is in it.
  bool contains(u64 first, u64 last) const;
  bool contains(u64 incarnation) const { return contains(incarnation, incarnation); }
  void add(u64 incarnation);
  // A range behind all that is there, as they stand in a line. False: it is none, or is not behind, or touches.
  bool append(u64 first, u64 last);
  void keep_newest(std::size_t ranges);

  const std::map<u64, u64>& ranges() const { return ranges_; }  // first → last
  bool operator==(const Incarnations&) const = default;

 private:
  std::map<u64, u64> ranges_;
};

}  // namespace shmring::log
