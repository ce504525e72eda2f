// A set of incarnations, kept as ranges. Incarnations are dense, so those that are over form few ranges, whatever their number.
//
// Invariant: ranges are disjoint, in order, and do not touch, so two sets are equal exactly when their ranges are.
#pragma once

#include <cstddef>
#include <map>

#include "lib/log/format/numbers.hpp"

namespace shmring::log {

class Incarnations {
 public:
  // Returns whether the whole range is in the set.
  bool contains(u64 first, u64 last) const;
  bool contains(u64 incarnation) const { return contains(incarnation, incarnation); }
  void add(u64 incarnation);
  // Appends a range behind all others, in the order of a line. Returns false if it is not a range, or is not behind the others,
  // or touches one.
  bool append(u64 first, u64 last);
  void keep_newest(std::size_t ranges);

  const std::map<u64, u64>& ranges() const { return ranges_; }  // first → last
  bool operator==(const Incarnations&) const = default;

 private:
  std::map<u64, u64> ranges_;
};

}  // namespace shmring::log
