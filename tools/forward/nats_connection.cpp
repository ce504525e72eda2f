// The connection to a cluster: see nats_connection.hpp.
#include "tools/forward/nats_connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

namespace shmring::forward {
namespace {

using fleet::Outcome;

constexpr int for_ever = std::numeric_limits<int>::max();
constexpr std::int64_t reconnect_wait_ms = 250, jitter_ms = 250, ping_ms = 5000;
constexpr std::size_t most_refusals = 64;

// What the library says of the call that just failed: its own words if they are about this status, without where in its
// sources that was, "(pub.c:130): ".
std::string text_of(natsStatus status) {
  natsStatus said_of = NATS_OK;
  const char* said = nats_GetLastError(&said_of);
  std::string_view text = said != nullptr && *said != '\0' && said_of == status ? said : natsStatus_GetText(status);
  if (const std::size_t end = text.find("): "); text.starts_with('(') && end != std::string_view::npos)
    text.remove_prefix(end + 3);
  return std::string(text);
}

// Collects the first failure of calls that each may fail.
class First {
 public:
  First& then(natsStatus status, const std::string& what) {
    if (status != NATS_OK && text_.empty()) text_ = fmt::format("{}: {}", what, text_of(status));
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// A host's name is checked only if the library is told to do so: it takes the name of each server from its address.
void set_identity(natsOptions* options, const Access& access, First& first) {
  if (!access.ca.empty() || !access.cert.empty()) first.then(natsOptions_SetSecure(options, true), "TLS");
  if (!access.ca.empty()) first.then(natsOptions_LoadCATrustedCertificates(options, access.ca.c_str()), "--ca " + access.ca);
  if (!access.cert.empty())
    first.then(natsOptions_LoadCertificatesChain(options, access.cert.c_str(), access.key.c_str()),
               "--cert " + access.cert + " --key " + access.key);
  if (!access.creds.empty())
    first.then(natsOptions_SetUserCredentialsFromFiles(options, access.creds.c_str(), nullptr), "--creds " + access.creds);
}

}  // namespace

Connection::~Connection() {
  jsCtx_Destroy(api_);
  natsConnection_Destroy(connection_);
}

std::string Connection::open(const Access& access) {
  inbox_ = access.inbox;
  natsOptions* options = nullptr;
  if (natsOptions_Create(&options) != NATS_OK) return "there is no memory for a connection";
  const std::unique_ptr<natsOptions, Destroys<natsOptions, natsOptions_Destroy>> owner(options);
  std::vector<const char*> servers;
  for (const std::string& server : access.servers) servers.push_back(server.c_str());
  First first;
  first.then(natsOptions_SetServers(options, servers.data(), static_cast<int>(servers.size())), "the addresses of the servers");
  set_identity(options, access, first);
  first.then(natsOptions_SetName(options, "shmring"), "name")
      .then(natsOptions_SetTimeout(options, time_out_ms), "time-out")
      .then(natsOptions_SetMaxReconnect(options, for_ever), "reconnect")
      .then(natsOptions_SetReconnectWait(options, reconnect_wait_ms), "reconnect")
      .then(natsOptions_SetReconnectJitter(options, jitter_ms, jitter_ms), "reconnect")
      .then(natsOptions_SetReconnectBufSize(options, 1), "buffer")  // 0 would be the default, 8 MB
      .then(natsOptions_SetFailRequestsOnDisconnect(options, true), "requests")
      .then(natsOptions_SetPingInterval(options, ping_ms), "pings")
      .then(natsOptions_SetMaxPingsOut(options, 2), "pings")
      .then(natsOptions_SetCustomInboxPrefix(options, access.inbox.c_str()), "inbox")
      .then(natsOptions_SetErrorHandler(options, on_error, this), "errors")
      .then(natsOptions_SetDisconnectedCB(options, on_state, this), "states")
      .then(natsOptions_SetClosedCB(options, on_state, this), "states")
      .then(natsOptions_SetReconnectedCB(options, on_state, this), "states")
      .then(natsOptions_SetRetryOnFailedConnect(options, true, on_state, this), "connect");
  if (!first.text().empty()) return first.text();
  const natsStatus status = natsConnection_Connect(&connection_, options);
  if (status != NATS_NOT_YET_CONNECTED) first.then(status, "connect to " + access.servers.front());
  jsOptions settings;
  jsOptions_Init(&settings);
  settings.Wait = time_out_ms;
  if (first.text().empty()) first.then(natsConnection_JetStream(&api_, connection_, &settings), "JetStream");
  return first.text();
}

std::string Connection::connected_to() const {
  char url[512] = "";
  if (natsConnection_Status(connection_) != NATS_CONN_STATUS_CONNECTED) return "";
  return natsConnection_GetConnectedUrl(connection_, url, sizeof url) == NATS_OK ? url : "";
}

bool Connection::wait(std::string& text) {
  std::unique_lock lock(mutex_);
  const auto is_settled = [&] {
    const natsConnStatus status = natsConnection_Status(connection_);
    return status == NATS_CONN_STATUS_CONNECTED || status == NATS_CONN_STATUS_CLOSED;
  };
  changed_.wait_for(lock, std::chrono::milliseconds(time_out_ms), is_settled);
  if (natsConnection_Status(connection_) == NATS_CONN_STATUS_CONNECTED) return true;
  const char* last = nullptr;
  natsConnection_GetLastError(connection_, &last);
  text = fmt::format("no server can be reached{}{}", last != nullptr && *last != '\0' ? ": " : "", last != nullptr ? last : "");
  return false;
}

Outcome Connection::outcome_without() const {
  return natsConnection_IsClosed(connection_) ? Outcome::refused : Outcome::unknown;
}

natsStatus Connection::ask(const std::string& subject, std::string_view data, Message& answer) {
  natsMsg* got = nullptr;
  const natsStatus status =
      natsConnection_Request(&got, connection_, subject.c_str(), data.data(), static_cast<int>(data.size()), time_out_ms);
  answer.reset(got);
  return status;
}

Outcome Connection::outcome(natsStatus status, int code, const std::string& what, const std::string& subject,
                            std::uint64_t asked, std::string& text) {
  if (status == NATS_OK) return Outcome::done;
  const std::string said = text_of(status);
  const std::string server = connected_to();
  text = fmt::format("{}: {}{}{}", what, said, server.empty() ? "" : ", at ", server);
  if (status == NATS_MAX_PAYLOAD || status == NATS_NOT_PERMITTED) return Outcome::refused;
  if (status == NATS_NO_RESPONDERS) {
    text = fmt::format("{}: no server answers for it: there is no such stream, or it has no leader", what);
    return Outcome::full;
  }
  if (code != 0) return outcome_of_code(code);  // behind that: the library has a code of its own for it
  if (const std::string refusal = refusal_since(asked, subject); !refusal.empty()) {
    text = fmt::format("{}: {}", what, refusal);
    return Outcome::refused;
  }
  return Outcome::unknown;
}

std::uint64_t Connection::refusals() const {
  const std::scoped_lock lock(mutex_);
  return refusals_;
}

std::string Connection::refusal_since(std::uint64_t asked, const std::string& subject) const {
  const std::scoped_lock lock(mutex_);
  const std::size_t news = std::min<std::size_t>(refusals_ - asked, refused_.size());
  for (std::size_t i = refused_.size() - news; i < refused_.size(); ++i)
    if (refused_[i].find(subject) != std::string::npos || refused_[i].find(inbox_) != std::string::npos) return refused_[i];
  return "";
}

void Connection::note_refusal(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  refused_.push_back(text), ++refusals_;
  if (refused_.size() > most_refusals) refused_.pop_front();
}

void Connection::on_state(natsConnection*, void* self) {
  Connection& connection = *static_cast<Connection*>(self);
  const std::scoped_lock lock(connection.mutex_);
  connection.changed_.notify_all();
}

void Connection::on_error(natsConnection* connection, natsSubscription*, natsStatus status, void* self) {
  if (status != NATS_NOT_PERMITTED) return;
  const char* text = nullptr;
  natsConnection_GetLastError(connection, &text);
  static_cast<Connection*>(self)->note_refusal(text != nullptr && *text != '\0' ? text : "the server does not permit it");
}

// Codes that are not listed may be of a moment (a leader that is being elected): the position is unknown then, and asked again.
Outcome outcome_of_code(int code) {
  switch (code) {
    case JSStreamWrongLastSequenceErr:
    case JSStreamWrongLastMsgIDErr: return Outcome::conflict;
    case JSAccountResourcesExceededErr:
    case JSClusterNotAvailErr:
    case JSClusterNotLeaderErr:
    case JSInsufficientResourcesErr:
    case JSMemoryResourcesExceededErr:
    case JSStorageResourcesExceededErr:
    case JSStreamStoreFailedErr:  // with discard new: maximum bytes exceeded
    case JSStreamOfflineErr:
    case JSStreamMaxStreamBytesExceededErr: return Outcome::full;
    case JSStreamMessageExceedsMaximumErr:
    case JSStreamNotFoundErr:
    case JSStreamNotMatchErr:
    case JSStreamSealedErr:
    case JSNotEnabledErr:
    case JSNotEnabledForAccountErr: return Outcome::refused;
    default: return Outcome::unknown;
  }
}

fleet::Headers headers_of(natsMsg* message) {
  fleet::Headers out;
  const char** keys = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(message, &keys, &count) != NATS_OK) return out;
  for (int i = 0; i < count; ++i) {
    const char* value = nullptr;
    const std::string key = keys[i];
    if (key.starts_with("Nats-") || natsMsgHeader_Get(message, keys[i], &value) != NATS_OK) continue;
    out.emplace_back(key, value != nullptr ? value : "");
  }
  std::free(keys);
  return out;
}

}  // namespace shmring::forward
