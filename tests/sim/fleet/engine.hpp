// An engine that keeps few promises, for hosts and archive both: it forgets, doubles, reorders, answers late, loses answers
// though it took effect, takes messages from two publishers that race, and says of an older message that it is the last.
//
// Invariant: what it delivers was once published, whole. All else is as the dice decide, so that a seed replays it. Without
// errors it does all it is asked.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/fleet/engine.hpp"
#include "tests/sim/disk.hpp"

namespace sim {

namespace fleet = shmring::fleet;

// Each: once in so many times; 0: never.
struct EngineTrouble {
  u64 unknown = 0, late = 0, stale = 0, race = 0, full = 0, forget = 0, twice = 0, reorder = 0, skip = 0;
};

class Engine final : public fleet::PublishingEngine, public fleet::ReceivingEngine {
 public:
  Engine(u64 seed, std::size_t most_data) : dice_(seed), most_data_(most_data) {}

  EngineTrouble trouble;
  u64 now_ns = 0;
  std::vector<fleet::Outcome> answers;  // of the next calls of publish(), which then do nothing
  // Are called for each message that is acknowledged, and for each text that hosts are told, before anything is done.
  std::function<void(const std::string& subject, const fleet::Stored&)> on_acknowledge = [](const auto&, const auto&) {};
  std::function<void(const std::string& subject, std::string_view)> on_tell = [](const auto&, std::string_view) {};
  std::function<void(const std::string&)> story = [](const std::string&) {};

  std::size_t most_data() override { return most_data_; }
  fleet::Outcome last(const std::string& subject, std::optional<fleet::Stored>& out, std::string& text) override;
  fleet::Outcome publish(const std::string& subject, const fleet::Headers& headers, std::string_view data, u64 last_sequence,
                         u64& sequence, std::string& text) override;

  fleet::Outcome fetch(std::size_t most, u64 wait_ns, std::vector<fleet::Delivery>& out, std::string& text) override;
  fleet::Outcome acknowledge(std::span<const u64> tickets, std::string& text) override;
  fleet::Outcome end(std::span<const u64> tickets, std::string& text) override;
  fleet::Outcome tell(const std::string& subject, std::string_view text_to_tell, std::string& text) override;
  fleet::Outcome trim(const std::string& subject, u64 below_sequence, std::string& text) override;

  // What happens by itself: what was late takes effect, and messages are forgotten.
  void act();
  // The messages of a subject, in their order.
  std::vector<fleet::Stored> messages(const std::string& subject) const;
  void forget_all() { messages_.clear(); }
  void add(const std::string& subject, const fleet::Headers& headers, std::string_view data) { store(subject, headers, data); }
  u64 forgotten() const { return forgotten_; }

 private:
  struct Message {
    fleet::Stored stored;
    std::string subject;
    u64 due_ns = 0;  // when it is delivered next
    bool is_over = false;
  };
  struct Late {
    std::string subject;
    fleet::Headers headers;
    std::string data;
    u64 last_sequence;
  };
  u64 store(const std::string& subject, const fleet::Headers& headers, std::string_view data);
  u64 last_sequence_of(const std::string& subject) const;
  void forget();
  // Decides what becomes of a call: done, or unknown, and then whether it takes effect.
  fleet::Outcome fate(bool& takes_effect, std::string& text);

  Dice dice_;
  const std::size_t most_data_;
  std::map<u64, Message> messages_;  // by sequence
  std::map<u64, std::pair<std::string, fleet::Stored>> tickets_;
  std::map<std::string, std::vector<fleet::Stored>> told_;  // by subject; the last one holds
  std::vector<Late> late_;
  u64 next_sequence_ = 1, next_ticket_ = 1, forgotten_ = 0;
};

}  // namespace sim
