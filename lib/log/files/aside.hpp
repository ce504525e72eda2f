// What is cut off a log, or stands behind a cut, is kept in its directory under a name outside the log's pattern.
#pragma once

#include <string>

#include "lib/log/format/numbers.hpp"

namespace shmring::log {

// Cuts a file of the log, of so many bytes, behind its last whole line, where the line with `index` would be. `aside` is the
// name of the file that has what was cut; it is empty if there was no room for it. Returns 0, or −errno with its text; then the
// file is as it was.
int cut_aside(int directory, const std::string& dir, const std::string& name, u64 whole, u64 bytes, u64 index,
              std::string& aside);

// Gives a whole file such a name, or removes it if it is empty. Returns 0, or −errno with its text.
int move_aside(int directory, const std::string& dir, const std::string& name, u64 bytes, u64 index, std::string& aside);

}  // namespace shmring::log
