// What an archive has of each log, as values: read from its directories, by any process, while the receiver runs.
//
// Thread role: any. judge() reads a whole log, and takes as long as `shmring verify`.
#pragma once

#include <string>
#include <vector>

#include "lib/fleet/log_name.hpp"
#include "lib/log/files/archived.hpp"
#include "lib/log/seal/audit.hpp"

namespace shmring::fleet {

using log::u64;

struct ArchivedLogState {
  LogName name;
  std::string text;        // what is wrong with its directory; empty: nothing
  log::Archived archived;  // committed
  u64 bytes = 0;           // of all its files
  u64 files = 0;
  u64 changed_utc_s = 0;  // when something was last committed; 0: not known
  u64 conflicts = 0;      // messages that were kept because they differ from what the archive has
};

// Lists the logs below a root that is open, in the order of their names. Returns 0, or −errno with its text.
int list_logs(int root, const std::string& root_path, std::vector<LogName>& out);

// Reads all logs below the root, in the order of their names. Returns 0, or −errno with its text.
int read_archive(const std::string& root, std::vector<ArchivedLogState>& out);

// How a log of the archive stands after it was read as a whole.
struct Judgement {
  bool holds = false;
  std::string text;  // one line: the verdict, or what is wrong and where
  log::Verdict verdict;
  bool sealed = false;  // the archive has keys of it, and `audit` is set
  std::string key;      // if so: the first of them, which it is verified with
  log::Audit audit;
};

// Verifies a log of the archive, with its pinned keys if it has some; `taker` may be null. Returns 0, or −errno with its text.
int judge(const std::string& root, const LogName& name, unsigned threads, Judgement& out, log::LineTaker* taker = nullptr);

}  // namespace shmring::fleet
