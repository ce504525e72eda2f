// NATS JetStream as an engine (lib/fleet/engine.hpp): one connection of a process to a cluster, and what goes over it.
//
//   stream SHMRING            subjects shmring.log.>        what hosts send; limits retention, discard new, no age
//   stream SHMRING_ARCHIVED   subjects shmring.archived.>   what the archive has; one message a subject
//
// Invariants:
//   - the client library reconnects for ever, and sends nothing again by itself: a request ends with the connection;
//   - each request has a time-out. What is not done by then is `unknown`;
//   - answers come in to an inbox that is named after the host, so that rights can keep others from reading them.
// No other source knows the client library: its header stands in nats_*.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/fleet/engine.hpp"

namespace shmring::forward {

inline constexpr const char* log_stream = "SHMRING";
inline constexpr const char* archived_stream = "SHMRING_ARCHIVED";
inline constexpr std::int64_t time_out_ms = 5000;

// How to get at a cluster, and as whom.
struct Access {
  std::vector<std::string> servers;  // nats://HOST:PORT or tls://HOST:PORT
  std::string cert, key, ca;         // files in PEM; cert and key: both or none
  std::string creds;                 // a file of NATS credentials, in place of cert and key
  std::string inbox;                 // the subject below which answers come in: see inbox_of
};

// Returns the inbox of a host, "_INBOX.<host>" with the name as one token; of the archive: "_INBOX_ARCHIVE".
std::string inbox_of(const std::string& host);
inline constexpr const char* archive_inbox = "_INBOX_ARCHIVE";

// What `forward --create-stream` is to make.
struct Wanted {
  int replicas = 3;
  std::int64_t max_bytes = 0;  // of the stream of lines
};

// What `forward --check` found. A refusal means that lines or positions can be lost; a warning is for a person to weigh.
struct Findings {
  std::vector<std::string> refused, warned, fine;
};

// Thread role: any; the engines that it makes have one thread each, and must end before it.
class Nats {
 public:
  virtual ~Nats() = default;

  virtual std::unique_ptr<fleet::PublishingEngine> publishing() = 0;
  virtual std::unique_ptr<fleet::ReceivingEngine> receiving() = 0;
  // Makes the two streams; what is there already is compared, and not changed. Returns done, or why not in `text`.
  virtual fleet::Outcome create_streams(const Wanted& wanted, std::string& text) = 0;
  // `least_replicas`: 3, or 1 for a single node that somebody asked for.
  virtual fleet::Outcome check_streams(int least_replicas, Findings& out, std::string& text) = 0;
  // Returns the server's address, or "" while there is no connection.
  virtual std::string connected_to() const = 0;
  // Returns true if the servers have refused this identity for good: a program must begin anew.
  virtual bool is_over() const = 0;
};

// Begins to connect, and goes on with that. Returns null if that cannot succeed whenever it is tried, with `text`: an address
// that is none, or a file that cannot be read.
std::unique_ptr<Nats> open_nats(const Access& access, std::string& text);

}  // namespace shmring::forward
