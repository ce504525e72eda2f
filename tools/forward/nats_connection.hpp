// The connection behind the engines of NATS: see nats.hpp.
//
// Invariants: a call that asks something of a server waits for a connection first, for at most the time-out. A refusal by the
// server, which comes apart from the answer, is found by the subject that it names.
#pragma once

#include <nats/nats.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "tools/forward/nats.hpp"

namespace shmring::forward {

// What the client library makes, and how it is given back.
template <class T, void (*destroy)(T*)>
struct Destroys {
  void operator()(T* it) const { destroy(it); }
};
inline void destroy_reply(jsPubAck* ack) { jsPubAck_Destroy(ack); }
using Message = std::unique_ptr<natsMsg, Destroys<natsMsg, natsMsg_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Destroys<natsSubscription, natsSubscription_Destroy>>;
using StreamInfo = std::unique_ptr<jsStreamInfo, Destroys<jsStreamInfo, jsStreamInfo_Destroy>>;
using Acknowledgement = std::unique_ptr<jsPubAck, Destroys<jsPubAck, destroy_reply>>;

class Connection {
 public:
  ~Connection();
  Connection() = default;
  Connection(const Connection&) = delete;

  // Returns "" or what is wrong.
  std::string open(const Access& access);

  natsConnection* get() const { return connection_; }
  jsCtx* stream_api() const { return api_; }
  const std::string& inbox() const { return inbox_; }
  std::string connected_to() const;

  // Waits for a connection. Returns false with `text` if there is none within the time-out, or none can come any more.
  bool wait(std::string& text);
  // What that makes of the call: refused if the servers have refused this identity for good, and otherwise unknown.
  fleet::Outcome outcome_without() const;
  // What came of a call: the status, and the code that JetStream gave, or 0. `what` names call and subject. For `unknown` it is
  // found whether the server has refused the subject since `asked`, the number of refusals before the call.
  fleet::Outcome outcome(natsStatus status, int code, const std::string& what, const std::string& subject, std::uint64_t asked,
                         std::string& text);
  std::uint64_t refusals() const;
  // Asks, and waits for the answer.
  natsStatus ask(const std::string& subject, std::string_view data, Message& answer);

 private:
  static void on_state(natsConnection*, void* self);
  static void on_error(natsConnection*, natsSubscription*, natsStatus status, void* self);
  void note_refusal(const std::string& text);
  std::string refusal_since(std::uint64_t asked, const std::string& subject) const;

  natsConnection* connection_ = nullptr;
  jsCtx* api_ = nullptr;
  std::string inbox_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> refused_;  // the last few, as the server put it
  std::uint64_t refusals_ = 0;
};

// Returns the outcome of a code of JetStream, for calls that store something.
fleet::Outcome outcome_of_code(int code);

// Copies headers, without those of the server's own.
fleet::Headers headers_of(natsMsg* message);

}  // namespace shmring::forward
