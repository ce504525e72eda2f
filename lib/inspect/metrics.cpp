// Figures as Prometheus reads them: see metrics.hpp.
#include "lib/inspect/metrics.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "lib/log/format/line.hpp"

namespace shmring::inspect {
namespace {

std::string label(std::string_view text) {
  std::string out(text);
  const auto is_plain = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' ||
           c == '/';
  };
  std::ranges::replace_if(
      out, [&](char c) { return !is_plain(c); }, '?');
  return out;
}

u64 age_of(u64 then_ns, u64 now_ns) { return now_ns > then_ns ? now_ns - then_ns : 0; }

// Seconds with milliseconds.
std::string seconds(u64 ns) {
  const std::string fraction = std::to_string(1000 + ns / 1'000'000 % 1000);
  return std::to_string(ns / 1'000'000'000) + "." + fraction.substr(1);
}

class Text {
 public:
  explicit Text(std::string_view ring) : ring_("ring=\"" + label(ring) + "\"") {}

  // Begins a metric, whose samples follow.
  Text& metric(const char* name, const char* type, const char* help) {
    name_ = std::string("shmring_") + name;
    out_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " " + type + "\n";
    return *this;
  }
  // `labels` are those beside the ring: ,name="value".
  Text& sample(const std::string& value, const std::string& labels = "") {
    out_ += name_ + "{" + ring_ + labels + "} " + value + "\n";
    return *this;
  }
  Text& sample(u64 value, const std::string& labels = "") { return sample(std::to_string(value), labels); }
  std::string take() { return std::move(out_); }

 private:
  std::string ring_, name_, out_;
};

std::string named(const char* name, std::string_view value) {
  return std::string(",") + name + "=\"" + std::string(value) + "\"";
}

void put_losses(Text& text, const CollectorFacts& collector) {
  text.metric("lost_total", "counter", "Sequences that the log reports as lost, since this collector began.");
  constexpr const char* older[] = {"full", "too_big", "died", "other"};
  if (!collector.has_more)
    for (std::size_t i = 0; i < std::size(older); ++i) text.sample(collector.older_lost_by[i], named("cause", older[i]));
  if (collector.has_more)
    for (std::size_t i = 0; i < std::size(collector.losses); ++i)
      text.sample(collector.losses[i], named("cause", log::name_of(static_cast<log::Cause>(i))));
}

void put_archive(Text& text, const CollectorFacts& collector, const std::string& age) {
  text.metric("archived_lines", "gauge", "Lines of the log that the archive has.").sample(*collector.archived());
  text.metric("archived_lag_lines", "gauge", "Lines of the log that the archive does not have.").sample(collector.unarchived());
  text.metric("archived_lag_seconds", "gauge", "Age of the oldest line that the archive does not have.").sample(age);
}

void put_collector(Text& text, const Inspection& facts, u64 now_ns, u64 now_utc_ns) {
  const CollectorFacts& collector = facts.collector;
  const bool syncs_soon = collector.level != ring::Level::none && collector.level != ring::Level::write;
  text.metric("collector_running", "gauge", "1 if a collector holds the ring.").sample(u64{collector.holds_lease});
  text.metric("alarm", "gauge", "1 as long as the condition lasts that `code` names.")
      .sample(u64{collector.log_is_failing()}, named("code", "log_failing"));
  if (collector.has_more) {
    for (u64 code = static_cast<u64>(ring::AlarmCode::log_lost); code < ring::alarm_codes; ++code)
      text.sample(u64{collector.alarm.code == code}, named("code", ring::name_of(ring::AlarmCode{code})));
    text.metric("log_lines", "gauge", "Lines of the log.").sample(collector.log.next_index);
    text.metric("durable_lines", "gauge", "Lines of the log that survive a power cut.").sample(collector.log.durable_index);
    const auto age = [now_ns](u64 since_ns) { return seconds(since_ns == 0 ? 0 : age_of(since_ns, now_ns)); };
    if (syncs_soon)
      text.metric("durable_lag_seconds", "gauge", "Age of the oldest line that may not survive a power cut.")
          .sample(age(collector.log.undurable_ns));
    if (collector.archived()) put_archive(text, collector, age(collector.log.unarchived_ns));
  }
  // Of a dead boot, whose clock counted from another moment, neither time is known.
  const auto time = [&](const char* name, u64 then_ns, const char* help) {
    if (then_ns != 0 && facts.header.this_boot.value_or(false))
      text.metric(name, "gauge", help).sample(seconds(age_of(age_of(then_ns, now_ns), now_utc_ns)));
  };
  time("heartbeat_timestamp_seconds", collector.heartbeat_ns, "Unix time of the collector's last sign of life.");
  if (syncs_soon)
    time("checkpoint_timestamp_seconds", collector.log.signed_ns, "Unix time at which the log's newest checkpoint was signed.");
  text.metric("collectors_total", "counter", "Collectors that this ring has had.").sample(collector.epoch);
  text.metric("logged_total", "counter", "Events written to the log, since this collector began.").sample(collector.logged);
  put_losses(text, collector);
  text.metric("collector_wakeups_total", "counter", "Times that the collector slept and woke.").sample(collector.wakeups);
  text.metric("collector_cpu_seconds_total", "counter", "Processor time of the collector.").sample(seconds(collector.cpu_ns));
}

void put_lanes(Text& text, const Inspection& facts) {
  u64 claimed = 0, drained = 0;
  for (const LaneFacts& lane : facts.lanes) claimed += lane.tail, drained += std::min(lane.head, lane.tail);
  text.metric("claimed_slots_total", "counter", "Slots that writes have taken, since the ring was made.").sample(claimed);
  text.metric("drained_slots_total", "counter", "Slots that a collector is done with, since the ring was made.")
      .sample(drained);
  text.metric("undrained_slots", "gauge", "Slots that no collector is done with.").sample(facts.undrained());
  text.metric("stalled_slots", "gauge", "Slots whose writers have claimed them and do not go on.")
      .sample(facts.collector.stalled);
}

// A producer that is attaching has no incarnation yet, and no figures.
void put_producers(Text& text, const Inspection& facts) {
  text.metric("producers", "gauge", "Places for producers that are taken.").sample(facts.producers.size());
  text.metric("producer_places", "gauge", "Places for producers.").sample(facts.header.geometry.producers);
  const auto each = [&](auto&& put) {
    for (const ProducerFacts& producer : facts.producers)
      if (producer.incarnation != 0)
        put(producer,
            named("producer", label(producer.identity.name)) + named("incarnation", std::to_string(producer.incarnation)));
  };
  text.metric("attempts_total", "counter", "Attempts to write of a producer that has not ended.");
  each([&](const ProducerFacts& one, const std::string& who) { text.sample(one.account.attempted, who); });
  text.metric("accepted_total", "counter", "Attempts of such a producer that were not refused.");
  each([&](const ProducerFacts& one, const std::string& who) {
    text.sample(one.account.attempted - std::min(one.refused(), one.account.attempted), who);
  });
  text.metric("refused_total", "counter", "Attempts of such a producer that were refused, by cause.");
  each([&](const ProducerFacts& one, const std::string& who) {
    for (std::size_t i = 0; i < std::size(one.counters); ++i)
      text.sample(one.counters[i].count, who + named("cause", log::name_of(static_cast<log::Cause>(i))));
  });
  text.metric("unlogged_attempts", "gauge", "Attempts of such a producer that no line of the log covers yet.");
  each([&](const ProducerFacts& one, const std::string& who) {
    text.sample(one.account.attempted - std::min(one.logged.through, one.account.attempted), who);
  });
}

}  // namespace

std::string metrics_text(const Inspection& facts, u64 now_ns, u64 now_utc_ns) {
  Text text(facts.header.ring);
  put_collector(text, facts, now_ns, now_utc_ns);
  put_lanes(text, facts);
  put_producers(text, facts);
  return text.take();
}

}  // namespace shmring::inspect
