// The figures that libshmring is to reach, and the verdict of a run on each of them.
//
// Invariants:
//   - each round has a ratio of figure to bound, both from that round, and a row is judged by the median of these ratios. One
//     run is never compared with another. A crowd, and a big log, make rounds of their own: of these the medians are
//     compared;
//   - the verdict is never `ok` if a figure was not measured;
//   - a row that depends on the distance between the cores is judged twice: by the rounds with near cores, and by those with
//     far cores. The cores of a round were near, or far, if they were so before and after it;
//   - a line with less than enough_rounds rounds of its distance has not been seen, and is not judged.
#pragma once

#include "tools/bench/figures.hpp"

namespace shmring::bench {

struct Subject {
  const char* transport = nullptr;  // none: there is no such subject
  Job job{};
  bool cheaper = false;  // in each round, take the reader (eager or polite) with which the transport is cheaper
};

// A line that fewer rounds belong to is not judged.
inline constexpr std::size_t enough_rounds = 8;

struct Row {
  const char* what;
  Subject figure;
  bool at_least = false;           // the bound is a minimum; otherwise a maximum
  Subject reference{nullptr, {}};  // without one the bound is `extra`
  double factor = 0, extra = 0;    // bound = max(factor × reference + extra, or_factor × reference)
  double or_factor = 0;
  bool by_distance = true;         // the figure depends on the distance between the cores
  bool needs_cores = false;        // the figure means something only if each process has a processor of its own
  const char* stand_in = nullptr;  // a floor that is judged by the same bound, for the verdict `floor`
  Subject or_reference{};          // with it the reference is the lesser of the two
  Subject or_bound{};              // with it its figure is the bound where it is larger
};
const std::vector<Row>& rows_to_reach();

// `floor` means that neither we nor the row's stand-in, a ring without any guarantee, reached the bound, and that our figure is
// at most 1.3 times the stand-in's plus 20 ns (of a rate: at least the stand-in's over 1.3). Where a record has a time, so has
// the stand-in's: what it takes to read the clock is the machine's.
enum class Verdict : std::uint8_t { ok, failed, unseen, crowded, floor, missing };
const char* verdict_name(Verdict verdict);
// Which rounds a line is of.
enum class Cores : std::uint8_t { any, near, far };

struct Line {
  std::string what;
  Cores cores;
  Unit unit;
  bool at_least;
  double figure = 0, bound = 0;  // medians of the rounds
  double of_bound = 0;           // the median, over the rounds, of figure / bound
  Verdict verdict = Verdict::missing;
  std::string reason{};
};
// Returns "–" for 0, which means that there is no value.
std::string value_text(Unit unit, double value);
// Returns the line of a row that does not depend on distance, or its two lines.
std::vector<Line> judge(const Row& row, const Report& report);
const char* cores_name(Cores cores);
// Returns true if a line's figure missed its bound or was not measured.
bool falls_short(const std::vector<Line>& lines);

}  // namespace shmring::bench
