// The parts of a frame: see parts.hpp.
#include "tools/shmring/top/parts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tools/common/text.hpp"
#include "tools/shmring/top/figures.hpp"

namespace shmring::tool::top {
namespace {

constexpr std::size_t label_columns = 11, least_lane_columns = 40, figure_columns = 9;

Piece figure(u64 value, const View& view) { return {number_text(value, view.scaled, figure_columns)}; }

Piece rate(const Rate& rate, const View& view, Ink ink = Ink::normal) {
  return {rate_text(rate, view.scaled, figure_columns), rate.kind == Rate::Kind::known ? ink : Ink::dim};
}

Ink ink_of_fill(u64 fill, u64 whole) {
  const u64 full = percent(fill, whole);
  return full >= 90 ? Ink::alarm : full >= 75 ? Ink::warning : Ink::good;
}

Ink ink_of_losses(const Rate& rate) { return rate.kind == Rate::Kind::known && rate.per_second > 0 ? Ink::alarm : Ink::normal; }

bool syncs(const LogState& log) { return log.level != ring::Level::none && log.level != ring::Level::write; }

bool runs(const Collector& collector) {
  return collector.state >= Collecting::starting && collector.state <= Collecting::log_failing;
}

// Appends the text to the lines: the label stands before the first one.
void add_fact(Lines& lines, const char* label, std::string_view text, std::size_t columns, std::size_t most_rows,
              Ink ink = Ink::normal) {
  const std::size_t room = columns > label_columns ? columns - label_columns : 4;
  bool first = true;
  for (std::string& part : wrapped(text, room, most_rows)) {
    lines.push_back({{fmt::format("{:<{}}", first ? label : "", label_columns), Ink::label}, {std::move(part), ink}});
    first = false;
  }
}

std::string collector_words(const Ring& ring, const View& view) {
  const Collector& collector = ring.collector;
  switch (collector.state) {
    case Collecting::unknown: return "unknown: the ring cannot be looked at";
    case Collecting::none: return "none, and there never was one";
    case Collecting::stopped: return fmt::format("stopped, epoch {}", collector.epoch);
    case Collecting::died:
      return fmt::format("died: pid {} did not say that it ended, epoch {}", collector.pid, collector.epoch);
    default: break;
  }
  std::string text = fmt::format("{}, pid {}, epoch {}, pass {} ago", state_text(collector.state), collector.pid,
                                 collector.epoch, age_text(collector.pass_age_ns));
  text += fmt::format("; logs {}, wakes up {}", rate_words(collector.logging, view.scaled),
                      rate_words(collector.wakeups, view.scaled));
  if (collector.processors.kind == Rate::Kind::known)
    text += fmt::format(", {:.1f}% of a processor", collector.processors.per_second * 100);
  if (collector.stalled != 0) text += fmt::format("; {} slots are stalled", collector.stalled);
  return text;
}

std::string log_words(const Ring& ring, const View& view) {
  const LogState& log = ring.log;
  if (log.level == ring::Level::none) return "not known: no collector says";
  const u64 behind = log.next - std::min(log.durable, log.next);
  std::string text = fmt::format("level {}: D is {} of {} lines", level_name(log.level), log.durable, log.next);
  text += behind == 0 ? ", all of them" : fmt::format(", {} behind", number_text(behind, view.scaled));
  if (behind != 0 && syncs(log)) text += fmt::format(" for {}", age_text(log.lag_ns));
  text += fmt::format("; {} of log, {} free", bytes_text(log.bytes), bytes_text(log.free_bytes));
  if (log.unarchived)
    text += *log.unarchived == 0 ? "; the archive has all"
                                 : fmt::format("; the archive lacks {} for {}", number_text(*log.unarchived, view.scaled),
                                               age_text(log.unarchived_ns));
  if (log.checkpoint_ns != 0) text += fmt::format("; last checkpoint {} ago", age_text(log.checkpoint_ns));
  return text;
}

Piece lag(const Ring& ring) {
  if (!runs(ring.collector) || ring.log.level == ring::Level::none) return {"-", Ink::dim};
  if (!syncs(ring.log)) return {"no sync", Ink::dim};
  constexpr u64 much_ns = 5'000'000'000;
  return {age_text(ring.log.lag_ns), ring.log.lag_ns > much_ns ? Ink::alarm : Ink::normal};
}

Line ring_row(const Ring& ring, const View& view) {
  const bool open = ring.standing == Standing::open;
  const Piece state = open ? Piece{state_text(ring.collector.state), ink_of(ring.collector.state)}
                           : Piece{standing_text(ring.standing), ink_of(ring.standing)};
  if (!ring.was_read) return {{ring.name}, state, {"-", Ink::dim}, {"-"}, {"-"}, {"-"}, {"-"}, {"-"}, {"-"}};
  const Piece fill{fmt::format("{}{:>4}%", strip_text(ring.fullest, 0, ring.slots, 10), percent(ring.fullest, ring.slots)),
                   ink_of_fill(ring.fullest, ring.slots)};
  return {{ring.name},
          state,
          fill,
          rate(ring.attempts, view),
          figure(ring.collector.lost, view),
          rate(ring.collector.losing, view, ink_of_losses(ring.collector.losing)),
          lag(ring),
          rate(ring.collector.logging, view),
          figure(ring.producers.size(), view)};
}

struct Strip {
  const LaneFill* lane;
  Line pieces(std::size_t columns) const {
    const std::string left = fmt::format("{:>4} {:<12} ", lane->lane, fitted(lane->owner, 12));
    const std::size_t room = columns - std::min<std::size_t>(columns, left.size() + 6);
    return {{left},
            {strip_text(lane->fill, lane->high, lane->slots, room), ink_of_fill(lane->fill, lane->slots)},
            {fmt::format("{:>4}% ", percent(lane->fill, lane->slots))}};
  }
};

std::vector<const LaneFill*> shown_lanes(const Ring& ring, bool all, std::size_t most) {
  std::vector<const LaneFill*> out;
  for (const LaneFill& lane : ring.lanes)
    if (all || !lane.unused) out.push_back(&lane);
  if (out.size() <= most) return out;
  std::ranges::stable_sort(out, std::greater<>(), &LaneFill::fill);
  out.resize(most);
  std::ranges::sort(out, {}, &LaneFill::lane);
  return out;
}

}  // namespace

Line title_line(const Model& model, const View& view, std::size_t columns) {
  u64 producers = 0;
  for (const Ring& ring : model.rings) producers += ring.producers.size();
  const auto count = [](u64 n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); };
  std::string left = fmt::format("shmring top  {}  {}, {}, every {}", model.host, count(model.rings.size(), "ring"),
                                 count(producers, "producer"), age_text(view.interval_ns));
  const std::string right = model.utc_ns == 0 ? "" : time_text(model.utc_ns).substr(11, 8) + "Z";
  if (left.size() + 2 + right.size() <= columns) left += std::string(columns - left.size() - right.size(), ' ') + right;
  return {{left, Ink::title}};
}

Lines ring_lines(const Model& model, const View& view, std::size_t columns) {
  static const std::vector<Column> heads{{"RING", 8},
                                         {"STATE", 11},
                                         {"FULLEST LANE", 15, false, 3},
                                         {"WRITES/S", figure_columns, true, 2},
                                         {"LOST", figure_columns, true},
                                         {"LOST/S", figure_columns, true, 4},
                                         {"D LAG", 7, true, 1},
                                         {"LOGGED/S", figure_columns, true, 5},
                                         {"PRODUCERS", figure_columns, true, 6}};
  if (!model.problem.empty()) return {{{"no rings: " + model.problem, Ink::alarm}}};
  if (model.rings.empty()) return {{{"no rings yet; create one: shmringd --ring NAME --log DIR", Ink::warning}}};
  Lines rows;
  for (const Ring& ring : model.rings) rows.push_back(ring_row(ring, view));
  return table_lines(heads, rows, columns);
}

Lines trouble_lines(const Model& model, const View& view, std::size_t columns) {
  Lines alarms, problems, warned;
  const auto add = [&](Lines& to, const std::string& text, Ink ink) {
    for (std::string& part : wrapped(text, columns, 3)) to.push_back({{std::move(part), ink}});
  };
  for (const Ring& ring : model.rings) {
    if (ring.alarm)
      add(alarms,
          fmt::format("ALARM {}: {} since {}{}", ring.name, ring.alarm->code, time_text(ring.alarm->since_utc_ns).substr(0, 19),
                      ring.alarm->error.empty() ? "Z" : "Z: " + ring.alarm->error),
          Ink::alarm);
    const std::string who = ring.name + ": ";
    if (!ring.problem.empty())
      add(problems, ring.problem.starts_with("ring " + who) ? ring.problem.substr(5) : who + ring.problem,
          ink_of(ring.standing));
    for (const Warning& warning : ring.warnings) {
      add(warned, who + warning.what, Ink::warning);
      if (view.more) add(warned, "  " + warning.remedy, Ink::normal);
    }
  }
  alarms.insert(alarms.end(), problems.begin(), problems.end());
  alarms.insert(alarms.end(), warned.begin(), warned.end());
  return alarms;
}

Lines detail_lines(const Ring& ring, const View& view, std::size_t columns, std::size_t most_rows) {
  Lines out;
  if (!ring.was_read) {
    add_fact(out, "ring", fmt::format("{}: {}", ring.name, standing_text(ring.standing)), columns, most_rows,
             ink_of(ring.standing));
    return out;
  }
  add_fact(
      out, "ring",
      fmt::format("{}: {}, {} when full, {} lanes x {} slots x {} bytes ({}), {} of {} places", ring.name,
                  standing_text(ring.standing), ring.on_full, ring.lanes.size(), ring.slots, ring.slot_bytes,
                  bytes_text(ring.file_bytes), std::ranges::count(ring.producers, u64{0}, &Producer::gone_ns), ring.places),
      columns, most_rows);
  const Ink ink = ink_of(ring.collector.state);
  add_fact(out, "collector", collector_words(ring, view), columns, most_rows, ink == Ink::good ? Ink::normal : ink);
  add_fact(out, "log", log_words(ring, view), columns, most_rows);
  if (ring.collector.epoch == 0) return out;
  std::string text = fmt::format("{} logged, {} lost", ring.collector.logged, ring.collector.lost);
  if (!ring.collector.causes.empty()) text += " (" + ring.collector.causes + ")";
  add_fact(out, "records", text + ", since this collector began", columns, most_rows);
  return out;
}

Lines lane_lines(const Ring& ring, const View& view, std::size_t columns, std::size_t most_rows) {
  const std::size_t in_a_row = std::max<std::size_t>(columns / least_lane_columns, 1), wide = columns / in_a_row;
  const std::vector<const LaneFill*> lanes = shown_lanes(ring, view.more, in_a_row * most_rows);
  Lines out;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (i % in_a_row == 0) out.emplace_back();
    const Line pieces = Strip{lanes[i]}.pieces(wide);
    out.back().insert(out.back().end(), pieces.begin(), pieces.end());
  }
  return out;
}

Lines producer_lines(const Ring& ring, const View& view, std::size_t columns) {
  static const std::vector<Column> heads{{"PRODUCER", 8},
                                         {"PID", 7, true, 4},
                                         {"STATE", 9, false, 1},
                                         {"LANE", 6, true, 5},
                                         {"WRITES/S", figure_columns, true, 2},
                                         {"LOST/S", figure_columns, true, 3},
                                         {"LOST", figure_columns, true},
                                         {"UNLOGGED", figure_columns, true, 6},
                                         {"LOST BY CAUSE", 13, false, 7, true}};
  Lines rows;
  for (const Producer* const one : listed(ring, view.order)) {
    const Ink ink = one->gone_ns != 0 ? Ink::dim : Ink::normal;
    rows.push_back({{one->name, ink},
                    {std::to_string(one->pid), ink},
                    {life_text(one->life), ink_of(one->life)},
                    {one->incarnation == 0 ? "-"
                     : one->lane == 0      ? "shared"
                                           : std::to_string(one->lane),
                     ink},
                    rate(one->attempts, view, ink),
                    rate(one->losses, view, ink_of_losses(one->losses)),
                    figure(one->lost, view),
                    figure(one->unlogged, view),
                    {one->causes, ink}});
  }
  if (rows.empty()) return {{{"no producers", Ink::dim}}};
  return table_lines(heads, rows, columns);
}

Lines cursor_lines(const Ring& ring, const View& view, std::size_t columns) {
  const std::vector<const Producer*> list = listed(ring, view.order);
  if (list.empty()) return {};
  const Producer& one = *list[line_under(list, view)];
  Lines out;
  add_fact(out, "cursor",
           fmt::format("{}, incarnation {}, entry {}: {} attempted, {} not in the log, {} lost{}", one.name, one.incarnation,
                       one.entry, one.attempted, one.unlogged, one.lost, one.causes.empty() ? "" : " (" + one.causes + ")"),
           columns, 3);
  return out;
}

Line hint_line(const View& view) {
  Line out;
  for (const Binding& binding : bindings()) {
    if (*binding.hint == '\0') continue;
    const std::string_view keys = binding.keys;
    std::string hint = binding.hint;
    if (binding.action == Action::order) hint += fmt::format(": {}", order_name(view.order));
    out.push_back({std::string(keys.substr(0, keys.find(' '))), Ink::label});
    out.push_back({fmt::format(" {}  ", hint), Ink::dim});
  }
  return out;
}

Lines help_lines(std::size_t columns) {
  Lines out{{{"shmring top: keys", Ink::title}}};
  for (const std::string& line : key_lines()) out.push_back({{line}});
  const auto add = [&](std::string_view text) {
    for (std::string& part : wrapped(text, columns, 4)) out.push_back({{std::move(part)}});
  };
  add("A rate is 'unknown' until it was measured, and 'old' where it cannot be measured any more. In a strip, '|' is what no "
      "collector has drained, and '.' how full the lane has been. 'h' leaves this help.");
  return out;
}

}  // namespace shmring::tool::top
