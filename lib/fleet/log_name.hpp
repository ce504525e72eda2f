// Which log this is, among all hosts: as values, as the subject of a message, and as a path below the archive's root.
//
//   host, ring, log  →  PREFIX.<host>.<ring>.<log>          a subject: each name is one token, percent-encoded
//                    →  ROOT/<host>/<ring>/<log>/<file>     a path: each name as it is
//
// Invariants:
//   - a subject's token has only A-Z a-z 0-9 _ and -, and all else as %XX in upper case, dots included. So a name has one
//     token, a token one name, and no name reaches into another one's subjects;
//   - what comes from a subject or a message becomes a path only after it was found to be a name: 1 to 255 bytes without '/',
//     controls and NUL, and neither "." nor "..".
// Values in, values out.
#pragma once

#include <string>
#include <string_view>

namespace shmring::fleet {

inline constexpr std::string_view log_subjects = "shmring.log";            // lines, and what rides along: host → archive
inline constexpr std::string_view archived_subjects = "shmring.archived";  // what the archive has: archive → host

struct LogName {
  std::string host, ring;
  std::string log;  // 16 hex digits: see log_id.hpp

  auto operator<=>(const LogName&) const = default;
};

// Returns whether this may stand in a path, as one component.
bool is_name(std::string_view name);

// One token of a subject, and back. name_of_token returns false for what token_of never makes.
std::string token_of(std::string_view name);
bool name_of_token(std::string_view token, std::string& out);

// The subject of a log, and back. `rider` is empty for lines; for a file that rides along it is that file's name.
std::string subject_of(std::string_view prefix, const LogName& log, std::string_view rider = {});
// Returns false if it is not such a subject, or one of its names is none.
bool parse_subject(std::string_view prefix, std::string_view subject, LogName& log, std::string& rider);

}  // namespace shmring::fleet
