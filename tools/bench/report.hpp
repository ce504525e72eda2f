// The forms of a report: a text for people, JSON for programs, and a picture.
#pragma once

#include "tools/bench/check.hpp"
#include "tools/bench/figures.hpp"

namespace shmring::bench {

void print_text(const Report& report);
void print_json(const Report& report, const std::vector<Line>& lines);
void print_lines(const std::vector<Line>& lines);

// Returns one SVG with the latency of single calls and the throughput by number of writers, in colours for a light and for a
// dark page.
std::string svg(const Report& report);

}  // namespace shmring::bench
