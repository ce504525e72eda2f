// What an archive has of a log: the acknowledgement that counts.
//
// The receiver publishes it once all of it is synced. The forwarder goes by it, and keeps it as the file `archived` in the
// log's directory, where the collector reads it: local retention (`[retain] archived`) and the level `archived` depend on it.
//
//   {"v":1,"file":"20260102T…jsonl","bytes":1234,"index":57,"wanted":false}        one line, with its newline
//
// Values in, values out.
#pragma once

#include <string>
#include <string_view>

#include "lib/log/format/numbers.hpp"

namespace shmring::fleet {

using log::u64;

struct Archived {
  std::string file;     // the newest file that the archive has; empty: none yet
  u64 bytes = 0;        // of it
  u64 index = 0;        // the archive has all lines below it, from the first that it ever got
  bool wanted = false;  // there is a gap: the host is to go on from here, whatever it has sent
  bool operator==(const Archived&) const = default;
};

std::string text_of(const Archived& archived);
// Returns "" or what is wrong, which names the key.
std::string parse_archived(std::string_view text, Archived& out);

}  // namespace shmring::fleet
