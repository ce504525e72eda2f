// Figures for Prometheus: see figures.hpp.
#include "tools/forward/figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace shmring::tool {
namespace {

constexpr std::pair<fleet::Sending, const char*> sendings[] = {
    {fleet::Sending::asking, "asking"}, {fleet::Sending::sending, "sending"}, {fleet::Sending::full, "full"},
    {fleet::Sending::no_log, "no_log"}, {fleet::Sending::refused, "refused"}, {fleet::Sending::lost_position, "lost_position"}};
constexpr fleet::Keeping keepings[] = {fleet::Keeping::whole, fleet::Keeping::gap, fleet::Keeping::conflict,
                                       fleet::Keeping::refused};

// A label's value: names come from other hosts.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string seconds(u64 ns) { return fmt::format("{:.3f}", static_cast<double>(ns) / 1e9); }

class Text {
 public:
  Text& metric(const char* name, const char* type, const char* help) {
    name_ = name;
    out_ += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
    return *this;
  }
  Text& sample(const std::string& labels, const std::string& value) {
    out_ += labels.empty() ? fmt::format("{} {}\n", name_, value) : fmt::format("{}{{{}}} {}\n", name_, labels, value);
    return *this;
  }
  Text& sample(const std::string& labels, u64 value) { return sample(labels, std::to_string(value)); }
  std::string take() { return std::move(out_); }

 private:
  std::string name_, out_;
};

template <class Facts>
struct Row {
  const char *name, *type, *help;
  std::function<std::string(const Facts&)> value;
};

template <class Facts, class Labels>
void put(Text& text, const std::vector<Row<Facts>>& rows, const std::vector<Facts>& all, const Labels& labels) {
  for (const Row<Facts>& row : rows) {
    text.metric(row.name, row.type, row.help);
    for (const Facts& one : all) text.sample(labels(one), row.value(one));
  }
}

std::string labels_of(const fleet::LogName& name) {
  return fmt::format("host={},ring={},log={}", quoted(name.host), quoted(name.ring), quoted(name.log));
}

}  // namespace

std::string forward_figures(const std::string& host, const std::vector<SenderFacts>& senders, u64 now_ns) {
  const auto labels = [&](const SenderFacts& one) {
    return fmt::format("host={},ring={},dir={}", quoted(host), quoted(one.ring), quoted(one.dir));
  };
  const auto count = [](u64 fleet::ForwardStatus::*member) {
    return [member](const SenderFacts& one) { return std::to_string(one.status.*member); };
  };
  const auto lag = [](const SenderFacts& one) {
    const u64 has = one.status.archived ? one.status.archived->index : 0;
    return std::to_string(one.status.durable > has ? one.status.durable - has : 0);
  };
  const auto behind = [&](const SenderFacts& one) {
    return seconds(one.behind_since_ns == 0 || one.behind_since_ns > now_ns ? 0 : now_ns - one.behind_since_ns);
  };
  using S = fleet::ForwardStatus;
  const std::vector<Row<SenderFacts>> rows{
      {"shmring_forward_lag_lines", "gauge", "Lines that are durable here and that the archive does not have yet.", lag},
      {"shmring_forward_lag_seconds", "gauge", "How long the archive has lacked a line that was durable here.", behind},
      {"shmring_forward_durable_lines", "gauge", "Lines of the log that survive a power cut of this host.", count(&S::durable)},
      {"shmring_forward_lines_total", "counter", "Lines that were sent, also again.", count(&S::lines)},
      {"shmring_forward_bytes_total", "counter", "Bytes of these lines.", count(&S::bytes)},
      {"shmring_forward_packed_bytes_total", "counter", "Bytes of these lines as they were sent.", count(&S::packed_bytes)},
      {"shmring_forward_messages_total", "counter", "Messages that were sent.", count(&S::messages)},
      {"shmring_forward_rewinds_total", "counter", "Times that the archive wanted something once more.", count(&S::rewinds)},
      {"shmring_forward_differences_total", "counter", "Differences between what was sent and the file here.",
       count(&S::differences)}};
  Text text;
  put(text, rows, senders, labels);
  text.metric("shmring_forward_state", "gauge", "1 for the state in which the log is.");
  for (const SenderFacts& one : senders)
    for (const auto& [state, name] : sendings)
      text.sample(labels(one) + fmt::format(",state=\"{}\"", name), u64{one.status.state == state});
  text.metric("shmring_forward_outcomes_total", "counter", "Messages by what became of them.");
  for (const SenderFacts& one : senders)
    for (std::size_t i = 0; i < one.status.outcomes.size(); ++i)
      text.sample(labels(one) + fmt::format(",outcome=\"{}\"", fleet::name_of(static_cast<fleet::Outcome>(i))),
                  one.status.outcomes[i]);
  return text.take();
}

std::string receive_figures(const ReceiverFacts& facts, u64 now_ns) {
  using L = fleet::ReceivedLog;
  const auto labels = [](const L& one) { return labels_of(one.name); };
  const auto count = [](u64 L::*member) { return [member](const L& one) { return std::to_string(one.*member); }; };
  const auto silence = [&](const L& one) {
    const u64 heard = std::max(one.last_message_ns, facts.begun_ns);
    return seconds(now_ns > heard ? now_ns - heard : 0);
  };
  const std::vector<Row<L>> rows{
      {"shmring_archive_lines", "gauge", "The archive has the lines below this index.",
       [](const L& one) { return std::to_string(one.archived.index); }},
      {"shmring_archive_silence_seconds", "gauge", "How long nothing came from the log.", silence},
      {"shmring_archive_messages_total", "counter", "Messages that came.", count(&L::messages)},
      {"shmring_archive_repeated_total", "counter", "Messages that the archive had already.", count(&L::repeated)},
      {"shmring_archive_gaps_total", "counter", "Messages that came before what belongs before them.", count(&L::gaps)},
      {"shmring_archive_conflicts_total", "counter", "Messages that differ from what the archive has.", count(&L::conflicts)}};
  Text text;
  put(text, rows, facts.logs, labels);
  text.metric("shmring_archive_state", "gauge", "1 for the state in which the archive's log is.");
  for (const L& one : facts.logs)
    for (const fleet::Keeping state : keepings)
      text.sample(labels(one) + fmt::format(",state=\"{}\"", fleet::name_of(state)), u64{one.state == state});
  text.metric("shmring_receive_trouble", "gauge", "1 while the archive's disk or the servers keep it from receiving.")
      .sample("", u64{!facts.status.trouble.empty()});
  text.metric("shmring_receive_messages_total", "counter", "Messages that came.").sample("", facts.status.messages);
  text.metric("shmring_receive_lines_total", "counter", "Lines that were written.").sample("", facts.status.lines);
  text.metric("shmring_receive_bytes_total", "counter", "Bytes of these lines.").sample("", facts.status.bytes);
  text.metric("shmring_receive_commits_total", "counter", "Commits to the archive's disk.").sample("", facts.status.commits);
  text.metric("shmring_receive_refused_total", "counter", "Messages that no archive can take: a name or header is none.")
      .sample("", facts.status.refused_messages);
  return text.take();
}

}  // namespace shmring::tool
