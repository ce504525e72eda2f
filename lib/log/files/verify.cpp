// The proof that a log is whole: see verify.hpp.
#include "lib/log/files/verify.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <unordered_map>

#include "lib/log/files/explained.hpp"
#include "lib/log/format/parse.hpp"

namespace shmring::log {
namespace {

struct Tally {
  std::string producer;
  u64 through;
  enum class State : u8 { open, closed, gone } state;
  Causes lost;       // sums of its loss lines, including those before the log's first line
  u64 named_in = 0;  // index of the last accounts line that names it
};

// Compares a closing line's totals with the sums of the loss lines. Refusals that a loss line could not name may have a name by
// now.
bool may_close(const Causes& closing, const Causes& lost) {
  if (closing.total() != lost.total()) return false;
  for (std::size_t i = 0; i < cause_count; ++i) {
    const Cause cause = static_cast<Cause>(i);
    if (cause == Cause::refused) continue;
    if (i < refusal_causes ? closing[cause] < lost[cause] : closing[cause] != lost[cause]) return false;
  }
  return true;
}

// Of the ranges that are over a collector's line names the newest 1024, and a few more if a recovery has made it.
constexpr std::size_t most_ranges_over = 1u << 14;

// One for each ring, since an incarnation is a number of one ring.
struct RingLedger {
  std::unordered_map<u64, Tally> accounts;  // open, or ended and not dropped yet
  std::vector<u64> ended;                   // the incarnations of the latter
  Incarnations over;  // no line of these may come: closed or gone, or named by the accounts line at the log's start
};

class Verifier {
 public:
  Verifier(Verdict& verdict, LineTaker* taker) : verdict_(verdict), taker_(taker) {}

  int run(const std::string& dir) {
    if (const int error = log_.open(dir)) return error;
    first_file_ = log_.file();
    if (taker_ != nullptr) taker_->begin();
    bool good = true;
    int got = 0;
    while (good && (got = log_.next(at_)) == 1) good = line();
    if (got < 0) return got;
    verdict_.files = log_.files_begun();
    verdict_.last_file = log_.file().name;
    verdict_.torn_bytes = good ? log_.tail_bytes() : 0;
    if (good && verdict_.lines == 0) {
      at_.number = 1;
      good = deviates("an accounts line", join("no whole line, ", log_.tail_bytes(), " bytes"));
    }
    good = good && explained_.all(log_, first_file_, verdict_.deviation);
    if (good) verdict_.not_explained = explained_.open();
    verdict_.open = open_;
    verdict_.proven = good;
    return 0;
  }

  // The files that were to be read next were removed meanwhile, as limits permit.
  bool was_overtaken() const { return !verdict_.proven && verdict_.lines > 0 && log_.begins_behind(verdict_.last_index + 1); }

 private:
  bool deviates(std::string expected, std::string found) {
    Deviation& out = verdict_.deviation;
    out.file = at_.file, out.line = at_.number, out.byte = at_.byte;
    out.expected = std::move(expected), out.found = std::move(found);
    return false;
  }
  bool deviates(u64 incarnation, u64 sequence, std::string expected, std::string found) {
    verdict_.deviation.incarnation = incarnation, verdict_.deviation.sequence = sequence;
    return deviates(std::move(expected), std::move(found));
  }

  bool line();
  bool place();
  bool content();
  bool account_line();
  bool attach();
  bool event(Tally& account);
  bool loss(Tally& account);
  bool closing(Tally& account);
  bool gone(Tally& account);
  void end(Tally& account, Tally::State how);
  bool accounts();
  bool accounts(RingLedger& ring, const std::vector<AccountState>& accounts, const Incarnations& over, u64& open);
  bool seed();
  bool seed(RingLedger& ring, const std::vector<AccountState>& accounts, const Incarnations& over);
  // Sets the ring that lines speak of from here on. If the line names none, it is still the one before.
  void present(const RingId& id) {
    if (id != RingId{}) present_ = &rings_[id];
  }
  bool is_both(const AccountState& said) {
    return deviates(said.incarnation, said.through, "an account, or that it is over", "both");
  }
  void drop_ended();
  Tally* find(RingLedger& ring, u64 incarnation);

  Verdict& verdict_;
  LineTaker* const taker_;
  Cursor log_;
  LogLine at_{};
  Parsed line_{};
  std::string file_;  // of the previous line
  LogFile first_file_{};
  Explained explained_;
  std::map<RingId, RingLedger> rings_;
  RingLedger* present_ = &rings_[RingId{}];  // the ring of lines that name none
  RingLedger* named_ = present_;             // the ring of this line
  u64 open_ = 0;
  u64 recent_incarnation_ = 0;
  Tally* recent_ = nullptr;  // lines of one producer come in runs
  const RingLedger* recent_ring_ = nullptr;
};

bool Verifier::line() {
  if (!at_.whole)
    return deviates("whole lines to the end: a later file follows", join(at_.tail_bytes, " bytes without a newline"));
  Mistake mistake{};
  if (!parse(at_.text, line_, mistake)) {
    const std::string_view there = at_.text.substr(mistake.offset, 24);
    return deviates(join(mistake.expected, " at byte ", mistake.offset, " of the line"), printable(there));
  }
  verdict_.readable = true;
  if (!place() || !content()) return false;
  ++verdict_.lines;
  verdict_.last_index = line_.index;
  if (taker_ != nullptr) taker_->take(at_, line_);
  return true;
}

bool Verifier::content() {
  switch (line_.kind) {
    case Kind::accounts: return accounts();
    case Kind::note:
      if (line_.kind_name == "start") present(line_.ring_id);
      explained_.note(line_, log_);
      return true;
    case Kind::unknown: ++verdict_.not_understood; return true;
    default: break;
  }
  named_ = present_;
  if (line_.ring_id != RingId{}) {
    const auto found = rings_.find(line_.ring_id);
    if (found == rings_.end() && line_.kind != Kind::attach)
      return deviates("a ring that a start, accounts or attach line named before", join("ring_id ", text_of(line_.ring_id)));
    named_ = found != rings_.end() ? &found->second : &rings_[line_.ring_id];
  }
  return line_.kind == Kind::attach ? attach() : account_line();
}

// Checks the line's index, its ring, and what a file's first line must be.
bool Verifier::place() {
  const bool begins_log = verdict_.lines == 0;
  if (begins_log) verdict_.ring = line_.ring, verdict_.first_index = at_.first_index;
  const u64 index = begins_log ? at_.first_index : verdict_.last_index + 1;
  const bool begins_file = at_.file != file_;
  if (begins_file) {
    if (at_.first_index > index)
      return deviates(join("a file that begins with index ", index), join("its name says ", at_.first_index));
    file_ = at_.file;
  }
  if (line_.index != index) return deviates(join("index ", index), join("index ", line_.index));
  if (at_.number == 1 && line_.kind != Kind::accounts)
    return deviates("an accounts line at a file's beginning", words(line_.kind_name));
  return line_.ring == verdict_.ring || deviates(join("ring ", verdict_.ring), join("ring ", line_.ring));
}

Tally* Verifier::find(RingLedger& ring, u64 incarnation) {
  if (recent_ != nullptr && incarnation == recent_incarnation_ && &ring == recent_ring_) return recent_;
  const auto found = ring.accounts.find(incarnation);
  if (found == ring.accounts.end()) return nullptr;
  recent_ring_ = &ring;
  recent_incarnation_ = incarnation;
  return recent_ = &found->second;
}

bool Verifier::attach() {
  const auto [place, added] = named_->accounts.try_emplace(line_.incarnation);
  if (!added || named_->over.contains(line_.incarnation))
    return deviates(line_.incarnation, 0, "an incarnation attaches once, before all its lines", "it was here before");
  place->second = {std::string(line_.producer), line_.first, Tally::State::open, {}, 0};
  ++open_;
  return true;
}

bool Verifier::account_line() {
  const u64 sequence = line_.kind == Kind::event || line_.kind == Kind::loss ? line_.first : line_.last;
  Tally* const account = find(*named_, line_.incarnation);
  if (account == nullptr && named_->over.contains(line_.incarnation)) {
    return deviates(line_.incarnation, sequence, "nothing of an incarnation that is over", words(line_.kind_name));
  }
  if (account == nullptr) {
    return deviates(line_.incarnation, sequence, "its attach line before it",
                    join(line_.kind_name, " of an unknown incarnation"));
  }
  if (account->state != Tally::State::open) {
    const std::string_view how = account->state == Tally::State::gone ? "gone" : "closing";
    return deviates(line_.incarnation, sequence, join("nothing after its ", how, " line"), words(line_.kind_name));
  }
  if (account->producer != line_.producer) {
    return deviates(line_.incarnation, sequence, join("producer ", account->producer), join("producer ", line_.producer));
  }
  switch (line_.kind) {
    case Kind::event: return event(*account);
    case Kind::loss: return loss(*account);
    case Kind::gone: return gone(*account);
    default: return closing(*account);
  }
}

bool Verifier::event(Tally& account) {
  if (line_.first != account.through + 1) {
    return deviates(line_.incarnation, line_.first, join("seq ", account.through + 1), join("seq ", line_.first));
  }
  account.through = line_.first;
  ++verdict_.events;
  verdict_.late += line_.late;
  verdict_.truncated += line_.truncated;
  return true;
}

bool Verifier::loss(Tally& account) {
  const auto wrong = [this](std::string expected, std::string found) {
    return deviates(line_.incarnation, line_.first, std::move(expected), std::move(found));
  };
  if (line_.first != account.through + 1) return wrong(join("a loss from ", account.through + 1), join("from ", line_.first));
  if (line_.last < line_.first) return wrong(join("last ≥ ", line_.first), join("last ", line_.last));
  const u64 count = line_.last - line_.first + 1;
  if (line_.count != count) return wrong(join("count ", count), join("count ", line_.count));
  if (line_.causes.total() != count) return wrong(join("causes that add up to ", count), join("to ", line_.causes.total()));
  account.through = line_.last;
  account.lost += line_.causes;
  verdict_.lost += line_.causes;
  return true;
}

bool Verifier::closing(Tally& account) {
  if (line_.last != account.through) {
    return deviates(line_.incarnation, account.through, join("last ", account.through), join("last ", line_.last));
  }
  if (!may_close(line_.causes, account.lost)) {
    return deviates(line_.incarnation, account.through, join("its loss lines' causes: ", in_words(account.lost)),
                    in_words(line_.causes));
  }
  verdict_.nested += line_.nested;
  end(account, Tally::State::closed);
  return true;
}

void Verifier::end(Tally& account, Tally::State how) {
  account.state = how;
  ++(how == Tally::State::gone ? verdict_.gone : verdict_.closed);
  named_->ended.push_back(line_.incarnation);
  named_->over.add(line_.incarnation);
  --open_;
}

bool Verifier::gone(Tally& account) {
  if (line_.last != account.through) {
    return deviates(line_.incarnation, account.through, join("through ", account.through), join("through ", line_.last));
  }
  end(account, Tally::State::gone);
  return true;
}

// Takes over what a log begins with if its earlier files are elsewhere. A log that begins with index 0 has nothing before it.
bool Verifier::seed() {
  present(line_.ring_id);
  if (!seed(*present_, line_.accounts, line_.over)) return false;
  return std::ranges::all_of(line_.retired,
                             [this](const RingAccounts& ring) { return seed(rings_[ring.ring], ring.accounts, ring.over); });
}

bool Verifier::seed(RingLedger& ring, const std::vector<AccountState>& accounts, const Incarnations& over) {
  const auto first = over.ranges().begin();
  if (verdict_.first_index == 0 && first != over.ranges().end())
    return deviates(first->first, 0, "no incarnation over before the log's first line", "one that is over");
  ring.over = over;
  for (const AccountState& said : accounts) {
    if (verdict_.first_index == 0) {
      return deviates(said.incarnation, said.through, "no accounts before the log's first line", "an account");
    }
    if (over.contains(said.incarnation)) return is_both(said);
    const Tally account{std::string(said.producer), said.through, said.open ? Tally::State::open : Tally::State::closed,
                        said.causes, line_.index};
    if (!ring.accounts.try_emplace(said.incarnation, account).second) {
      return deviates(said.incarnation, said.through, "each account once", "it is there twice");
    }
    open_ += said.open;
    if (said.open) continue;
    ++verdict_.closed;
    ring.ended.push_back(said.incarnation);
    ring.over.add(said.incarnation);
  }
  return true;
}

// Checks that an accounts line agrees with the lines before it. It names every open account, and those closed accounts that are
// not dropped yet. It says that dropped accounts are over, but an older log does not have that, and of many only the newest are
// there.
bool Verifier::accounts() {
  verdict_.sealed |= line_.tree.has_value();
  if (verdict_.lines == 0) return seed();
  present(line_.ring_id);
  u64 open = 0;
  if (!accounts(*present_, line_.accounts, line_.over, open)) return false;
  for (const RingAccounts& retired : line_.retired)
    if (!accounts(rings_[retired.ring], retired.accounts, retired.over, open)) return false;
  if (open != open_) return deviates(join("all ", open_, " open accounts, each once"), join(open, " of them"));
  drop_ended();
  return true;
}

// An account that is closed or gone, and that an accounts line does not name, is named by no later line.
void Verifier::drop_ended() {
  recent_ = nullptr;
  for (auto& [id, ring] : rings_) {
    std::erase_if(ring.ended, [&, &accounts = ring.accounts](u64 incarnation) {
      const auto account = accounts.find(incarnation);
      const bool dropped = account->second.named_in != line_.index;
      if (dropped) accounts.erase(account);
      return dropped;
    });
    ring.over.keep_newest(most_ranges_over + ring.ended.size());
  }
}

bool Verifier::accounts(RingLedger& ring, const std::vector<AccountState>& accounts, const Incarnations& over, u64& open) {
  for (const auto& [first, last] : over.ranges()) {
    if (!ring.over.contains(first, last))
      return deviates(first, 0, "over: only incarnations that were closed or are gone", join("over: ", first, " to ", last));
  }
  for (const AccountState& said : accounts) {
    const auto wrong = [&](std::string expected, std::string found) {
      return deviates(said.incarnation, said.through, std::move(expected), std::move(found));
    };
    if (over.contains(said.incarnation)) return is_both(said);
    Tally* const account = find(ring, said.incarnation);
    if (account == nullptr && ring.over.contains(said.incarnation))
      return wrong("nothing of an incarnation that is over", "its account");
    if (account == nullptr) return wrong("only accounts that the log knows", "an unknown incarnation");
    if (account->state == Tally::State::gone) return wrong("nothing after its gone line", "its account");
    if (account->producer != said.producer)
      return wrong(join("producer ", account->producer), join("producer ", said.producer));
    if (account->through != said.through) return wrong(join("through ", account->through), join("through ", said.through));
    const bool is_open = account->state == Tally::State::open;
    if (is_open != said.open) return wrong(is_open ? "open" : "closed", said.open ? "open" : "closed");
    if (account->lost != said.causes)
      return wrong(join("causes ", in_words(account->lost)), join("causes ", in_words(said.causes)));
    if (account->named_in == line_.index) return wrong("each account once", "it is there twice");
    account->named_in = line_.index;
    open += said.open;
  }
  return true;
}

}  // namespace

int verify(const std::string& dir, Verdict& verdict, LineTaker* taker) {
  while (true) {
    verdict = {};
    Verifier verifier(verdict, taker);
    const int error = verifier.run(dir);
    if (error != 0 || !verifier.was_overtaken()) return error;
  }
}

}  // namespace shmring::log
