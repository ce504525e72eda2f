// shmring top: the parts of a frame, each as lines, which draw.cpp puts together.
#pragma once

#include "tools/shmring/top/frame.hpp"
#include "tools/shmring/top/view.hpp"

namespace shmring::tool::top {

using Lines = std::vector<Line>;

Line title_line(const Model& model, const View& view, std::size_t columns);
// The heading, and a line for each ring.
Lines ring_lines(const Model& model, const View& view, std::size_t columns);
// Alarms by their codes, then what else is wrong, with remedies if the view wants more.
Lines trouble_lines(const Model& model, const View& view, std::size_t columns);
// What the ring is, its collector, its log, its records: each in at most so many rows.
Lines detail_lines(const Ring& ring, const View& view, std::size_t columns, std::size_t most_rows);
// Strips of the lanes, several in a row; at most so many rows, in which the fullest lanes are then.
Lines lane_lines(const Ring& ring, const View& view, std::size_t columns, std::size_t most_rows);
// The heading, and a line for each producer in the order of the view.
Lines producer_lines(const Ring& ring, const View& view, std::size_t columns);
// All of the producer under the cursor; no line if there is none.
Lines cursor_lines(const Ring& ring, const View& view, std::size_t columns);
Line hint_line(const View& view);
Lines help_lines(std::size_t columns);

}  // namespace shmring::tool::top
