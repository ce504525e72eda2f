// Characters and their ink: see frame.hpp.
#include "tools/shmring/top/frame.hpp"

#include <algorithm>

namespace shmring::tool::top {

void Frame::put(std::size_t row, const Line& line) {
  if (row >= rows_) return;
  std::size_t column = 0;
  for (const Piece& piece : line) {
    for (const char c : piece.text) {
      if (column == columns_) return;
      cells_[row * columns_ + column++] = {c >= ' ' && c <= '~' ? c : '?', piece.ink};
    }
  }
}

void Frame::paint(std::size_t row, Ink ink) {
  if (row >= rows_) return;
  for (std::size_t column = 0; column < columns_; ++column) cells_[row * columns_ + column].ink = ink;
}

std::string Frame::text(std::size_t row) const {
  std::string out;
  for (std::size_t column = 0; column < columns_; ++column) out += at(row, column).text;
  return out.substr(0, out.find_last_not_of(' ') + 1);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns, std::size_t most) {
  columns = std::max<std::size_t>(columns, 4);
  std::vector<std::string> out;
  while (!text.empty() && out.size() < most) {
    std::size_t end = text.size();
    if (end > columns) {
      end = text.rfind(' ', columns);
      if (end == text.npos || end == 0) end = columns;
    }
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + (end < text.size() && text[end] == ' '), text.size()));
  }
  if (!text.empty() && !out.empty()) out.back() = out.back().substr(0, columns - 3) + "...";
  return out;
}

std::string fitted(std::string_view text, std::size_t columns) {
  if (text.size() <= columns) return std::string(text);
  return columns == 0 ? "" : std::string(text.substr(0, columns - 1)) + "~";
}

std::vector<Line> table_lines(const std::vector<Column>& columns, const std::vector<Line>& rows, std::size_t width) {
  std::vector<bool> shown(columns.size(), true);
  const auto total = [&] {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < columns.size(); ++i) sum += shown[i] ? columns[i].width + (i != 0) : 0;
    return sum;
  };
  while (total() > width) {
    std::size_t least = 0;
    for (std::size_t i = 1; i < columns.size(); ++i)
      if (shown[i] && (least == 0 || columns[i].wanted >= columns[least].wanted)) least = i;
    if (least == 0) break;
    shown[least] = false;
  }
  std::size_t first = columns[0].width;
  for (const Line& row : rows) first = std::max(first, row[0].text.size());
  const std::size_t room = width - std::min(width, total()) + columns[0].width;
  first = std::min(first, room);
  const std::size_t more = room - first;
  const auto line = [&](const auto& cell) {
    Line out;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!shown[i]) continue;
      const std::size_t wide = i == 0 ? first : columns[i].width + (columns[i].grows ? more : 0);
      Piece piece = cell(i);
      piece.text = fitted(piece.text, wide);
      piece.text.insert(columns[i].right ? 0 : piece.text.size(), wide - piece.text.size(), ' ');
      if (i != 0) out.push_back({" ", piece.ink});
      out.push_back(std::move(piece));
    }
    return out;
  };
  std::vector<Line> out{line([&](std::size_t i) { return Piece{columns[i].title, Ink::heading}; })};
  for (const Line& row : rows) out.push_back(line([&](std::size_t i) { return row[i]; }));
  return out;
}

}  // namespace shmring::tool::top
