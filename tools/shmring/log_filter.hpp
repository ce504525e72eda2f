// Which lines of a log `shmring log` shows.
//
// Invariant: the result depends only on the line and the filter. A condition that was not given is true for every line.
#pragma once

#include <string>
#include <vector>

#include "lib/log/format/parse.hpp"

namespace shmring::tool {

struct LogFilter {
  std::vector<std::string> kinds, producers, types;  // each is a list of alternatives; an empty one lets all through
  std::string correlation;                           // 32 hex digits in lower case, or empty
  std::string since, until;                          // in the form of a line's time, both inclusive, or empty

  bool any() const;
  bool lets_through(const log::Parsed& line) const;
};

// For an option's values: each function replaces the text by its form above, and returns "" or what is wrong.
std::string to_correlation(std::string& text);
// Accepts an RFC 3339 time, a date (its midnight UTC), or an age: 90s, 10m, 2h, 7d.
std::string to_time(std::string& text);
std::string check_kind(const std::string& text);

}  // namespace shmring::tool
