// The log in memory: see memory_log.hpp. Compiled once for all tests, for what it is made of is slow to compile.
#include "tests/support/memory_log.hpp"

#include <variant>

namespace plain {

namespace {

std::string text(shmring::ring::u64 incarnation) { return std::to_string(incarnation & 0x3fffff); }

}  // namespace

std::string text(const log::Causes& causes) {
  std::string out;
  for (std::size_t i = 0; i < causes.count.size(); ++i)
    if (causes.count[i] != 0)
      out += " " + std::string(log::name_of(static_cast<log::Cause>(i))) + "=" + std::to_string(causes.count[i]);
  return out;
}

MemoryLog::MemoryLog() = default;
MemoryLog::~MemoryLog() = default;

shmring::ring::u64 MemoryLog::append(std::span<const log::Line> batch, const shmring::ring::RingId&) {
  for (const log::Line& line : batch) pending_.push_back(owned(line));
  return ++batches_;
}

log::Commit MemoryLog::commit() {
  if (full) return {committed_, committed_ + 1};
  while (!pending_.empty()) {
    if (lives_for == 0) throw Crash{};
    if (lives_for > 0) --lives_for;
    append(pending_.front());
    pending_.pop_front();
  }
  texts_.clear();
  committed_ = batches_;
  return {committed_, committed_ + 1};  // nothing is ever durable
}

void MemoryLog::forget_pending() { pending_.clear(), texts_.clear(), committed_ = batches_; }

void MemoryLog::append(const log::Line& line) {
  std::visit([this](const auto& it) { add(it); }, line);
}

log::RingAccounts MemoryLog::recovered() const {
  log::RingAccounts out{{}, {}, over_};
  for (const auto& [incarnation, account] : recovered_)
    out.accounts.push_back({account.producer, incarnation, account.through, !account.closed, account.causes});
  return out;
}

log::Line MemoryLog::owned(log::Line line) {
  const auto keep = [this](std::string_view& view) { view = texts_.emplace_back(view); };
  if (auto* event = std::get_if<log::Event>(&line)) {
    keep(event->producer), keep(event->type_name);
    const std::string& bytes = texts_.emplace_back(reinterpret_cast<const char*>(event->payload.data()), event->payload.size());
    event->payload = std::as_bytes(std::span(bytes));
  }
  if (auto* loss = std::get_if<log::Loss>(&line)) keep(loss->producer);
  if (auto* life = std::get_if<log::LifeLine>(&line)) keep(life->producer), keep(life->exe), keep(life->claimed);
  if (auto* gone = std::get_if<log::Gone>(&line)) keep(gone->producer);
  return line;
}

void MemoryLog::must(bool holds, const char* rule) {
  if (!holds && broken.empty()) broken = lines.back() + ": " + rule;
}

void MemoryLog::cover(u64 incarnation, u64 first, u64 last) {
  Fold& fold = truth_[incarnation];
  must(fold.attached && !fold.closed, "outside its producer's life");
  must(first == fold.through + 1, "not the next sequence");
  must(last >= first, "an empty range");
  fold.through = last;
  if (recovered_.count(incarnation) != 0) recovered_[incarnation].through = last;
}

void MemoryLog::add(const log::Event& event) {
  lines.push_back("event " + text(event.incarnation) + "." + std::to_string(event.sequence) + (event.late ? " late" : ""));
  payloads.emplace_back(reinterpret_cast<const char*>(event.payload.data()), event.payload.size());
  if (!event.type_name.empty()) types.emplace_back(event.type_name);
  cover(event.incarnation, event.sequence, event.sequence);
}

void MemoryLog::add(const log::Loss& loss) {
  lines.push_back("loss " + text(loss.incarnation) + "." + std::to_string(loss.first) + "-" + std::to_string(loss.last) +
                  text(loss.causes));
  must(loss.causes.total() == loss.last - loss.first + 1, "causes that do not add up");
  cover(loss.incarnation, loss.first, loss.last);
  truth_[loss.incarnation].causes += loss.causes;
  if (recovered_.count(loss.incarnation) != 0) recovered_[loss.incarnation].causes += loss.causes;
}

void MemoryLog::add(const log::LifeLine& line) {
  const bool attach = line.life == log::Life::attach;
  lines.push_back((attach                           ? "attach "
                   : line.life == log::Life::detach ? "detach "
                                                    : "died ") +
                  text(line.incarnation) +
                  (attach ? line.from > 0 ? " from " + std::to_string(line.from) : "" : " last " + std::to_string(line.last)) +
                  text(line.causes) + (line.nested > 0 ? " nested=" + std::to_string(line.nested) : ""));
  Fold& fold = truth_[line.incarnation];
  must(fold.attached != attach && !fold.closed, attach ? "a second attach line" : "not open");
  if (attach) {
    fold.attached = true, fold.through = line.from, fold.producer = line.producer;
    recovered_[line.incarnation] = fold;
    return;
  }
  must(line.last == fold.through, "last is not what the lines cover");
  must(line.causes.total() == fold.causes.total(), "totals are not the sum of the losses");
  fold.closed = true;
  recovered_[line.incarnation].closed = true;
}

void MemoryLog::add(const log::Accounts& line) {
  lines.push_back("accounts");
  for (const auto& [first, last] : line.over.ranges())
    for (u64 incarnation = first; incarnation <= last; ++incarnation)
      must(truth_.count(incarnation) != 0 && truth_[incarnation].closed, "over, though it is not closed");
  over_ = line.over;
  recovered_.clear();
  for (const log::AccountState& account : line.accounts) {
    lines.back() += " " + text(account.incarnation) + ":" + std::to_string(account.through) + (account.open ? "" : "!");
    recovered_[account.incarnation] = {std::string(account.producer), account.through, true, !account.open, account.causes};
  }
}

void MemoryLog::add(const log::Gone& line) {
  lines.push_back("gone " + text(line.incarnation) + " through " + std::to_string(line.through));
  truth_[line.incarnation].closed = true;
  recovered_.erase(line.incarnation);
  over_.add(line.incarnation);
}

void MemoryLog::add(const log::Note& line) {
  lines.push_back(line.kind);
  for (const auto& pair : line.pairs)
    if (pair.key == "what") lines.back() += " " + pair.value;
}

}  // namespace plain
