// Texts, tables, JSON: see text.hpp.
#include "tools/common/text.hpp"

#include <fmt/chrono.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "lib/log/format/json.hpp"
#include "lib/log/format/line.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "tools/common/say.hpp"

namespace shmring::tool {
namespace {

bool is_colourful() {
  static const bool colourful = os::calls.isatty(1) == 1 && std::getenv("NO_COLOR") == nullptr;
  return colourful;
}

}  // namespace

std::string safe(std::string_view text) {
  std::string out;
  log::append_escaped(out, text);
  return out;
}

std::string in_quotes(std::string_view text) { return "\"" + safe(text) + "\""; }

std::string hex_of(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

std::string ring_id_text(const ring::RingId& identity) { return hex_of(std::as_bytes(std::span(identity))); }

std::string bytes_text(u64 bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= 1024; ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string time_text(u64 utc_ns) {
  const auto seconds = static_cast<std::time_t>(utc_ns / os::second_ns);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(seconds), utc_ns % os::second_ns);
}

std::string duration_text(u64 ns) {
  if (ns < 1'000'000) return fmt::format("{:.1f} µs", static_cast<double>(ns) / 1e3);
  if (ns < os::second_ns) return fmt::format("{:.1f} ms", static_cast<double>(ns) / 1e6);
  if (ns < 120 * os::second_ns) return fmt::format("{:.1f} s", static_cast<double>(ns) / 1e9);
  return fmt::format("{} h {:02} min", ns / (3600 * os::second_ns), ns / (60 * os::second_ns) % 60);
}

const char* policy_name(u32 on_full) {
  constexpr const char* names[] = {"drop", "overwrite", "wait", "hybrid"};
  return on_full < std::size(names) ? names[on_full] : "?";
}

const char* slot_state_name(std::size_t state) {
  constexpr const char* names[] = {"empty", "writing", "ready", "reading"};
  return state < std::size(names) ? names[state] : "?";
}

const char* owner_state_name(ring::OwnerState state) {
  constexpr const char* names[] = {"free", "attaching", "attached", "left"};
  return names[static_cast<std::size_t>(state) & 3];
}

const char* segment_state_name(u32 state) {
  constexpr const char* names[] = {"absent", "open", "retired"};
  return state < std::size(names) ? names[state] : "?";
}

const char* status_state_name(u64 state) {
  constexpr const char* names[] = {"none", "collecting", "log_failing", "starting"};
  return state < std::size(names) ? names[state] : "?";
}

const char* level_name(ring::Level level) {
  constexpr const char* names[] = {"none", "write", "interval", "every", "archived"};
  return static_cast<u64>(level) < std::size(names) ? names[static_cast<u64>(level)] : "?";
}

std::string durability_text(const inspect::CollectorFacts& collector) {
  const ring::LogFigures& log = collector.log;
  std::string text = fmt::format("level {}", level_name(collector.level));
  if (log.next_index != 0)
    text += fmt::format(", {} of {} lines survive a power cut; {} of log, {} free", log.durable_index, log.next_index,
                        bytes_text(log.bytes), bytes_text(log.free_bytes));
  if (collector.archived())
    text += fmt::format("; the archive has the lines below {} ({} behind)", *collector.archived(), collector.unarchived());
  if (collector.alarm.code == 0) return text;
  const u64 code = collector.alarm.code;
  text +=
      fmt::format("; alarm {} since {}", code < ring::alarm_codes ? ring::name_of(ring::AlarmCode{code}) : std::to_string(code),
                  time_text(collector.alarm.since_utc_ns));
  if (collector.alarm.error != 0) text += fmt::format(" ({})", std::strerror(static_cast<int>(collector.alarm.error)));
  return text;
}

void add_durability(Json& json, const inspect::CollectorFacts& collector) {
  json.string("level", level_name(collector.level))
      .number("durable_index", collector.log.durable_index)
      .number("next_index", collector.log.next_index)
      .number("log_bytes", collector.log.bytes)
      .number("log_free_bytes", collector.log.free_bytes)
      .number("signed_ns", collector.log.signed_ns)
      .number("alarm", collector.alarm.code)
      .number("alarm_errno", collector.alarm.error)
      .number("alarm_utc_ns", collector.alarm.since_utc_ns);
  if (collector.archived()) json.number("archived_index", *collector.archived());
}

const char* standing_name(inspect::Standing standing) {
  constexpr const char* names[] = {"alive", "dead", "unknown", "replaced"};
  return names[static_cast<std::size_t>(standing)];
}

std::string counters_text(const inspect::ProducerFacts& producer, const char* form, const char* between) {
  std::string text;
  for (std::size_t i = 0; i < ring::refusal_causes; ++i) {
    if (producer.counters[i].count == 0) continue;
    if (!text.empty()) text += between;
    text += fmt::format(fmt::runtime(form), log::name_of(static_cast<log::Cause>(i)), producer.counters[i].count);
  }
  return text;
}

std::string losses_text(const inspect::CollectorFacts& collector, const char* form, const char* between, bool all) {
  constexpr const char* older[] = {"full", "too_big", "died", "other"};
  std::string text;
  const std::size_t count = collector.has_more ? std::size(collector.losses) : std::size(older);
  for (std::size_t i = 0; i < count; ++i) {
    const u64 lost = collector.has_more ? collector.losses[i] : collector.older_lost_by[i];
    if (lost == 0 && !all) continue;
    if (!text.empty()) text += between;
    const std::string_view name = collector.has_more ? log::name_of(static_cast<log::Cause>(i)) : older[i];
    text += fmt::format(fmt::runtime(form), name, lost);
  }
  return text;
}

void complain(std::string_view text) { say("shmring: {}\n", text); }
void warn(std::string_view text) { say("shmring: warning: {}\n", text); }

std::string bold(std::string_view text) { return is_colourful() ? fmt::format("\033[1m{}\033[0m", text) : std::string(text); }

void Table::print() const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < heads_.size(); ++column) {
    widths.push_back(heads_[column].size() - (heads_[column].front() == '>'));
    for (const auto& row : rows_) widths[column] = std::max(widths[column], row[column].size());
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t column = 0; column < cells.size(); ++column) {
      const bool right = heads_[column].front() == '>';
      if (column != 0) text += "  ";
      text +=
          right ? fmt::format("{:>{}}", cells[column], widths[column]) : fmt::format("{:<{}}", cells[column], widths[column]);
    }
    return text.substr(0, text.find_last_not_of(' ') + 1);
  };
  std::vector<std::string> heads;
  for (const std::string& head : heads_) heads.push_back(head.substr(head.front() == '>' ? 1 : 0));
  fmt::print("{}\n", bold(line(heads)));
  for (const auto& row : rows_) fmt::print("{}\n", line(row));
}

Json& Json::raw(std::string_view key, std::string_view json) {
  text_ += fmt::format("{}\"{}\":{}", text_.empty() ? "" : ",", key, json);
  return *this;
}

std::string json_array(const std::vector<std::string>& values) { return fmt::format("[{}]", fmt::join(values, ",")); }

std::string check_ring_name(const std::string& name) {
  if (os::valid_name(name)) return "";
  return "'" + name + "' cannot name a ring: expected 1 to 63 of A-Z a-z 0-9 . _ -";
}

int look(const std::string& name, os::Segment& segment, std::vector<std::string>& findings) {
  const int error = os::open_readonly(name, segment, findings);
  if (error == 0) return ok;
  complain(name.find('/') != std::string::npos ? safe(os::last_error()) : os::last_error());
  return exit_of(error);
}

std::string path_of(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  std::string path;
  os::Fd dir;
  os::open_directory(name, path, dir);
  return path + "/" + os::file_name(name);
}

bool is_unused(const inspect::LaneFacts& lane) {
  return lane.lane != 0 && lane.owner == 0 && lane.tail == 0 && lane.by_state[1] + lane.by_state[2] + lane.by_state[3] == 0;
}

u64 live_producers(const inspect::Inspection& inspection) {
  return static_cast<u64>(std::ranges::count_if(inspection.producers, [](const inspect::ProducerFacts& producer) {
    return producer.owner.state != ring::OwnerState::left && producer.standing != inspect::Standing::dead;
  }));
}

}  // namespace shmring::tool
