// Times as text and back: see time.hpp. Days are counted from 0000-03-01: a year that begins in March has its leap day
// last.
#include "lib/log/format/time.hpp"

namespace shmring::log {
namespace {

constexpr i64 day_s = 86400, days_to_1970 = 719468;
constexpr u64 days_of_era = 146097;  // 400 years

// Days since 1970 of a date that exists.
i64 days_of(u64 year, u64 month, u64 day) {
  const u64 march_year = year - (month <= 2 ? 1 : 0);
  const u64 era = march_year / 400, year_of_era = march_year % 400;
  const u64 of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const u64 of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
  return static_cast<i64>(era * days_of_era + of_era) - days_to_1970;
}

u64 days_in(u64 year, u64 month) {
  constexpr u64 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

// Takes a text apart from its front.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
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
  char last() const { return last_; }  // that one_of() took
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  char last_ = 0;
};

// ".5" is 500 000 000; without a point it is 0.
bool fraction(Reader& in, u64& ns) {
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

// Seconds that local time is ahead of UTC.
bool offset(Reader& in, i64& seconds) {
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
  const u64 from_0 = static_cast<u64>(second + days_to_1970 * day_s);
  const u64 days = from_0 / day_s, in_day = from_0 % day_s;
  const u64 era = days / days_of_era, of_era = days % days_of_era;
  const u64 year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const u64 of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const u64 march_month = (5 * of_year + 2) / 153;
  const u64 month = march_month < 10 ? march_month + 3 : march_month - 9;
  const u64 year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  put_two(to, year / 100), put_two(to + 2, year % 100), to[4] = '-';
  put_two(to + 5, month), to[7] = '-';
  put_two(to + 8, of_year - (153 * march_month + 2) / 5 + 1), to[10] = 'T';
  put_two(to + 11, in_day / 3600), to[13] = ':';
  put_two(to + 14, in_day / 60 % 60), to[16] = ':';
  put_two(to + 17, in_day % 60), to[19] = '.';
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
  Reader in(text);
  u64 year, month, day, hour, minute, second, ns;
  i64 ahead;
  if (!in.digits(4, year) || !in.one_of("-") || !in.digits(2, month) || !in.one_of("-") || !in.digits(2, day))
    return std::nullopt;
  if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
    return std::nullopt;
  if (!in.one_of("Tt ") || !in.digits(2, hour) || !in.one_of(":") || !in.digits(2, minute) || !in.one_of(":"))
    return std::nullopt;
  if (!in.digits(2, second) || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  if (!fraction(in, ns) || !offset(in, ahead) || !in.at_end()) return std::nullopt;
  const i64 since_1970 =
      days_of(year, month, day) * day_s + static_cast<i64>(hour * 3600 + minute * 60 + second) - ahead;
  return since_1970 * second_ns + static_cast<i64>(ns);
}

}  // namespace shmring::log
