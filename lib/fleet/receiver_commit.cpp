// How what was written comes to survive a power cut, and who is told: see receiver.hpp.
//
// Invariant: a message is acknowledged, and a host is told, only behind the sync of what it is about.
#include <algorithm>

#include "lib/fleet/receiver_parts.hpp"
#include "lib/os/error.hpp"

namespace shmring::fleet {
namespace {

constexpr u64 wanted_again_ns = 30 * second;  // while nothing comes
constexpr u64 wanted_in_conflict_ns = 600 * second;

}  // namespace

void Receiver::Parts::commit(u64 now) {
  commit_all(now);
  tell_hosts();
  flush_ends();
}

void Receiver::Parts::commit_all(u64 now) {
  commit_due_ns_.reset();
  for (auto& [name, log] : logs)
    if (!log.tickets.empty() || log.store.is_uncommitted()) commit_one(log, now);
  std::string text;
  if (!acknowledged_.empty()) engine_did(engine_.acknowledge(acknowledged_, text), "acknowledge", text);
  acknowledged_.clear();  // what it did not hear of comes again
  ++status.commits;
}

void Receiver::Parts::commit_one(KeptLog& log, u64 now) {
  const u64 before = log.store.committed().index;
  if (log.store.commit() != 0) return failed(log, os::last_error(), now);
  if (log.store.is_repeating()) return;  // its messages are acknowledged when it has gone beyond what was there
  status.lines += log.store.committed().index - std::min(before, log.store.committed().index);
  acknowledged_.insert(acknowledged_.end(), log.tickets.begin(), log.tickets.end());
  log.tickets.clear();
  if (log.last_sequence > 0) log.trim_below = std::max(log.trim_below, log.last_sequence);
  log.last_sequence = 0;
  log.is_to_be_told = true;
}

// The flag is committed before the messages are ended, so a receiver that is killed in between asks again.
void Receiver::Parts::want_what_is_missing(u64 now) {
  for (auto& [name, log] : logs) {
    if (!log.gap_due_ns || now < *log.gap_due_ns || !make_ready(log, now)) continue;
    const bool is_conflict = log.seen.state == Keeping::conflict;
    ++log.seen.gaps;
    if (log.store.set_wanted() != 0) {
      failed(log, os::last_error(), now);
      continue;
    }
    commit_one(log, now);
    if (!log.store.is_open()) continue;
    if (!is_conflict) {
      log.seen.state = Keeping::gap;
      log.seen.text = "archive " + log.store.path() + ": lines from " + std::to_string(log.store.committed().index) +
                      " on are missing, and were asked for";
      say(Weight::warning, "gap", log.store.path(), log.seen.text);
    }
    ended_.insert(ended_.end(), log.gap_tickets.begin(), log.gap_tickets.end());
    log.gap_tickets.clear();
    log.gap_due_ns = now + (is_conflict ? wanted_in_conflict_ns : wanted_again_ns);
  }
}

// What fails is tried again with the next step.
void Receiver::Parts::tell_hosts() {
  for (auto& [name, log] : logs) {
    std::string text;
    if (log.is_to_be_told) {
      const Committed& committed = log.store.committed();
      const log::Archived archived{committed.file, committed.bytes, committed.index, committed.wanted};
      const std::string subject = subject_of(archived_subjects, name);
      if (!engine_did(engine_.tell(subject, log::text_of(archived), text), "tell hosts what is archived", text)) return;
      log.is_to_be_told = false;
    }
    if (log.trim_below == 0) continue;
    if (!engine_did(engine_.trim(subject_of(log_subjects, name), log.trim_below, text), "trim", text)) return;
    log.trim_below = 0;
  }
}

void Receiver::Parts::flush_ends() {
  std::string text;
  if (!ended_.empty() && engine_did(engine_.end(ended_, text), "end messages", text)) ended_.clear();
}

bool Receiver::Parts::engine_did(Outcome outcome, const char* what, const std::string& text) {
  if (outcome == Outcome::done) return over("engine", what, std::string("the engine can ") + what + " again"), true;
  say(outcome == Outcome::refused ? Weight::alarm : Weight::warning, "engine", what,
      std::string("the engine cannot ") + what + ": " + text);
  return false;
}

void Receiver::Parts::say(Weight weight, const std::string& code, const std::string& key, const std::string& text) {
  if (active_.emplace(code + " " + key, text).second) said.push_back({weight, code, text});
}

void Receiver::Parts::over(const std::string& code, const std::string& key, const std::string& text) {
  if (active_.erase(code + " " + key) > 0) said.push_back({Weight::notice, code, text});
}

}  // namespace shmring::fleet
