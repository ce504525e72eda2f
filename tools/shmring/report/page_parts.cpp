// The parts of pages: see page_parts.hpp.
#include "tools/shmring/report/page_parts.hpp"

#include <algorithm>

namespace shmring::tool {
namespace {

// It is escaped as all else is, so it does without the characters that would be changed by that.
constexpr std::string_view style = R"(
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5c6776; --line: #d5dae1; --paper: #ffffff; --good: #16794a;
  --bad: #c4242b; --bar: #6f8fb5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #98a3b3; --line: #36404e; --paper: #12171f;
  --good: #4fc78c; --bad: #ff6a6a; --bar: #5b7fae; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 72rem;
  margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p, ul, pre { margin: .4rem 0; }
code, pre, .hash { font: 12.5px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; }
.verdict { font-size: 1.25rem; font-weight: 600; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.soft { color: var(--soft); }
.sums { display: flex; flex-wrap: wrap; gap: .3rem 2.2rem; margin: 1rem 0; font-size: 1.5rem; }
.sums small { display: block; font-size: .8rem; color: var(--soft); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem 1.1rem .25rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
.word { overflow-wrap: normal; }
.time { white-space: nowrap; font-size: .85em; font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-weight: 500; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .logged { fill: var(--bar); }
svg .lost, svg .mark { fill: var(--bad); }
svg .axis { stroke: var(--line); }
@media print { :root { color-scheme: light; --ink: #000000; --soft: #444444; --line: #bbbbbb; --paper: #ffffff;
  --good: #0b5a35; --bad: #b00018; --bar: #7c97b8; } body { margin: 0; max-width: none; font-size: 10pt; }
  * { print-color-adjust: exact; } h2 { break-after: avoid; } tr, svg, .sums { break-inside: avoid; }
  thead { display: table-header-group; } }
)";

constexpr double width = 1024, height = 170, least_lost = 3;

std::string time_of(log::i64 second) {
  char text[20];
  log::format_second(second, text);
  return std::string(text, sizeof text - 1) + "Z";
}

Markup bars(const Timeline& timeline, double most) {
  Markup out;
  const double each = width / static_cast<double>(timeline.bars().size());
  for (std::size_t i = 0; i < timeline.bars().size(); ++i) {
    const auto [logged, lost] = timeline.bars()[i];
    if (logged + lost == 0) continue;
    const double x = each * static_cast<double>(i), wide = std::max(each - .5, .5);
    const double good = height * static_cast<double>(logged) / most;
    const double bad = lost == 0 ? 0 : std::max(least_lost, height * static_cast<double>(lost) / most);
    const double top = std::max(height - good - bad, 0.);
    out += html("<g><title>{}: {} logged, {} lost</title>",
                time_of(timeline.begin_s() + static_cast<log::i64>(i) * timeline.width_s()), logged, lost);
    if (logged > 0)
      out += html("<rect class=\"logged\" x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\"/>", x, top + bad, wide,
                  std::max(height - top - bad, 0.));
    if (lost > 0)
      out += html("<rect class=\"lost\" x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\"/>", x, top, wide, bad);
    out += html("</g>");
  }
  return out;
}

// A triangle for each incident that is kept.
Markup marks(const Tally& tally) {
  Markup out;
  const auto begin = static_cast<double>(tally.timeline.begin_s()), end = static_cast<double>(tally.timeline.end_s());
  for (const Occurrence& incident : tally.incidents.newest) {
    const auto ns = log::parse_time(incident.time);
    const double second = ns ? static_cast<double>(*ns) / 1e9 : begin - 1;
    if (second < begin || second > end) continue;
    const double x = width * (second - begin) / (end - begin);
    out += html("<path class=\"mark\" d=\"M{:.2f} {:.2f}l4 8h-8z\"><title>{}: an incident, index {}</title></path>", x,
                height + 3, incident.time, incident.index);
  }
  return out;
}

}  // namespace

std::string whole_page(std::string_view title, const Markup& body) {
  return html(
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n"
             "<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
             title, style, body)
      .text();
}

Markup table(std::string_view name, const Markup& heads, const Markup& rows) {
  return html("<h2>{}</h2>\n<table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n", name, heads, rows);
}

Markup picture(const Tally& tally) {
  const Timeline& timeline = tally.timeline;
  if (timeline.bars().empty()) return {};
  u64 most = 1;
  for (const Timeline::Bar& bar : timeline.bars()) most = std::max(most, bar.logged + bar.lost);
  const auto seconds = static_cast<double>(timeline.width_s());
  return html(
      "<h2>When</h2>\n<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"events and losses over time\">\n{}"
      "<path class=\"axis\" d=\"M0 {:.0f}h{:.0f}\"/>\n{}\n<text x=\"0\" y=\"{:.0f}\">{}</text>\n"
      "<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"end\">{}</text>\n</svg>\n"
      "<p class=\"soft\">A bar is {} s; the highest has {:.1f} a second. Losses are red, and never lower than can be seen; "
      "triangles are incidents.{}</p>\n",
      width, height + 28, bars(timeline, static_cast<double>(most)), height, width, marks(tally), height + 24,
      time_of(timeline.begin_s()), width, height + 24, time_of(timeline.end_s()), timeline.width_s(),
      static_cast<double>(most) / seconds,
      tally.untimed == 0 ? std::string()
                         : fmt::format(" {} have a time that cannot be read, and are in no bar.", tally.untimed));
}

}  // namespace shmring::tool
