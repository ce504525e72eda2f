// The picture: how long single calls take, how many records arrive for each number of writers, and, if several sizes were
// measured, what a write costs by its size, drained live and not drained. See report.hpp.
//
// Invariants:
//   - the XML is well-formed, whatever the name of the machine is;
//   - the axes of values are logarithmic, and each curve is inside its panel;
//   - the colours follow the viewer's light or dark scheme.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "tools/bench/board.hpp"
#include "tools/bench/report.hpp"

namespace shmring::bench {
namespace {

using Points = std::vector<std::pair<double, double>>;
struct Curve {
  std::string name;
  Role role;
  std::size_t colour;
  Points points{};
};
struct Tick {
  double at;
  std::string text;
};
struct Panel {
  double left, top;
  std::string title, x_name;
  std::string (*y_text)(double);
  double x_most;
  std::vector<Tick> x_ticks;
  std::vector<Curve> curves{};
};

constexpr double width = 980, panel_width = 390, panel_height = 342, line_height = 20;
constexpr double first_column = 74, second_column = 560, first_row = 78, second_row = 536, below_a_row = 66;
constexpr std::size_t legend_columns = 5;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (static_cast<unsigned char>(c) >= ' ')
      out += c;
  }
  return out;
}

std::string label(double x, double y, const std::string& text, const char* anchor = "start", const char* kind = "label") {
  return fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", kind, x, y, anchor,
                     escaped(text));
}

// A colour on a light and on a dark page. Floors are grey, libshmring has cold colours, the alternatives warm ones, and the
// kernel's channels colours in between.
struct Colour {
  Role role;
  const char *light, *dark;
};
constexpr Colour colours[] = {{Role::floor, "#8c959f", "#9198a1"},       {Role::floor, "#57606a", "#c9d1d9"},
                              {Role::libshmring, "#0969da", "#58a6ff"},  {Role::libshmring, "#00897b", "#2dd4bf"},
                              {Role::libshmring, "#4f46e5", "#a5b4fc"},  {Role::libshmring, "#0284c7", "#7dd3fc"},
                              {Role::libshmring, "#65a30d", "#a3e635"},  {Role::libshmring, "#0f766e", "#5eead4"},
                              {Role::libshmring, "#7c3aed", "#c4b5fd"},  {Role::libshmring, "#15803d", "#4ade80"},
                              {Role::alternative, "#bc4c00", "#ffa657"}, {Role::alternative, "#cf222e", "#ff7b72"},
                              {Role::alternative, "#9a6700", "#e3b341"}, {Role::alternative, "#d4569a", "#ff9bce"},
                              {Role::kernel, "#a626a4", "#e879f9"},      {Role::kernel, "#b07d48", "#d6b48a"},
                              {Role::kernel, "#6e5494", "#b8a1e3"}};
// Returns the index of a transport's colour. The transports of a role get its colours in turn; all beyond these get the last.
std::size_t colour_of(const Report& report, std::size_t transport) {
  auto role_of = [&](std::size_t i) {
    for (const Figure& figure : report.figures)
      if (figure.transport == report.transports[i]) return figure.role;
    return Role::floor;
  };
  const Role role = role_of(transport);
  std::size_t before = 0;
  for (std::size_t i = 0; i < transport; ++i) before += role_of(i) == role;
  std::size_t found = 0;
  for (std::size_t i = 0; i < std::size(colours); ++i) {
    if (colours[i].role != role) continue;
    found = i;
    if (before-- == 0) break;
  }
  return found;
}
std::string scheme(bool dark) {
  std::string out = fmt::format(".back {{ fill: {} }} .label, .title {{ fill: {} }} .grid {{ stroke: {} }}\n",
                                dark ? "#0d1117" : "#ffffff", dark ? "#e6edf3" : "#1f2328", dark ? "#30363d" : "#d8dee4");
  for (std::size_t i = 0; i < std::size(colours); ++i) {
    const char* colour = dark ? colours[i].dark : colours[i].light;
    out += fmt::format(".c{0} {{ stroke: {1} }} .d{0} {{ fill: {1} }}\n", i, colour);
  }
  return out;
}
std::string style() {
  return "<style>\ntext { font-family: system-ui, sans-serif; font-size: 12px } .title { font-size: 14px; font-weight: 600 }\n"
         ".grid, .curve { fill: none } .curve { stroke-linejoin: round } .libshmring { stroke-width: 3 }\n"
         ".floor { stroke-width: 2; stroke-dasharray: 7 4 } .alternative { stroke-width: 1.6 }\n"
         ".kernel { stroke-width: 1.8; stroke-dasharray: 2 3 }\n" +
         scheme(false) + "@media (prefers-color-scheme: dark) {\n" + scheme(true) + "}\n</style>\n";
}

std::string time_text(double ns) {
  if (ns < 1e3) return fmt::format("{:g} ns", ns);
  return ns < 1e6 ? fmt::format("{:g} µs", ns / 1e3) : fmt::format("{:g} ms", ns / 1e6);
}
std::string rate_text(double millions) { return fmt::format("{:g} M/s", millions); }

// Returns the first and the last power of ten on a panel's axis of values.
std::pair<double, double> decades(const Panel& panel) {
  double least = 1e300, most = 0;
  for (const Curve& curve : panel.curves)
    for (const auto& [x, y] : curve.points) least = std::min(least, y), most = std::max(most, y);
  if (most == 0) return {0, 1};
  const double first = std::floor(std::log10(least)), last = std::ceil(std::log10(most));
  return {first, std::max(last, first + 1)};
}

std::string draw(const Panel& panel) {
  const auto [first, last] = decades(panel);
  const double right = panel.left + panel_width, top = panel.top, bottom = top + panel_height;
  auto x_of = [&](double x) { return panel.left + x / panel.x_most * panel_width; };
  auto y_of = [&, first = first, last = last](double y) {
    return bottom - (std::log10(y) - first) / (last - first) * panel_height;
  };
  std::string out = label(panel.left, top - 16, panel.title, "start", "title");
  for (double decade = first; decade <= last; ++decade) {
    const double y = y_of(std::pow(10, decade));
    out += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", panel.left, y, right);
    out += label(panel.left - 6, y + 4, panel.y_text(std::pow(10, decade)), "end");
  }
  for (const Tick& tick : panel.x_ticks) {
    out += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n", x_of(tick.at), top, bottom);
    out += label(x_of(tick.at), bottom + 16, tick.text, tick.at == 0 ? "end" : "middle");
  }
  out += label((panel.left + right) / 2, bottom + 34, panel.x_name, "middle");
  for (const Curve& curve : panel.curves) {
    std::string path, dots;
    for (const auto& [x, y] : curve.points) {
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? 'M' : 'L', x_of(x), y_of(y));
      if (curve.points.size() < 10)
        dots += fmt::format("<circle class=\"d{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>", curve.colour, x_of(x), y_of(y));
    }
    out += fmt::format("<g><title>{}</title><path class=\"c{} curve {}\" d=\"{}\"/>{}</g>\n", escaped(curve.name), curve.colour,
                       role_name(curve.role), path, dots);
  }
  return out;
}

u32 first_bytes(const Report& report, Measure measure) {
  const auto jobs = report.jobs([&](const Job& job) { return job.measure == measure; });
  return jobs.empty() ? 0 : jobs.front().bytes;
}

Panel latency(const Report& report) {
  const u32 bytes = first_bytes(report, Measure::calls);
  Panel panel{first_column,
              first_row,
              fmt::format("One write of {} bytes, drained live", bytes),
              "of all calls, so many take no longer",
              time_text,
              4,
              {{0, "min"}, {0.301, "50 %"}, {1, "90 %"}, {2, "99 %"}, {3, "99.9 %"}, {4, "99.99 %"}}};
  for (std::size_t i = 0; i < report.transports.size(); ++i) {
    const Figure* figure = report.find(report.transports[i], {Measure::calls, bytes});
    if (figure == nullptr || figure->calls.count() == 0) continue;
    Curve curve{report.transports[i], figure->role, colour_of(report, i)};
    constexpr int steps = 40;
    for (int step = 0; step <= steps; ++step) {
      const double x = 4.0 * step / steps;
      curve.points.emplace_back(x, std::max(1.0, call_ns(figure->calls, 1 - std::pow(10, -x))));
    }
    panel.curves.push_back(std::move(curve));
  }
  return panel;
}

// Adds a curve of each transport that has one of the jobs: their medians, times `scale`, at 0, 1, 2 …
void add_curves(Panel& panel, const Report& report, const std::vector<Job>& jobs, double scale) {
  for (std::size_t i = 0; i < report.transports.size(); ++i) {
    Curve curve{report.transports[i], Role::floor, colour_of(report, i)};
    for (std::size_t x = 0; x < jobs.size(); ++x) {
      const Figure* figure = report.find(report.transports[i], jobs[x]);
      if (figure == nullptr || figure->median() == 0) continue;
      curve.role = figure->role;
      curve.points.emplace_back(static_cast<double>(x), figure->median() * scale);
    }
    if (!curve.points.empty()) panel.curves.push_back(std::move(curve));
  }
}

Panel throughput(const Report& report) {
  const u32 bytes = first_bytes(report, Measure::rate);
  Panel panel{
      second_column, first_row, fmt::format("Records of {} bytes, delivered and checked", bytes), "writers", rate_text, 3, {}};
  bool crowded = false;
  std::vector<Job> jobs;
  for (u32 x = 0; x <= 3; ++x) {
    jobs.push_back({Measure::rate, bytes, 1u << x});
    const bool many = report.crowded(jobs.back());
    panel.x_ticks.push_back({static_cast<double>(x), std::to_string(1u << x) + (many ? "*" : "")});
    crowded |= many;
  }
  if (crowded) panel.x_name += " (*: more processes than processors)";
  add_curves(panel, report, jobs, 1e-6);
  return panel;
}

// Returns the sizes that a write drained live was measured with, from small to large.
std::vector<u32> sizes_of(const Report& report) {
  std::vector<u32> sizes;
  for (const Job& job : report.jobs([](const Job& job) { return job.measure == Measure::live && job.producers == 1; }))
    if (!job.polite) sizes.push_back(job.bytes);
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

Panel by_size(const Report& report, const std::vector<u32>& sizes, Measure measure, double left, const char* title) {
  Panel panel{left, second_row, title, "bytes of the record", time_text, static_cast<double>(sizes.size() - 1), {}};
  std::vector<Job> jobs;
  for (const u32 bytes : sizes) {
    panel.x_ticks.push_back({static_cast<double>(jobs.size()), std::to_string(bytes)});
    jobs.push_back({measure, bytes});
  }
  add_curves(panel, report, jobs, 1);
  return panel;
}

// Lists the transports that have a curve in one of the panels.
std::string legend(const std::vector<Panel>& panels, double top, const Report& report) {
  std::string out;
  std::size_t shown = 0;
  for (std::size_t i = 0; i < report.transports.size(); ++i) {
    const Curve* curve = nullptr;
    for (const Panel& panel : panels)
      for (const Curve& each : panel.curves)
        if (each.name == report.transports[i]) curve = &each;
    if (curve == nullptr) continue;
    const double x = 40 + static_cast<double>(shown % legend_columns) * 188;
    const double y = top + static_cast<double>(shown / legend_columns) * line_height;
    out += fmt::format("<path class=\"c{} curve {}\" d=\"M{:.1f} {:.1f}h30\"/>\n", curve->colour, role_name(curve->role), x,
                       y - 4);
    out += label(x + 38, y, report.transports[i]);
    ++shown;
  }
  return out;
}

}  // namespace

std::string svg(const Report& report) {
  std::vector<Panel> panels{latency(report), throughput(report)};
  if (const std::vector<u32> sizes = sizes_of(report); sizes.size() > 1) {
    panels.push_back(by_size(report, sizes, Measure::live, first_column, "A write by its size, drained live"));
    panels.push_back(by_size(report, sizes, Measure::quiet, second_column, "A write by its size, that nobody drains"));
  }
  const double rows = std::ceil(static_cast<double>(report.transports.size()) / legend_columns);
  const double legend_top = panels.back().top + panel_height + below_a_row;
  const double height = legend_top + rows * line_height + 22;
  const Machine& machine = report.machine;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "role=\"img\">\n<title>libshmring beside its alternatives and bare floors</title>\n{2}<rect class=\"back\" "
      "width=\"{0:.0f}\" height=\"{1:.0f}\"/>\n",
      width, height, style());
  std::string where = fmt::format("{}, {} processors, Linux {}, commit {}", machine.processor, machine.processors,
                                  machine.kernel, machine.commit);
  if (report.round_trip_ns() != 0)
    where += fmt::format("; a cache line there and back between writer and reader: {:.0f} ns", report.round_trip_ns());
  out += label(40, 28, where);
  for (const Panel& panel : panels)
    if (panel.top == first_row || !panel.curves.empty()) out += draw(panel);
  return out + legend(panels, legend_top, report) + "</svg>\n";
}

}  // namespace shmring::bench
