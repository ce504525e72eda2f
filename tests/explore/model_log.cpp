// The log of an exploration.
#include "tests/explore/model_log.hpp"

#include <algorithm>

#include "tests/explore/scheduler.hpp"

namespace explore {

using namespace shmring::log;

namespace {
std::string number(u64 value) { return std::to_string(value & 0x3fffff); }  // incarnations: without their base

u64 digest_of(const Causes& causes) {
  u64 hash = 0;
  for (u64 count : causes.count) hash = mix(hash, count);
  return hash;
}
}  // namespace

void ModelLog::clear() { accounts_.clear(), truths_.clear(), lines_ = 0; }

Truth& ModelLog::truth_of(u64 incarnation) {
  for (Named& named : truths_) {
    if (named.incarnation == incarnation) return named.truth;
  }
  truths_.push_back({incarnation, {}});
  return truths_.back().truth;
}

const Truth* ModelLog::truth(u64 incarnation) const {
  for (const Named& named : truths_) {
    if (named.incarnation == incarnation) return &named.truth;
  }
  return nullptr;
}

AccountState* ModelLog::account(u64 incarnation) {
  for (AccountState& account : accounts_) {
    if (account.incarnation == incarnation) return &account;
  }
  return nullptr;
}

std::string ModelLog::append(const Line& line) {
  ++lines_;
  return std::visit([this](const auto& it) { return append(it); }, line);
}

std::string ModelLog::append(const Event& line) {
  Truth& truth = truth_of(line.incarnation);
  if (!truth.attached) return "an event before its attach line";
  if (truth.closed) return "an event after its producer's closing line";
  if (line.sequence <= truth.through) return "a sequence is in the log twice (event)";
  if (line.sequence != truth.through + 1) return "a hole in front of an event";
  truth.through = line.sequence, ++truth.events;
  if (AccountState* it = account(line.incarnation)) it->through = line.sequence;
  return "";
}

std::string ModelLog::append(const Loss& line) {
  Truth& truth = truth_of(line.incarnation);
  if (!truth.attached) return "a loss line before its attach line";
  if (truth.closed) return "a loss line after its producer's closing line";
  if (line.last < line.first) return "an empty loss line";
  if (line.first <= truth.through) return "a sequence is in the log twice (loss)";
  if (line.first != truth.through + 1) return "a hole in front of a loss line";
  if (line.causes.total() != line.last - line.first + 1) return "a loss line's causes do not add up to its count";
  truth.through = line.last, truth.losses += line.causes;
  if (AccountState* it = account(line.incarnation)) it->through = line.last, it->causes += line.causes;
  return "";
}

std::string ModelLog::append(const LifeLine& line) {
  Truth& truth = truth_of(line.incarnation);
  if (line.life == Life::attach) {
    if (truth.attached) return "a second attach line";
    if (line.from != 0) return "an attach line that speaks of another log";
    truth.attached = true;
    if (account(line.incarnation) == nullptr) accounts_.push_back({"p", line.incarnation, 0, true, {}});
    return "";
  }
  if (!truth.attached) return "a closing line before its attach line";
  if (truth.closed) return "a second closing line";
  if (line.last != truth.through) return "a closing line whose last is not what the lines before it cover";
  // Refusals of several causes may be unnamed in the loss lines; all else is the same sum.
  bool same = line.causes.refusals() == truth.losses.refusals() && line.causes.total() == truth.losses.total();
  for (Cause cause : {Cause::overwritten, Cause::died, Cause::corrupt, Cause::collector})
    same = same && line.causes[cause] == truth.losses[cause];
  if (!same) return "a closing line whose causes are not the sums of its loss lines";
  truth.closed = true, truth.totals = line.causes;
  if (AccountState* it = account(line.incarnation)) it->open = false;
  return "";
}

std::string ModelLog::append(const Accounts& line) {
  accounts_.clear();
  for (AccountState account : line.accounts) {
    account.producer = "p";
    const Truth* known = truth(account.incarnation);
    if (known == nullptr) return "an accounts line names an incarnation that the log does not know";
    if (known->through != account.through || known->closed == account.open || known->losses != account.causes)
      return "an accounts line does not say what the lines before it say";
    accounts_.push_back(account);
  }
  for (const auto& [first, last] : line.over.ranges()) {
    for (u64 incarnation = first; incarnation <= last; ++incarnation) {
      const Truth* known = truth(incarnation);
      if (known == nullptr || !known->closed) return "an accounts line calls an incarnation over that is not closed";
    }
  }
  return "";
}

std::string ModelLog::append(const Gone&) { return "a gone line, although no segment was lost"; }

std::string ModelLog::append(const Note& line) {
  return line.kind == "incident" ? "an incident line, although nobody scribbled" : "";
}

u64 ModelLog::digest() const {
  u64 hash = 0;
  for (const auto& [incarnation, truth] : truths_) {  // in any order
    const u64 flags = (truth.attached ? 1 : 0) | (truth.closed ? 2 : 0);
    hash += mix(mix(mix(incarnation, truth.through << 2 | flags), truth.events),
                mix(digest_of(truth.losses), digest_of(truth.totals)));
  }
  hash = mix(hash, 0);
  for (const AccountState& account : accounts_)
    hash += mix(mix(account.incarnation, account.through << 1 | u64{account.open}), digest_of(account.causes));
  return hash;
}

namespace {
std::string text(const Event& line) {
  std::string out = "EVENT inc " + number(line.incarnation) + " seq " + std::to_string(line.sequence);
  return out + (line.late ? " (late)" : "");
}

std::string text(const Loss& line) {
  std::string out =
      "LOSS inc " + number(line.incarnation) + " seq " + std::to_string(line.first) + ".." + std::to_string(line.last);
  for (std::size_t i = 0; i < line.causes.count.size(); ++i) {
    if (line.causes.count[i] == 0) continue;
    out += ' ';
    out += name_of(static_cast<Cause>(i));
    out += '=' + std::to_string(line.causes.count[i]);
  }
  return out;
}

std::string text(const LifeLine& line) {
  const char* kind = line.life == Life::attach ? "ATTACH inc " : line.life == Life::detach ? "DETACH inc " : "DIED inc ";
  return kind + number(line.incarnation) + (line.life == Life::attach ? "" : " last " + std::to_string(line.last));
}

std::string text(const Accounts& line) {
  std::string out = "ACCOUNTS";
  for (const AccountState& account : line.accounts)
    out += " [inc " + number(account.incarnation) + " through " + std::to_string(account.through) +
           (account.open ? "]" : " closed]");
  return out;
}

std::string text(const Gone& line) { return "GONE inc " + number(line.incarnation); }
std::string text(const Note& line) { return "note " + line.kind; }
}  // namespace

std::string describe(const Line& line) {
  return std::visit([](const auto& it) { return text(it); }, line);
}

}  // namespace explore
