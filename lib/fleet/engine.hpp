// What carries messages from hosts to an archive, and what an engine must provide. NATS JetStream is one (tools/forward/nats);
// the tests have another one, which forgets, doubles, reorders, answers late and lies. A further engine is one more file.
//
// Nothing that an engine says is believed beyond this: a message that is fetched was once published, whole. All else is made
// up for by position: the archive's position is the size of its own file, and the host sends again what the archive lacks.
//
// Invariants of both interfaces:
//   - no call blocks for longer than the engine's time-out (seconds);
//   - a call that did not succeed sets `text` to what happened, with the names of server and subject.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/fleet/message.hpp"

namespace shmring::fleet {

inline constexpr u64 millisecond = 1'000'000, second = 1'000 * millisecond;  // of the times here, which are in ns

enum class Outcome : u8 {
  done,
  unknown,   // no answer in time, or the connection was lost: it may have taken effect, or take effect later
  conflict,  // publish: the last message of the subject is not the expected one
  full,      // the engine has no room, or no quorum: nothing was stored. It may be better later
  refused,   // the engine will not have it: rights, size, no such stream. It will not get better by itself
};
const char* name_of(Outcome outcome);

struct Stored {
  u64 sequence = 0;  // in its stream; never 0
  Headers headers;
  std::string data;
};

// Of the host. Thread role: one thread each; several of them may share a connection.
class PublishingEngine {
 public:
  virtual ~PublishingEngine() = default;

  // The largest `data` of a message, in bytes. It may change when the connection does.
  virtual std::size_t most_data() = 0;
  // Reads the last message of a subject. done without a message: there is none. It may be an older one than the last.
  virtual Outcome last(const std::string& subject, std::optional<Stored>& out, std::string& text) = 0;
  // Publishes a message if the last one of its subject has this sequence (0: there is none), and waits until it is stored.
  // `sequence` is its own.
  virtual Outcome publish(const std::string& subject, const Headers& headers, std::string_view data, u64 last_sequence,
                          u64& sequence, std::string& text) = 0;
};

struct Delivery {
  u64 ticket = 0;  // names this delivery to its engine
  std::string subject;
  Stored message;
};

// Of the archive. Thread role: one thread.
//
// What was not acknowledged is to come again after about 5 s. A receiver that was killed leaves messages that come only then,
// and after 10 s the next one asks the host for them.
class ReceivingEngine {
 public:
  virtual ~ReceivingEngine() = default;

  // Waits for messages, at most so long and so many. done: `out` has them, or none. Each comes again until it was acknowledged
  // or ended, possibly in another order, and possibly after that.
  virtual Outcome fetch(std::size_t most, u64 wait_ns, std::vector<Delivery>& out, std::string& text) = 0;
  // The archive has these: they need not come again.
  virtual Outcome acknowledge(std::span<const u64> tickets, std::string& text) = 0;
  // These are not to come again, although the archive does not have them.
  virtual Outcome end(std::span<const u64> tickets, std::string& text) = 0;
  // Sets the one message of a subject below archived_subjects.
  virtual Outcome tell(const std::string& subject, std::string_view text_to_tell, std::string& text) = 0;
  // Removes the messages of a subject below this sequence. The last one of the subject stays in any case.
  virtual Outcome trim(const std::string& subject, u64 below_sequence, std::string& text) = 0;
};

}  // namespace shmring::fleet
