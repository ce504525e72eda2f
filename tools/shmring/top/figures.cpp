// Values as text: see figures.hpp.
#include "tools/shmring/top/figures.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace shmring::tool::top {

std::string scaled_text(double value) {
  if (value < 9.95) return value == 0 ? "0" : fmt::format("{:.1f}", value);
  if (value < 9999.5) return fmt::format("{:.0f}", value);
  constexpr const char units[] = "kMGTPE";
  std::size_t unit = 0;
  for (value /= 1000; value >= 999.5 && units[unit + 1] != '\0'; ++unit) value /= 1000;
  return value < 99.95 ? fmt::format("{:.1f}{}", value, units[unit]) : fmt::format("{:.0f}{}", value, units[unit]);
}

std::string number_text(u64 value, bool scaled, std::size_t columns) {
  const std::string digits = std::to_string(value);
  return (scaled && digits.size() > 4) || digits.size() > columns ? scaled_text(static_cast<double>(value)) : digits;
}

std::string rate_text(const Rate& rate, bool scaled, std::size_t columns) {
  if (rate.kind == Rate::Kind::unknown) return "unknown";
  const bool old = rate.kind == Rate::Kind::stale;
  std::string text = scaled_text(rate.per_second);
  if (!scaled && rate.per_second >= 9999.5 && rate.per_second < 1e15) {
    const std::string digits = fmt::format("{:.0f}", rate.per_second);
    if (digits.size() + (old ? 4 : 0) <= columns) text = digits;
  }
  return text + (old ? " old" : "");
}

std::string rate_words(const Rate& rate, bool scaled) {
  if (rate.kind == Rate::Kind::unknown) return "at an unknown rate";
  const bool old = rate.kind == Rate::Kind::stale;
  return rate_text({Rate::Kind::known, rate.per_second}, scaled) + (old ? "/s a while ago" : "/s");
}

std::string age_text(u64 ns) {
  constexpr u64 ms = 1'000'000, second = 1000 * ms, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
  if (ns < ms) return ns == 0 ? "0 ms" : "<1 ms";
  if (ns < second) return fmt::format("{} ms", ns / ms);
  if (ns < 100 * second) return fmt::format("{}.{} s", ns / second, ns / (100 * ms) % 10);
  if (ns < 100 * minute) return fmt::format("{} min", ns / minute);
  if (ns < 100 * hour) return fmt::format("{} h", ns / hour);
  return fmt::format("{} d", ns / day);
}

u64 percent(u64 part, u64 whole) {
  return whole == 0 ? 0 : static_cast<u64>(static_cast<double>(std::min(part, whole)) * 100 / static_cast<double>(whole));
}

std::string strip_text(u64 fill, u64 high, u64 whole, std::size_t columns) {
  if (columns < 3) return "";
  const std::size_t inside = columns - 2;
  // What is not empty shows, and what is not full does not look full.
  const auto length = [&](u64 part) {
    const u64 of = std::min(part, whole);
    if (of == 0 || of == whole) return of == 0 ? std::size_t{0} : inside;
    const double share = static_cast<double>(of) / static_cast<double>(whole) * static_cast<double>(inside);
    return std::min(std::max<std::size_t>(static_cast<std::size_t>(share), 1), std::max<std::size_t>(inside - 1, 1));
  };
  const std::size_t now = length(fill), most = std::max(length(high), now);
  return "[" + std::string(now, '|') + std::string(most - now, '.') + std::string(inside - most, ' ') + "]";
}

const char* standing_text(Standing standing) {
  constexpr const char* texts[] = {"open",    "retired",    "other boot", "old version",
                                   "damaged", "unreadable", "absent",     "removed"};
  return texts[static_cast<std::size_t>(standing)];
}

const char* state_text(Collecting state) {
  constexpr const char* texts[] = {"unknown", "none", "stopped", "died", "starting", "collecting", "silent", "log failing"};
  return texts[static_cast<std::size_t>(state)];
}

const char* life_text(Life life) {
  constexpr const char* texts[] = {"attaching", "alive", "exec", "unknown", "left", "died", "ended"};
  return texts[static_cast<std::size_t>(life)];
}

Ink ink_of(Standing standing) {
  if (standing == Standing::open) return Ink::normal;
  return standing == Standing::damaged || standing == Standing::unreadable ? Ink::alarm : Ink::warning;
}

Ink ink_of(Collecting state) {
  switch (state) {
    case Collecting::collecting: return Ink::good;
    case Collecting::died:
    case Collecting::late:
    case Collecting::log_failing: return Ink::alarm;
    default: return Ink::warning;
  }
}

Ink ink_of(Life life) {
  switch (life) {
    case Life::alive: return Ink::good;
    case Life::died: return Ink::alarm;
    case Life::left:
    case Life::ended: return Ink::dim;
    default: return Ink::warning;
  }
}

}  // namespace shmring::tool::top
