// What a log says of its accounts, found from its end. A new collector relies on nothing else.
//
// Invariants:
//   - the log is the only commit record. Its state is the last whole `accounts` line, with the event, loss, attach, detach,
//     died and gone lines after it. The cost does not depend on the size of the log, but on what
//     follows that line: 16 MiB at most, and a batch (appender.hpp);
//   - only the torn end of the last file is ever cut, and it is kept in the same directory under a name outside the log's
//     pattern. Any other damage is refused, and nothing is changed.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/log/format/line.hpp"

namespace shmring::log {

// A file that another collector of this boot has left beyond what is durable.
struct Unsynced {
  std::string name;
  u64 from, end;             // indexes of the lines that are to be replaced; the first is an accounts line
  u64 begin_byte, end_byte;  // where they are in the file
  std::string text;          // what they say, or nothing: only the file has it
};

struct RecoveredAccount {
  std::string producer;
  u64 incarnation, through;
  bool open;
  Causes causes;  // sums of its loss lines
  u32 pid;        // of its process; 0: not known
  u64 start_time;
};

struct RecoveredRing {
  RingId ring{};                           // none: the log was written before rings had an identity
  std::vector<RecoveredAccount> accounts;  // in the order in which the log names them
  Incarnations over;                       // incarnations that have no account any more

  // What a ledger goes on from. It has views of this object.
  RingAccounts known() const;
};

// The present ring is the last one that a line said to begin. The other rings came before it, and their accounts are not all
// over.
struct Recovered : RecoveredRing {
  std::vector<RecoveredRing> retired;
  u64 next_index = 0;
  u64 cut_bytes = 0;  // of a torn end
  // The name in the directory under which the torn bytes are kept. Empty if nothing was cut, or if there was no room to keep
  // it.
  std::string aside;
  std::string file;  // the file in which the log goes on; empty: the log has none yet
  u64 file_bytes = 0;
  u64 accounts_byte = 0, accounts_bytes = 0;  // of the last `accounts` line: where it begins in the file, and its length
  u64 lines_since_accounts = 0, bytes_since_accounts = 0;
  // The following are set by restart() only.
  bool is_sealed = false;          // the file, so that a new one is to be begun
  u64 durable = 0;                 // the first index that is not known to survive a power cut
  std::vector<Unsynced> unsynced;  // the files beyond it, in order
  // Files that go on behind their end, and the index of that end: a collector that replaced them may have been killed before it
  // said so.
  std::vector<std::pair<std::string, u64>> overlapping;

  using RecoveredRing::known;
  // The same as an accounts line. It has views of this object.
  Accounts known(u64 time_ns) const;

  // Returns the ring of this log that has that identity, or one without accounts.
  RecoveredRing of(const RingId& id) const;
};

// Recovers the log of `ring`. The caller holds its lock. Returns 0, or −errno with its text: −EBADMSG for damage (file, line
// and byte are named), −EINVAL for the log of another ring, or an I/O error.
// `before_cut` is called before anything is cut; nothing is if it returns an error, which is then the result.
int recover(
    int directory, const std::string& dir, std::string_view ring, Recovered& out,
    const std::function<int()>& before_cut = [] { return 0; });

}  // namespace shmring::log
