// What a log says of its accounts, found from its end: the only thing that a new collector relies on.
//
// Invariants:
//   - the log is the only commit record; its state is the last whole `accounts` line, then the event, loss, attach,
//     detach, died and gone lines after it. The cost does not depend on the size of the log;
//   - only the torn end of the last file is ever cut, and it is kept aside in the same directory under a name outside
//     the log's pattern; any other damage is refused, and nothing is changed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/log/format/line.hpp"

namespace shmring::log {

struct RecoveredAccount {
  std::string producer;
  u64 incarnation, through;
  bool open;
  Causes causes;  // sums of its loss lines
  u32 pid;        // of its process; 0: not known
  u64 start_time;
};

struct RecoveredRing {
  RingId ring{};                           // none: of a log that was written before rings had an identity
  std::vector<RecoveredAccount> accounts;  // in the order in which the log names them
  Incarnations over;                       // incarnations that have no account any more

  // What a ledger goes on from. Views of this object.
  RingAccounts known() const;
};

// Of the present ring, the last one that a line said to begin; and of rings before it whose accounts are not all over.
struct Recovered : RecoveredRing {
  std::vector<RecoveredRing> retired;
  u64 next_index = 0;
  u64 cut_bytes = 0;  // of a torn end
  // Where they are kept, a name in the directory; empty: nothing was cut, or there was no room to keep it.
  std::string aside;
  std::string file;  // the file that the log goes on in; empty: the log has none yet
  u64 file_bytes = 0;
  u64 lines_since_accounts = 0;  // after the last `accounts` line

  using RecoveredRing::known;
  // As an accounts line. Views of this object.
  Accounts known(u64 time_ns) const;

  // Of all rings of this log, the one of that identity, or one without accounts.
  RecoveredRing of(const RingId& id) const;
};

// Recover the log of `ring`; the caller holds its lock. 0, or −errno with its text: −EBADMSG damage (file, line and
// byte are named), −EINVAL the log of another ring, or an I/O error.
int recover(int directory, const std::string& dir, std::string_view ring, Recovered& out);

}  // namespace shmring::log
