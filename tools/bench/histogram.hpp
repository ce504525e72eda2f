// A histogram of the times of single calls. The width of its cells grows with the value, so that its memory is fixed and the
// error of a value is at most 1/32 of it.
//
// Invariants:
//   - each value below 64 has a cell of its own. Above, each power of two has 32 cells;
//   - all bytes zero is an empty histogram. It lives in memory that processes share, where no constructor runs;
//   - the least and the largest value are exact.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace shmring::bench {

class Histogram {
 public:
  static constexpr unsigned cells_bits = 5, cells_a_power = 1u << cells_bits, powers = 40;
  static constexpr std::uint64_t largest = (std::uint64_t{1} << powers) - 1;  // larger values count as this one

  void add(std::uint64_t value) {
    value = std::min(value, largest);
    ++counts_[cell_of(value)];
    least_ = count_ == 0 ? value : std::min(least_, value);
    most_ = std::max(most_, value);
    ++count_;
  }
  void add(const Histogram& other) {
    if (other.count_ == 0) return;
    for (std::size_t cell = 0; cell < counts_.size(); ++cell) counts_[cell] += other.counts_[cell];
    least_ = count_ == 0 ? other.least_ : std::min(least_, other.least_);
    most_ = std::max(most_, other.most_);
    count_ += other.count_;
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t least() const { return least_; }
  std::uint64_t most() const { return most_; }
  // Returns the value that the fraction `part` (0 … 1) of all values do not exceed, to the middle of its cell, or 0 if the
  // histogram is empty.
  double at(double part) const {
    if (count_ == 0) return 0;
    const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_))));
    if (wanted >= count_) return static_cast<double>(most_);
    std::uint64_t seen = 0;
    std::size_t cell = 0;
    while ((seen += counts_[cell]) < wanted) ++cell;
    return std::clamp(middle_of(cell), static_cast<double>(least_), static_cast<double>(most_));
  }

  static std::size_t cell_of(std::uint64_t value) {
    const unsigned power = static_cast<unsigned>(std::bit_width(value | cells_a_power)) - 1 - cells_bits;
    return power * cells_a_power + static_cast<std::size_t>(value >> power);
  }
  static double middle_of(std::size_t cell) {
    const std::size_t power = cell < 2 * cells_a_power ? 0 : cell / cells_a_power - 1;
    const std::uint64_t from = static_cast<std::uint64_t>(cell - power * cells_a_power) << power;
    return static_cast<double>(from) + static_cast<double>((std::uint64_t{1} << power) - 1) / 2;
  }

 private:
  std::array<std::uint64_t, (powers - cells_bits + 1) * cells_a_power> counts_{};
  std::uint64_t count_ = 0, least_ = 0, most_ = 0;
};

}  // namespace shmring::bench
