// Which log a directory has: 16 hex digits of the SHA-256 of the log's first line, kept in the file `log-id`.
//
// Invariants:
//   - a log that was begun anew in the same directory has another id, so it never continues the old one in the archive: while
//     the log's beginning is there, the id is compared with it, and written again if it is of a former log. The file
//     `archived` of that one is removed then;
//   - once the beginning was removed, the file says which log this is. If there is no such file by then, the first line that is
//     there gives the id: the archive then gets a log that begins there;
//   - the file is written under a temporary name, synced and renamed, and the directory is synced. One that holds anything but
//     an id is an error, since nobody knows which log the archive has of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/log/files/names.hpp"

namespace shmring::fleet {

inline constexpr const char* log_id_name = "log-id";

// Returns the id of a log that begins with this line; it has its newline.
std::string log_id_of(std::string_view first_line);
bool is_log_id(std::string_view text);

// Reads the id of the log in this directory, and writes it if that is needed. `files` are the log's, in their order; the first
// line of them must be durable. Returns 0, or −errno with its text: −ENOENT if there is no whole line yet, −EBADMSG if the file
// holds something else.
int find_log_id(int directory, const std::string& dir, const std::vector<log::LogFile>& files, std::string& out);

}  // namespace shmring::fleet
