// Prints a frame of `shmring top` as SVG, drawn by the same stages as on a terminal. See make.
//
// usage: top_svg COLUMNS ROWS RING LOOKS      all rings are looked at, a second apart; RING is the one shown in detail
// Invariants: the XML is well-formed, since a frame has only printable ASCII; the colours follow the viewer's light or dark
// scheme.
#include <fmt/format.h>

#include <cstdlib>

#include "lib/os/wakeup.hpp"
#include "tools/shmring/top/draw.hpp"

namespace shmring::tool::top {
namespace {

constexpr std::size_t cell_width = 8, cell_height = 17, edge = 12;

constexpr const char* style = R"(<style>
text { font: 13px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: #1f2328 }
.back { fill: #f6f8fa } .edge { fill: none; stroke: #d0d7de }
.title { fill: #0550ae; font-weight: 600 } .heading { font-weight: 600; text-decoration: underline } .label { fill: #0550ae }
.dim { fill: #6e7781 } .good { fill: #1a7f37 } .warning { fill: #9a6700 } .alarm { fill: #cf222e; font-weight: 600 }
.cursor { fill: #ffffff } .mark { fill: #57606a }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .back { fill: #0d1117 } .edge { stroke: #30363d }
.title { fill: #79c0ff } .label { fill: #79c0ff } .dim { fill: #8b949e } .good { fill: #56d364 } .warning { fill: #e3b341 }
.alarm { fill: #ff7b72 } .cursor { fill: #0d1117 } .mark { fill: #c9d1d9 }
}
</style>
)";

const char* name_of(Ink ink) {
  constexpr const char* names[inks] = {"", "title", "heading", "label", "dim", "good", "warning", "alarm", "cursor"};
  return names[static_cast<std::size_t>(ink)];
}

std::string escaped(char c) { return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c); }

// Prints the characters from `begin` on that have the same ink. Returns the column behind them.
std::size_t print_run(const Frame& frame, std::size_t row, std::size_t begin) {
  const Ink ink = frame.at(row, begin).ink;
  std::size_t end = begin;
  std::string text;
  bool blank = true;
  for (; end < frame.columns() && frame.at(row, end).ink == ink; ++end) {
    text += escaped(frame.at(row, end).text);
    blank = blank && frame.at(row, end).text == ' ';
  }
  const std::size_t x = edge + begin * cell_width, y = edge + row * cell_height, width = (end - begin) * cell_width;
  if (ink == Ink::cursor)
    fmt::print("<rect class=\"mark\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n", x, y, width, cell_height);
  if (!blank)
    fmt::print("<text x=\"{}\" y=\"{}\" textLength=\"{}\" class=\"{}\" xml:space=\"preserve\">{}</text>\n", x, y + 13, width,
               name_of(ink), text);
  return end;
}

void print(const Frame& frame) {
  const std::size_t width = frame.columns() * cell_width + 2 * edge, height = frame.rows() * cell_height + 2 * edge;
  fmt::print("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\">\n",
             width, height);
  fmt::print("<title>shmring top</title>\n{}", style);
  fmt::print("<rect class=\"back\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n", width, height);
  fmt::print("<rect class=\"edge\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n", width - 1, height - 1);
  for (std::size_t row = 0; row < frame.rows(); ++row)
    for (std::size_t column = 0; column < frame.columns();) column = print_run(frame, row, column);
  fmt::print("</svg>\n");
}

}  // namespace
}  // namespace shmring::tool::top

int main(int argc, char** argv) {
  using namespace shmring::tool::top;
  if (argc != 5) return fmt::print(stderr, "usage: top_svg COLUMNS ROWS RING LOOKS\n"), 2;
  const auto number = [](const char* text) { return static_cast<std::size_t>(std::max(std::atoi(text), 1)); };
  View view;
  view.ring = argv[3];
  Model model;
  for (std::size_t look = 0; look < number(argv[4]); ++look) {
    if (look != 0) shmring::os::sleep_for(view.interval_ns);
    Sample sample = take_sample({});
    sample.host = "host";  // the picture is published
    model = next(model, sample);
  }
  print(draw(model, view, number(argv[1]), number(argv[2])));
}
