// What a host does over NATS: reads the last message of a subject, and publishes behind it.
#include <fmt/format.h>

#include <charconv>

#include "tools/forward/nats_engines.hpp"

namespace shmring::forward {
namespace {

using fleet::Outcome;
using fleet::Stored;

constexpr std::int64_t usual_payload = 1 << 20;  // of a server that was not told otherwise
constexpr std::int64_t room_for_headers = 4096;

// Returns 0 where it is not there, or no number.
std::uint64_t number_of(natsMsg* message, const char* header) {
  const char* text = nullptr;
  if (natsMsgHeader_Get(message, header, &text) != NATS_OK || text == nullptr) return 0;
  const std::string_view digits = text;
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return error == std::errc() && end == digits.data() + digits.size() ? out : 0;
}

class Publishing final : public fleet::PublishingEngine {
 public:
  explicit Publishing(Connection& connection) : connection_(connection) {}

  std::size_t most_data() override {
    const std::int64_t most = natsConnection_GetMaxPayload(connection_.get());
    if (most > room_for_headers) most_data_ = static_cast<std::size_t>(most - room_for_headers);
    return most_data_;
  }

  // Any replica answers, so the message may be older than the last. No right is needed beyond that for the subject.
  Outcome last(const std::string& subject, std::optional<Stored>& out, std::string& text) override {
    out.reset();
    if (!connection_.wait(text)) return connection_.outcome_without();
    const char* stream = subject.starts_with(fleet::archived_subjects) ? archived_stream : log_stream;
    const std::string call = fmt::format("$JS.API.DIRECT.GET.{}.{}", stream, subject);
    const std::string what = fmt::format("last message of {}", subject);
    const std::uint64_t asked = connection_.refusals();
    Message answer;
    const natsStatus status = connection_.ask(call, "", answer);
    if (status != NATS_OK) return connection_.outcome(status, 0, what, subject, asked, text);
    const char* code = nullptr;
    natsMsgHeader_Get(answer.get(), "Status", &code);
    if (code != nullptr && std::string_view(code) == "404") return Outcome::done;
    const std::uint64_t sequence = number_of(answer.get(), "Nats-Sequence");
    if (code != nullptr || sequence == 0) {
      text =
          fmt::format("{}: the server's answer has {}", what, code != nullptr ? "status " + std::string(code) : "no sequence");
      return Outcome::unknown;
    }
    const std::string_view data(natsMsg_GetData(answer.get()), static_cast<std::size_t>(natsMsg_GetDataLength(answer.get())));
    out = Stored{.sequence = sequence, .headers = headers_of(answer.get()), .data = std::string(data)};
    return Outcome::done;
  }

  Outcome publish(const std::string& subject, const fleet::Headers& headers, std::string_view data, fleet::u64 last_sequence,
                  fleet::u64& sequence, std::string& text) override {
    if (!connection_.wait(text)) return connection_.outcome_without();
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.ExpectLastSubjectSeq = last_sequence;
    options.ExpectNoMessage = last_sequence == 0;
    return store(connection_, log_stream, {subject, headers, data}, options, sequence, text);
  }

 private:
  Connection& connection_;
  std::size_t most_data_ = usual_payload - room_for_headers;
};

}  // namespace

Outcome store(Connection& connection, const char* stream, const Letter& letter, jsPubOptions& options, std::uint64_t& sequence,
              std::string& text) {
  const std::string what = fmt::format("publish on {}", letter.subject);
  const std::uint64_t asked = connection.refusals();
  natsMsg* made = nullptr;
  natsStatus status =
      natsMsg_Create(&made, letter.subject.c_str(), nullptr, letter.data.data(), static_cast<int>(letter.data.size()));
  const Message message(made);
  for (const auto& [key, value] : letter.headers)
    if (status == NATS_OK) status = natsMsgHeader_Set(made, key.c_str(), value.c_str());
  options.MaxWait = time_out_ms;
  options.ExpectStream = stream;
  jsPubAck* ack = nullptr;
  auto code = static_cast<jsErrCode>(0);
  if (status == NATS_OK) status = js_PublishMsg(&ack, connection.stream_api(), made, &options, &code);
  const Acknowledgement owner(ack);
  if (status == NATS_OK) sequence = ack->Sequence;
  return connection.outcome(status, static_cast<int>(code), what, letter.subject, asked, text);
}

std::unique_ptr<fleet::PublishingEngine> publishing_engine(Connection& connection) {
  return std::make_unique<Publishing>(connection);
}

}  // namespace shmring::forward
