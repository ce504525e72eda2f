// Figures to reach: a table of rows, and what a run says of each.
//
// Invariants:
//   - a row is judged by the median, over the rounds, of the ratio of figure to bound, each from the same round. One run is
//     never compared with another;
//   - a row whose figures were not measured never reads ok;
//   - for a row that depends on distance, rounds before or after which the cores were far apart are not judged, if the cores
//     were mostly near in that run. The number of these rounds is reported.
#pragma once

#include "tools/bench/figures.hpp"

namespace shmring::bench {

struct Subject {
  const char* transport;
  Job job;
  bool cheaper = false;  // of both kinds of reader
};

struct Row {
  const char* what;
  Subject figure;
  bool at_least = false;           // else at most
  Subject reference{nullptr, {}};  // none: the bound is `extra`
  double factor = 0, extra = 0;    // bound = factor × reference + extra
  double or_factor = 0;            // or this × reference, where that is more
  bool by_distance = true;         // cores far apart decide it
  bool needs_cores = false;        // says something only where each process has a processor
  const char* stand_in = nullptr;  // a bare floor that is judged beside it: where it does not hold, it is the reason
};
const std::vector<Row>& rows_to_reach();

// floor: the bound was not reached, but neither was it by the contender without any guarantee: our figure is at most 1.3 times
// that one's plus 20 ns.
enum class Verdict : std::uint8_t { ok, failed, far, crowded, floor, missing };
const char* verdict_name(Verdict verdict);

struct Line {
  std::string what;
  Unit unit;
  bool at_least;
  double figure = 0, bound = 0;  // medians
  double of_bound = 0;           // how many times the bound the figure is, by the rounds
  Verdict verdict = Verdict::missing;
  std::string reason{};
};
std::string value_text(Unit unit, double value);  // of a line; "–" where there is none
Line judge(const Row& row, const Report& report);
// Returns whether a run with such lines is a negative finding.
bool falls_short(const std::vector<Line>& lines);

}  // namespace shmring::bench
