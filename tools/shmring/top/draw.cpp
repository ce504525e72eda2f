// Puts the parts of a frame together: see draw.hpp.
#include "tools/shmring/top/draw.hpp"

#include <algorithm>

#include "tools/shmring/top/parts.hpp"

namespace shmring::tool::top {
namespace {

constexpr std::size_t rows_for_hints = 10, rows_for_lanes = 14, rows_for_details = 18, rows_for_whole_details = 30;

// Returns the first of `shown` lines of a list of `all`, so that `cursor` is among them, in the middle if possible.
std::size_t first_shown(std::size_t all, std::size_t shown, std::size_t cursor) {
  if (all <= shown) return 0;
  return std::min(cursor - std::min(cursor, shown / 2), all - shown);
}

// Writes the heading and the part of the list that has room. Returns how many rows of the list there are.
std::size_t put_list(Frame& frame, std::size_t& row, const Lines& lines, std::size_t most, std::size_t cursor, bool marked) {
  if (lines.empty() || most < std::min<std::size_t>(lines.size(), 2)) return 0;  // not a heading alone
  frame.put(row, lines[0]);
  if (lines.size() > 1) frame.paint(row, Ink::heading);
  ++row;
  const std::size_t all = lines.size() - 1, shown = std::min(all, most - 1), first = first_shown(all, shown, cursor);
  for (std::size_t i = first; i < first + shown; ++i, ++row) {
    Line line = lines[i + 1];
    if (marked && i == cursor) line[0].ink = Ink::cursor;
    frame.put(row, line);
  }
  return shown;
}

void put_lines(Frame& frame, std::size_t& row, const Lines& lines, std::size_t most) {
  for (std::size_t i = 0; i < std::min(lines.size(), most); ++i) frame.put(row++, lines[i]);
}

// As `most` lines, the last of which says how many are left out; of one line there is no more room for that.
Lines cut(Lines lines, std::size_t most) {
  if (lines.size() <= most || most < 2) return lines;
  const std::size_t more = lines.size() - most + 1;
  lines.resize(most);
  lines.back() = {{"... and " + std::to_string(more) + " more lines", Ink::warning}};
  return lines;
}

Frame draw_help(std::size_t columns, std::size_t rows) {
  Frame frame(columns, rows);
  std::size_t row = 0;
  put_lines(frame, row, help_lines(columns), rows);
  frame.paint(0, Ink::title);
  return frame;
}

}  // namespace

Frame draw(const Model& model, const View& view, std::size_t columns, std::size_t rows) {
  if (columns == 0 || rows == 0) return {columns, rows};
  if (view.help) return draw_help(columns, rows);
  Frame frame(columns, rows);
  std::size_t row = 0;
  frame.put(row, title_line(model, view, columns));
  frame.paint(row++, Ink::title);
  const bool hints = rows >= rows_for_hints;
  const std::size_t ring = model.rings.empty() ? 0 : ring_under(model, view);
  const Lines producers = model.rings.empty() ? Lines{} : producer_lines(model.rings[ring], view, columns);
  // A third of the rows is kept for producers where there is room for more than troubles.
  const std::size_t kept = rows >= rows_for_lanes ? std::min(producers.size(), rows / 3) : 0;
  std::size_t left = rows - 1 - hints - kept;
  const auto take = [&](std::size_t wanted) {
    const std::size_t taken = std::min(wanted, left);
    left -= taken;
    return taken;
  };
  const Lines rings = ring_lines(model, view, columns);
  put_list(frame, row, rings, take(std::min(rings.size(), 1 + std::max<std::size_t>(rows / 4, 1))), ring, rings.size() > 2);
  const Lines trouble = trouble_lines(model, view, columns);
  std::size_t most = std::max<std::size_t>(rows / (view.more ? 3 : 6), 1);
  if (kept == 0 && left < most + 2) most = left;  // producers would have no room anyway
  const std::size_t troubles = take(std::min(trouble.size(), most));
  put_lines(frame, row, cut(trouble, troubles), troubles);
  if (!model.rings.empty()) {
    const Ring& shown = model.rings[ring];
    const bool whole = rows >= rows_for_whole_details;
    const Lines detail = rows >= rows_for_details ? detail_lines(shown, view, columns, whole ? 3 : 1) : Lines{};
    put_lines(frame, row, detail, take(detail.size()));
    const Lines lanes = rows >= rows_for_lanes ? lane_lines(shown, view, columns, std::max<std::size_t>(rows / 6, 1)) : Lines{};
    put_lines(frame, row, lanes, take(lanes.size()));
    const Lines cursor = whole ? cursor_lines(shown, view, columns) : Lines{};
    const std::size_t below = take(cursor.size());
    const std::vector<const Producer*> list = listed(shown, view.order);
    frame.page = put_list(frame, row, producers, left + kept, line_under(list, view), !list.empty());
    row = rows - hints - below;
    put_lines(frame, row, cursor, below);
  }
  if (hints) frame.put(rows - 1, hint_line(view));
  return frame;
}

Frame draw_whole(const Model& model, View view, std::size_t columns) {
  view.scaled = false, view.more = true;
  Lines lines{title_line(model, view, columns)};
  const auto add = [&](const Lines& part) {
    lines.insert(lines.end(), part.begin(), part.end());
    if (!part.empty()) lines.emplace_back();
  };
  add(ring_lines(model, view, columns));
  add(trouble_lines(model, view, columns));
  view.more = false;
  for (const Ring& ring : model.rings) {
    add(detail_lines(ring, view, columns, 3));
    if (!ring.was_read) continue;
    add(lane_lines(ring, view, columns, ring.lanes.size()));
    add(producer_lines(ring, view, columns));
  }
  while (lines.back().empty()) lines.pop_back();
  Frame frame(columns, lines.size());
  for (std::size_t row = 0; row < lines.size(); ++row) frame.put(row, lines[row]);
  return frame;
}

}  // namespace shmring::tool::top
