// What the archive does over NATS: takes messages by a pull consumer, acknowledges them, tells what it has, and trims.
//
// The consumer is begun anew at each start, and whenever it does not answer. What was in hand comes again at once then, in
// order, and not 10 s later behind newer messages; what the archive has already, it drops.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "lib/os/clock.hpp"
#include "tools/forward/nats_engines.hpp"

namespace shmring::forward {
namespace {

using fleet::Delivery;
using fleet::Outcome;

constexpr const char* consumer = "archive";
constexpr const char* all_logs = "shmring.log.>";
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t acknowledge_wait_ns = 10 * second_ns;
constexpr std::int64_t most_in_hand = 16384;                // messages that are fetched and not acknowledged
constexpr std::int64_t most_bytes_of_a_request = 24 << 20;  // the largest message has 8 MB
constexpr std::int64_t request_ns = 5 * second_ns;

class Receiving final : public fleet::ReceivingEngine {
 public:
  explicit Receiving(Connection& connection) : connection_(connection) {}

  // A request asks the consumer for messages, and is good for the time-out: what it still permits comes in meanwhile.
  Outcome fetch(std::size_t most, fleet::u64 wait_ns, std::vector<Delivery>& out, std::string& text) override {
    out.clear();
    if (!connection_.wait(text)) return connection_.outcome_without();
    // A server ends each request. One that it has not ended was for a consumer that is gone, for instance with its stream:
    // nobody answers for that.
    if (credit_ > 0 && os::monotonic_now_ns() >= good_until_ns_) subscription_.reset();
    if (!subscription_)
      if (const Outcome bound = bind(text); bound != Outcome::done) return bound;
    if (credit_ <= 0)
      if (const Outcome asked = request(most, text); asked != Outcome::done) return asked;
    std::int64_t wait_ms = std::min<std::int64_t>(static_cast<std::int64_t>(wait_ns / 1'000'000) + 1, time_out_ms);
    for (; out.size() < most && credit_ > 0; wait_ms = 0) {
      natsMsg* got = nullptr;
      if (natsSubscription_NextMsg(&got, subscription_.get(), wait_ms) != NATS_OK) break;
      const Message message(got);
      if (!is_status(got)) add(got, out);
    }
    return Outcome::done;
  }

  Outcome acknowledge(std::span<const fleet::u64> tickets, std::string& text) override { return answer(tickets, "+ACK", text); }
  Outcome end(std::span<const fleet::u64> tickets, std::string& text) override { return answer(tickets, "+TERM", text); }

  Outcome tell(const std::string& subject, std::string_view text_to_tell, std::string& text) override {
    if (!connection_.wait(text)) return connection_.outcome_without();
    jsPubOptions options;
    jsPubOptions_Init(&options);
    std::uint64_t sequence = 0;
    return store(connection_, archived_stream, {subject, {}, text_to_tell}, options, sequence, text);
  }

  // By one delete a message. A purge of a subject would be one call, but makes servers (2.9.10) pass over the messages of all
  // other subjects that are older than what is left of this one, also where nobody has acknowledged or got them yet. Nobody
  // answers a delete: what stays for that comes once more when the consumer is begun anew, and is deleted then.
  Outcome trim(const std::string& subject, fleet::u64 below_sequence, std::string& text) override {
    if (!connection_.wait(text)) return connection_.outcome_without();
    const std::string call = fmt::format("$JS.API.STREAM.MSG.DELETE.{}", log_stream);
    const std::uint64_t asked = connection_.refusals();
    std::set<fleet::u64>& sequences = delivered_[subject];
    natsStatus status = NATS_OK;
    while (status == NATS_OK && !sequences.empty() && *sequences.begin() < below_sequence) {
      const std::string what = fmt::format(R"({{"seq":{},"no_erase":true}})", *sequences.begin());
      status = natsConnection_PublishString(connection_.get(), call.c_str(), what.c_str());
      sequences.erase(sequences.begin());
    }
    return connection_.outcome(status, 0, fmt::format("trim {} below {}", subject, below_sequence), call, asked, text);
  }

 private:
  // Begins the consumer anew, and subscribes to it.
  Outcome bind(std::string& text) {
    const std::string what = fmt::format("consumer {} of the stream {}", consumer, log_stream);
    auto code = static_cast<jsErrCode>(0);
    const std::uint64_t asked = connection_.refusals();
    const natsStatus removed = js_DeleteConsumer(connection_.stream_api(), log_stream, consumer, nullptr, &code);
    if (removed != NATS_OK && code != JSConsumerNotFoundErr && code != JSStreamNotFoundErr)
      return connection_.outcome(removed, static_cast<int>(code), what, consumer, asked, text);
    replies_.clear(), delivered_.clear();
    jsConsumerConfig config;
    jsConsumerConfig_Init(&config);
    config.Durable = consumer, config.FilterSubject = all_logs, config.AckPolicy = js_AckExplicit;
    config.AckWait = acknowledge_wait_ns, config.MaxAckPending = most_in_hand;
    jsConsumerInfo* info = nullptr;
    natsStatus status = js_AddConsumer(&info, connection_.stream_api(), log_stream, &config, nullptr, &code);
    jsConsumerInfo_Destroy(info);
    natsSubscription* made = nullptr;
    if (status == NATS_OK) status = natsConnection_SubscribeSync(&made, connection_.get(), new_inbox().c_str());
    if (status == NATS_OK) status = natsSubscription_SetPendingLimits(made, -1, -1);  // a request limits what comes
    subscription_.reset(made), credit_ = 0;
    return connection_.outcome(status, static_cast<int>(code), what, consumer, asked, text);
  }

  // One that no other subscription has, so that what comes late for that one is not taken for this one's.
  const std::string& new_inbox() {
    natsInbox* unique = nullptr;
    natsInbox_Create(&unique);
    const std::string_view made = unique != nullptr ? unique : "";
    inbox_ = connection_.inbox() + "." + std::string(made.substr(made.rfind('.') + 1));
    natsInbox_Destroy(unique);
    return inbox_;
  }

  Outcome request(std::size_t most, std::string& text) {
    const std::string subject = fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", log_stream, consumer);
    const std::string what =
        fmt::format(R"({{"batch":{},"max_bytes":{},"expires":{}}})", most, most_bytes_of_a_request, request_ns);
    const std::uint64_t asked = connection_.refusals();
    const natsStatus status =
        natsConnection_PublishRequestString(connection_.get(), subject.c_str(), inbox_.c_str(), what.c_str());
    credit_ = static_cast<std::int64_t>(most);
    good_until_ns_ = os::monotonic_now_ns() + static_cast<fleet::u64>(request_ns + second_ns);
    return connection_.outcome(status, 0, "ask for messages", subject, asked, text);
  }

  // A status ends the request: its time is over, or its bytes are used up. Any other means that the consumer is being deleted,
  // or has no leader.
  bool is_status(natsMsg* message) {
    const char* code = nullptr;
    if (natsMsgHeader_Get(message, "Status", &code) != NATS_OK || code == nullptr) return false;
    const char* described = nullptr;
    natsMsgHeader_Get(message, "Description", &described);
    const std::string_view is = code, why = described != nullptr ? described : "";
    if (is == "100") return true;  // a heartbeat
    credit_ = 0;
    if (is != "408" && is != "404" && !(is == "409" && why.find("MaxBytes") != std::string_view::npos)) subscription_.reset();
    return true;
  }

  // The ticket is the message's sequence: what comes again has the same, and the newer delivery is the one to answer.
  void add(natsMsg* message, std::vector<Delivery>& out) {
    --credit_;
    jsMsgMetaData* about = nullptr;
    if (natsMsg_GetMetaData(&about, message) != NATS_OK) return;  // no message of a consumer
    const std::uint64_t sequence = about->Sequence.Stream;
    jsMsgMetaData_Destroy(about);
    replies_[sequence] = natsMsg_GetReply(message);
    delivered_[natsMsg_GetSubject(message)].insert(sequence);
    const std::string_view data(natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message)));
    out.push_back({.ticket = sequence,
                   .subject = natsMsg_GetSubject(message),
                   .message = {.sequence = sequence, .headers = headers_of(message), .data = std::string(data)}});
  }

  Outcome answer(std::span<const fleet::u64> tickets, const char* word, std::string& text) {
    if (tickets.empty()) return Outcome::done;
    if (!connection_.wait(text)) return connection_.outcome_without();
    const std::uint64_t asked = connection_.refusals();
    natsStatus status = NATS_OK;
    for (const fleet::u64 ticket : tickets) {
      const auto reply = replies_.find(ticket);
      if (reply == replies_.end()) continue;
      if (status == NATS_OK) status = natsConnection_PublishString(connection_.get(), reply->second.c_str(), word);
      replies_.erase(reply);
    }
    if (status == NATS_OK) status = natsConnection_FlushTimeout(connection_.get(), time_out_ms);
    return connection_.outcome(status, 0, fmt::format("{} for the stream {}", word, log_stream), "$JS.ACK", asked, text);
  }

  Connection& connection_;
  Subscription subscription_;
  std::string inbox_;
  std::int64_t credit_ = 0;  // messages that the request still permits
  fleet::u64 good_until_ns_ = 0;
  std::map<fleet::u64, std::string> replies_;              // by ticket
  std::map<std::string, std::set<fleet::u64>> delivered_;  // by subject: what was not trimmed yet
};

}  // namespace

std::unique_ptr<fleet::ReceivingEngine> receiving_engine(Connection& connection) {
  return std::make_unique<Receiving>(connection);
}

}  // namespace shmring::forward
