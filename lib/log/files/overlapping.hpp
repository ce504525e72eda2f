// Which files go on behind their end or are superseded, and no line that is durable has said so yet.
// Thread role: the collector's, before it begins.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lib/log/files/names.hpp"

namespace shmring::log {

// A file of the log, as a start finds it.
struct FoundFile {
  LogFile file;
  u64 bytes;
  bool is_sealed;
};

// Sets `out` to the names of such files, and the index of the end of each. `durable`: D, up to which a line counts as said.
// Files that are explained are sealed. Returns 0 or −errno.
int find_overlapping(int directory, const std::string& dir, const std::vector<FoundFile>& files,
                     const std::vector<LogFile>& superseded, u64 durable, std::vector<std::pair<std::string, u64>>& out);

}  // namespace shmring::log
