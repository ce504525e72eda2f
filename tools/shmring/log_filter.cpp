// Which lines are shown: see log_filter.hpp.
#include "tools/shmring/log_filter.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "lib/log/format/time.hpp"
#include "lib/os/clock.hpp"

namespace shmring::tool {
namespace {

using log::i64;
using log::Kind;

constexpr std::string_view kinds[] = {"event", "loss",     "attach", "detach",   "died",   "accounts", "gone",   "start",
                                      "stop",  "recovery", "clock",  "incident", "rotate", "retain",   "config", "heartbeat"};

bool one_of(const std::vector<std::string>& wanted, std::string_view found) {
  return wanted.empty() || std::ranges::find(wanted, found) != wanted.end();
}

// Converts "10m" to nanoseconds.
std::optional<i64> duration(std::string_view text) {
  i64 count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc{} || count < 0 || unit.size() != 1) return std::nullopt;
  constexpr struct {
    char name;
    i64 seconds;
  } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  const auto* const found = std::ranges::find(units, unit[0], [](const auto& one) { return one.name; });
  i64 ns;
  if (found == std::end(units) || __builtin_mul_overflow(count, found->seconds * log::second_ns, &ns)) return std::nullopt;
  return ns;
}

}  // namespace

bool LogFilter::any() const {
  return !kinds.empty() || !producers.empty() || !types.empty() || !correlation.empty() || !since.empty() || !until.empty();
}

bool LogFilter::lets_through(const log::Parsed& line) const {
  const bool is_event = line.kind == Kind::event;
  return one_of(kinds, line.kind_name) &&
         (producers.empty() || (log::has_producer(line.kind) && one_of(producers, line.producer))) &&
         (types.empty() || (is_event && one_of(types, line.type))) &&
         (correlation.empty() || (is_event && line.correlation == correlation)) && (since.empty() || line.time >= since) &&
         (until.empty() || line.time <= until);
}

std::string to_correlation(std::string& text) {
  std::string digits;
  for (const char c : text)
    if (c != '-') digits += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  if (digits.size() != 32 || digits.find_first_not_of("0123456789abcdef") != digits.npos)
    return "'" + text + "' is not a correlation id: expected 32 hex digits";
  if (digits.find_first_not_of('0') == digits.npos)
    return "'" + text + "' is not a correlation id: all zero stands for an event that has none";
  text = digits;
  return "";
}

std::string to_time(std::string& text) {
  std::optional<i64> ns = log::parse_time(text);
  if (!ns) ns = log::parse_time(text + "T00:00:00Z");
  if (!ns) {
    ns = duration(text);
    if (ns) ns = static_cast<i64>(os::utc_now_ns()) - *ns;
  }
  if (!ns) return "'" + text + "' is not a time: expected one such as 2026-01-31T12:00:00Z, a date, or 90s, 10m, 2h, 7d ago";
  const auto line_form = log::format_time(*ns);
  text.assign(line_form.data(), line_form.size());
  return "";
}

std::string check_kind(const std::string& text) {
  std::string known;
  for (const std::string_view kind : kinds) {
    if (kind == text) return "";
    known += (known.empty() ? "" : ", ") + std::string(kind);
  }
  return "'" + text + "' is not a kind of line: expected one of " + known;
}

}  // namespace shmring::tool
