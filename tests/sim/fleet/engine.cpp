// An engine that keeps few promises: see engine.hpp.
#include "tests/sim/fleet/engine.hpp"

#include <algorithm>

namespace sim {
namespace {

using fleet::Outcome;

constexpr u64 again_ns = 5'000'000'000;  // behind a delivery that was not acknowledged

}  // namespace

Outcome Engine::fate(bool& takes_effect, std::string& text) {
  takes_effect = true;
  if (!dice_.once_in(trouble.unknown)) return Outcome::done;
  takes_effect = dice_.once_in(2);
  text = "no answer";
  return Outcome::unknown;
}

u64 Engine::last_sequence_of(const std::string& subject) const {
  for (auto sent = messages_.rbegin(); sent != messages_.rend(); ++sent)
    if (sent->second.subject == subject) return sent->first;
  return 0;
}

std::vector<fleet::Stored> Engine::messages(const std::string& subject) const {
  std::vector<fleet::Stored> out;
  for (const auto& [sequence, message] : messages_)
    if (message.subject == subject) out.push_back(message.stored);
  return out;
}

u64 Engine::store(const std::string& subject, const fleet::Headers& headers, std::string_view data) {
  const u64 sequence = next_sequence_++;
  messages_[sequence] = {{sequence, headers, std::string(data)}, subject, now_ns, false};
  return sequence;
}

Outcome Engine::last(const std::string& subject, std::optional<fleet::Stored>& out, std::string& text) {
  bool takes_effect;
  out.reset();
  if (const Outcome outcome = fate(takes_effect, text); outcome != Outcome::done) return outcome;
  const bool is_stale = dice_.once_in(trouble.stale);
  if (const auto told = told_.find(subject); told != told_.end()) {
    const auto& all = told->second;
    out = is_stale ? all[dice_.below(all.size())] : all.back();
    return Outcome::done;
  }
  u64 steps = is_stale ? dice_.below(3) : 0;
  for (auto sent = messages_.rbegin(); sent != messages_.rend(); ++sent) {
    if (sent->second.subject != subject) continue;
    out = sent->second.stored;
    if (steps-- == 0) break;
  }
  return Outcome::done;
}

Outcome Engine::publish(const std::string& subject, const fleet::Headers& headers, std::string_view data, u64 last_sequence,
                        u64& sequence, std::string& text) {
  text = "no answer";
  if (!answers.empty()) {
    const Outcome outcome = answers.front();
    answers.erase(answers.begin());
    return outcome;
  }
  if (data.size() > most_data_) return text = "too large", Outcome::refused;
  if (dice_.once_in(trouble.full)) return text = "no room", Outcome::full;
  if (dice_.once_in(trouble.late)) {
    late_.push_back({subject, headers, std::string(data), last_sequence});
    return Outcome::unknown;
  }
  bool takes_effect;
  const Outcome outcome = fate(takes_effect, text);
  if (!takes_effect) return outcome;
  if (last_sequence_of(subject) != last_sequence && !dice_.once_in(trouble.race)) return text = "wrong last", Outcome::conflict;
  sequence = store(subject, headers, data);
  story("published " + std::to_string(sequence) + " " + subject + " " + headers[0].second + " " + headers[1].second +
        (outcome == Outcome::done ? "" : ", no answer"));
  return outcome;
}

Outcome Engine::fetch(std::size_t most, u64, std::vector<fleet::Delivery>& out, std::string& text) {
  bool takes_effect;
  if (const Outcome outcome = fate(takes_effect, text); outcome != Outcome::done) return outcome;
  for (auto& [sequence, message] : messages_) {
    if (out.size() >= most) break;
    if (message.is_over || message.due_ns > now_ns) continue;
    if (dice_.once_in(trouble.skip)) continue;
    message.due_ns = now_ns + again_ns;
    for (int times = dice_.once_in(trouble.twice) ? 2 : 1; times > 0; --times) {
      out.push_back({next_ticket_, message.subject, message.stored});
      tickets_[next_ticket_++] = {message.subject, message.stored};
    }
  }
  for (std::size_t i = 1; i < out.size(); ++i)
    if (dice_.once_in(trouble.reorder)) std::swap(out[i - 1], out[i]);
  return Outcome::done;
}

Outcome Engine::acknowledge(std::span<const u64> tickets, std::string& text) {
  for (const u64 ticket : tickets) on_acknowledge(tickets_.at(ticket).first, tickets_.at(ticket).second);
  return end(tickets, text);
}

Outcome Engine::end(std::span<const u64> tickets, std::string& text) {
  bool takes_effect;
  const Outcome outcome = fate(takes_effect, text);
  for (const u64 ticket : tickets)
    if (const auto found = messages_.find(tickets_.at(ticket).second.sequence); found != messages_.end() && takes_effect)
      found->second.is_over = true;
  return outcome;
}

Outcome Engine::tell(const std::string& subject, std::string_view text_to_tell, std::string& text) {
  on_tell(subject, text_to_tell);
  bool takes_effect;
  const Outcome outcome = fate(takes_effect, text);
  if (takes_effect) told_[subject].push_back({next_sequence_++, {}, std::string(text_to_tell)});
  story("told " + subject + " " + std::string(text_to_tell));
  return outcome;
}

Outcome Engine::trim(const std::string& subject, u64 below_sequence, std::string& text) {
  bool takes_effect;
  const Outcome outcome = fate(takes_effect, text);
  const u64 last = last_sequence_of(subject);
  if (takes_effect)
    std::erase_if(messages_,
                  [&](const auto& at) { return at.second.subject == subject && at.first < std::min(below_sequence, last); });
  return outcome;
}

void Engine::act() {
  if (!late_.empty() && dice_.once_in(3)) {
    const Late& message = late_.front();
    if (last_sequence_of(message.subject) == message.last_sequence || dice_.once_in(trouble.race)) {
      const u64 sequence = store(message.subject, message.headers, message.data);
      story("late: published " + std::to_string(sequence) + " " + message.headers[0].second + " " + message.headers[1].second);
    }
    late_.erase(late_.begin());
  }
  if (dice_.once_in(trouble.forget)) forget();
}

// All of it, a suffix, a message in the midst, or what hosts were told.
void Engine::forget() {
  const u64 before = messages_.size();
  switch (dice_.below(4)) {
    case 0:
      messages_.clear();
      if (dice_.once_in(2)) told_.clear();
      break;
    case 1:
      messages_.erase(messages_.lower_bound(next_sequence_ - std::min(next_sequence_, dice_.below(8))), messages_.end());
      break;
    case 2:
      if (!messages_.empty()) {
        auto at = messages_.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(dice_.below(messages_.size())));
        messages_.erase(at);
      }
      break;
    default: told_.clear();
  }
  forgotten_ += before - messages_.size();
  story("forgot " + std::to_string(before - messages_.size()) + " messages");
}

}  // namespace sim
