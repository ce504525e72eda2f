// Times as text and back: see time.hpp.
#include "lib/log/format/time.hpp"

#include <chrono>

namespace shmring::log {
namespace {

// Takes a text apart from its front.
class Digits {
 public:
  explicit Digits(std::string_view text) : rest_(text) {}
  bool digits(std::size_t count, u64& value) {
    value = 0;
    for (std::size_t i = 0; i < count; ++i, rest_.remove_prefix(1)) {
      if (rest_.empty() || rest_[0] < '0' || rest_[0] > '9') return false;
      value = value * 10 + static_cast<u64>(rest_[0] - '0');
    }
    return true;
  }
  bool one_of(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_[0]) == characters.npos) return false;
    last_ = rest_[0];
    rest_.remove_prefix(1);
    return true;
  }
  char last() const { return last_; }  // the one that one_of() took
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  char last_ = 0;
};

// Reads ".5" as 500 000 000. Without a point the value is 0.
bool fraction(Digits& in, u64& ns) {
  ns = 0;
  if (!in.one_of(".")) return true;
  u64 digit, unit = 100'000'000;
  if (!in.digits(1, digit)) return false;
  do {
    ns += digit * unit;
    unit /= 10;
  } while (unit > 0 && in.digits(1, digit));
  return true;
}

// Returns the seconds by which local time is ahead of UTC.
bool offset(Digits& in, i64& seconds) {
  seconds = 0;
  if (in.one_of("Zz")) return true;
  if (!in.one_of("+-")) return false;
  const bool behind = in.last() == '-';
  u64 hours, minutes;
  if (!in.digits(2, hours) || !in.one_of(":") || !in.digits(2, minutes) || hours > 23 || minutes > 59) return false;
  seconds = static_cast<i64>(hours * 3600 + minutes * 60) * (behind ? -1 : 1);
  return true;
}

}  // namespace

void format_second(i64 second, char (&to)[20]) {
  const std::chrono::sys_seconds at{std::chrono::seconds{second}};
  const auto midnight = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss time(at - midnight);
  const auto number = [](auto part) { return static_cast<u64>(part.count()); };
  const u64 year = static_cast<u64>(static_cast<int>(date.year()));
  put_two(to, year / 100), put_two(to + 2, year % 100), to[4] = '-';
  put_two(to + 5, static_cast<unsigned>(date.month())), to[7] = '-';
  put_two(to + 8, static_cast<unsigned>(date.day())), to[10] = 'T';
  put_two(to + 11, number(time.hours())), to[13] = ':';
  put_two(to + 14, number(time.minutes())), to[16] = ':';
  put_two(to + 17, number(time.seconds())), to[19] = '.';
}

std::array<char, 30> format_time(i64 ns) {
  const i64 second = ns / second_ns - (ns % second_ns < 0 ? 1 : 0);
  char date[20], fraction[10];
  format_second(second, date);
  format_fraction(static_cast<u64>(ns) - static_cast<u64>(second) * second_ns, fraction);
  std::array<char, 30> text;
  std::memcpy(text.data(), date, sizeof date);
  std::memcpy(text.data() + sizeof date, fraction, sizeof fraction);
  return text;
}

std::optional<i64> parse_time(std::string_view text) {
  Digits in(text);
  u64 year, month, day, hour, minute, second, ns;
  i64 ahead;
  if (!in.digits(4, year) || !in.one_of("-") || !in.digits(2, month) || !in.one_of("-") || !in.digits(2, day))
    return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (year < 1678 || year > 2261 || !date.ok()) return std::nullopt;
  if (!in.one_of("Tt ") || !in.digits(2, hour) || !in.one_of(":") || !in.digits(2, minute) || !in.one_of(":"))
    return std::nullopt;
  if (!in.digits(2, second) || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  if (!fraction(in, ns) || !offset(in, ahead) || !in.at_end()) return std::nullopt;
  const i64 midnight = std::chrono::sys_seconds(std::chrono::sys_days(date)).time_since_epoch().count();
  const i64 since_1970 = midnight + static_cast<i64>(hour * 3600 + minute * 60 + second) - ahead;
  return since_1970 * second_ns + static_cast<i64>(ns);
}

}  // namespace shmring::log
