// A report for people, one for machines, and a picture.
#pragma once

#include "tools/bench/check.hpp"
#include "tools/bench/figures.hpp"

namespace shmring::bench {

void print_text(const Report& report);
void print_json(const Report& report, const std::vector<Line>& lines);  // one document
void print_lines(const std::vector<Line>& lines);

// Latency curves, and throughput by producers: one SVG, for light and dark.
std::string svg(const Report& report);

}  // namespace shmring::bench
