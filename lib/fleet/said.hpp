// What a stage says to people: each thing once, when it begins and when it is over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shmring::fleet {

enum class Weight : std::uint8_t { notice, warning, alarm };

struct Said {
  Weight weight = Weight::notice;
  std::string code;  // one word: lost_position, refused, conflict …; it is the same in metrics and in the alarms' table
  std::string text;  // names the log or file, what was found, and what to do
  bool operator==(const Said&) const = default;
};

}  // namespace shmring::fleet
