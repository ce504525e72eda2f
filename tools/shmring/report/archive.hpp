// The pages of an archive: one for each log, and an index of them.
#pragma once

#include <string>
#include <vector>

#include "lib/fleet/status.hpp"
#include "tools/shmring/report/report.hpp"

namespace shmring::tool {

// How a log of the archive stands: a row of the index.
struct ArchiveRow {
  fleet::ArchivedLogState state;
  std::string page;  // the file's name; "": the log could not be read
  bool holds = false;
  std::string verdict;  // in a few words
  std::string trouble;  // "": none
  std::string last_time;
  u64 attempted = 0, logged = 0, lost = 0, incidents = 0;
};

std::string index_page(const std::string& root, u64 made_utc_ns, const std::vector<ArchiveRow>& rows);

// Writes all pages into the directory, which is made if there is none, and index.html last. Each file is replaced as a whole.
// Returns the exit status: negative if a log does not hold, or has a trouble.
int report_archive(const std::string& root, const std::string& directory);

}  // namespace shmring::tool
