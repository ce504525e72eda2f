// shmring top: a frame is a rectangle of characters, each with its ink. It needs no terminal.
//
// Invariants:
//   - a frame has exactly the size that it was made with: what does not fit is left out, and no write goes beyond it;
//   - each character is a printable one of ASCII, whatever was written, so that nothing of a segment reaches a terminal raw.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/ring/layout.hpp"

namespace shmring::tool::top {

// What a text means, which decides how it looks.
enum class Ink : ring::u8 { normal, title, heading, label, dim, good, warning, alarm, cursor };
inline constexpr std::size_t inks = 9;

struct Piece {
  std::string text;
  Ink ink = Ink::normal;
};
using Line = std::vector<Piece>;

struct Cell {
  char text = ' ';
  Ink ink = Ink::normal;
};

class Frame {
 public:
  Frame(std::size_t columns, std::size_t rows) : columns_(columns), rows_(rows), cells_(columns * rows) {}

  std::size_t columns() const { return columns_; }
  std::size_t rows() const { return rows_; }
  const Cell& at(std::size_t row, std::size_t column) const { return cells_[row * columns_ + column]; }

  void put(std::size_t row, const Line& line);
  // The whole row has this ink.
  void paint(std::size_t row, Ink ink);
  // Without the spaces at its end.
  std::string text(std::size_t row) const;

  std::size_t page = 0;  // how many producers it shows

 private:
  std::size_t columns_, rows_;
  std::vector<Cell> cells_;
};

// ------------------------------------------------------------------------------------------------------ parts of lines

// Breaks the text at spaces, and a word that is longer than that anywhere; at most `most` lines, the last of which then ends
// with "...".
std::vector<std::string> wrapped(std::string_view text, std::size_t columns, std::size_t most);

// A text that is too long ends with '~'.
std::string fitted(std::string_view text, std::size_t columns);

struct Column {
  const char* title;
  std::size_t width;    // of the first column: the least
  bool right = false;   // aligned to the right
  unsigned wanted = 0;  // the columns with the highest number are left out first, until the rest fits
  bool grows = false;   // it takes what room the first column leaves; `width` is the least
};

// Returns the heading, and a line for each row. The first column takes the room that is left, as far as its texts are long.
std::vector<Line> table_lines(const std::vector<Column>& columns, const std::vector<Line>& rows, std::size_t width);

}  // namespace shmring::tool::top
