// Writes what arrives into the archive's files, each byte once, and tells the hosts what survives a power cut.
//
// A log's position is the size of its newest file. A message of that file, or of a newer one:
//
//   begins at the position    is appended
//   begins before it          what is there already is compared; the rest is appended
//   begins behind it          is a gap: nothing is done with it. If 10 s later nothing has come, the archive says that it wants
//                             to have the log from its position on, and such messages are ended
//   differs from what is there   is an incident: it is kept as <file>.conflict, ended, and other logs go on
//
// A message of an older file is compared as far as that file is there, and is otherwise dropped or ended: the lines of a file
// that was left for a newer one are in that, too. Each second, or each 64 MiB, what was written is committed:
//
//   sync the data → write and sync the committed byte → acknowledge → tell the hosts → trim
//
// Invariants:
//   - what is acknowledged, or told as archived, survives a power cut; each step waits for the one before it;
//   - a log's uncommitted bytes are in its newest file alone. A start, and a sync that failed, give them up: they come again;
//   - a host is accused only over committed bytes. Others may be what a failing disk has made of them;
//   - every name and header becomes a path only after it was validated, and no host's messages hold up those of another one.
// Thread role: one thread. step() waits for messages, at most a second, and for the disk.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/fleet/engine.hpp"
#include "lib/fleet/said.hpp"
#include "lib/log/files/archived.hpp"

namespace shmring::fleet {

struct ReceiveRequest {
  std::string root;            // directory of the archive; it must exist
  std::size_t open_logs = 64;  // whose files are held open; each takes three descriptors
  std::size_t fetch = 32;      // messages at a time; each takes up to 4 MiB when it is unpacked, one at a time
  u64 wait_ns = 1'000'000'000;
};

enum class Keeping : u8 { whole, gap, conflict, refused };
const char* name_of(Keeping state);

// Of one log, as the receiver knows it. status.hpp has what another process can know.
struct ReceivedLog {
  LogName name;
  Keeping state = Keeping::whole;
  std::string text;        // of a state that is not whole: what is wrong, and what to do
  log::Archived archived;  // committed
  u64 uncommitted = 0;
  u64 messages = 0, repeated = 0, gaps = 0, conflicts = 0;
  u64 last_message_ns = 0;  // on the clock of step(); 0: none since the start
};

struct ReceiveStatus {
  u64 messages = 0, lines = 0, bytes = 0, commits = 0, refused_messages = 0;
  std::string trouble;  // the disk is full, or the engine does not answer; empty: neither
};

class Receiver {
 public:
  Receiver(ReceiveRequest request, ReceivingEngine& engine);
  ~Receiver();

  // Locks the root, and cuts each log back to its committed byte. Returns 0, or −errno with its text: −EBUSY if another
  // receiver has it. A log that cannot be used is refused (ReceivedLog::text); the others go on.
  int open();

  // Fetches, writes, and commits if that is due at this time (nanoseconds of any steady clock). Returns when to call it again.
  u64 step(u64 now_ns);
  // Commits all there is, for an orderly end.
  void commit(u64 now_ns);

  const ReceiveStatus& status() const;
  std::vector<ReceivedLog> logs() const;  // in the order of their names
  std::vector<Said> take_said();

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace shmring::fleet
