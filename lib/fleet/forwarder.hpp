// Sends the lines of one log to an engine, as far as they survive a power cut, and riders behind the lines that they are about.
//
//   asking ──▶ sending ◀──▶ full           asking: the position is not known; it is asked for, from the engine and the archive
//     ▲ │         │                        full: the engine has no room now, or no quorum
//     │ ├─▶ lost_position                  lost_position: no local file has what the archive lacks. A person decides
//     │ └─▶ no_log                         no_log: the directory has no log, or no mark that could be believed
//     └─── any error ──▶ refused           refused: the engine will not have it. A person decides
//
// Invariants:
//   - there is no local cursor. The position follows from the last message of the log's own subject or from what the archive
//     has, whichever is further, else it is the oldest file; what the archive wants goes before all of them, once for each time
//     it says so;
//   - only lines below D are sent, and D is read before the files are listed: a line below D is then read from the file that
//     holds it durably, also if another file has taken its place meanwhile;
//   - after any error the position is not known. It is asked for again when one time-out has passed, since what has no answer
//     may still take effect;
//   - what was sent is compared with the local file whenever the position is asked for. A difference is said, and sending goes
//     on: the archive has the evidence.
// Thread role: one thread a Forwarder. No call sleeps; an engine's call may wait for its time-out.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/fleet/engine.hpp"
#include "lib/fleet/said.hpp"
#include "lib/log/files/archived.hpp"

namespace shmring::fleet {

struct ForwardRequest {
  std::string dir;         // the log
  std::string host, ring;  // names; the log's own name is its id (log_id.hpp)
  // If the position is lost: go on with the file that has this line, and tell the archive that what is before it is given up.
  std::optional<u64> from;
};

enum class Sending : u8 { asking, sending, full, no_log, lost_position, refused };
const char* name_of(Sending state);

struct ForwardStatus {
  Sending state = Sending::asking;
  std::string text;  // of a state that is not asking or sending: what is wrong, and what to do
  std::string log;   // its id; empty: not known yet
  // Where the next message begins; `file` is empty while the position is not known.
  std::string file;
  u64 byte = 0, next_index = 0;
  u64 durable = 0;                        // D: the first line that is not to be sent yet
  std::optional<log::Archived> archived;  // what the archive last said; none: nothing
  // Since the object was made.
  u64 messages = 0, lines = 0, bytes = 0, packed_bytes = 0, riders = 0;
  u64 rewinds = 0;                    // because the archive wanted it
  u64 differences = 0;                // between what was sent and the local file
  std::array<u64, 5> outcomes{};      // of publish, by Outcome
  std::optional<u64> last_sent_ns{};  // on the clock of step()
};

class Forwarder {
 public:
  Forwarder(ForwardRequest request, PublishingEngine& engine);
  ~Forwarder();

  // Does what is due at this time (nanoseconds of any steady clock), at most one message. Returns when to call it again: at
  // once if that is not behind `now_ns`. It may be called earlier.
  u64 step(u64 now_ns);

  const ForwardStatus& status() const;
  // What was not taken yet.
  std::vector<Said> take_said();

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace shmring::fleet
