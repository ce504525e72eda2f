// The ledger: see ledger.hpp. This file decides how losses get their causes.
//
// Let R be the refusals that the log holds of an incarnation. A record or observation says how many refusals there were so far,
// so the difference tells how many sequences of a gap were refused. The rest was overwritten (policy overwrite), corrupt (its
// slot was seen to be), or died.
#include "lib/collect/ledger.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "lib/log/files/cursor.hpp"
#include "lib/ring/validate.hpp"

namespace shmring::collect {

// A line's causes have the numbers that the ring gives them.
static_assert(log::cause_count == ring::causes && log::refusal_causes == ring::refusal_causes);
static_assert(static_cast<int>(Cause::full) == static_cast<int>(ring::Cause::full) &&
              static_cast<int>(Cause::retired) == static_cast<int>(ring::Cause::retired) &&
              static_cast<int>(Cause::overwritten) == static_cast<int>(ring::Cause::overwritten) &&
              static_cast<int>(Cause::refused) == static_cast<int>(ring::Cause::refused));
static_assert(6 * (ring::longest_record + u64{2} * ring::max_slot_bytes) + (128 << 10) <= log::max_line_bytes,
              "every record has a line");

namespace {

constexpr u64 u32_range = u64{1} << 32;

Note::Pair number(std::string key, u64 value) { return {std::move(key), std::to_string(value), true}; }

// Returns the one cause of a mask, or refused if the mask has none or several.
Cause sole_cause(u16 mask) {
  const bool sole = std::popcount(mask) == 1 && mask < 1u << ring::refusal_causes;
  return sole ? static_cast<Cause>(std::countr_zero(mask)) : Cause::refused;
}

// Returns the name in an entry, limited to the characters of a name. A reader of the log may then take that text for the name
// itself. Attach accepts no other names, but a scribble may leave one.
std::string name_in_log(const char* name) {
  std::string text = name;
  for (char& c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!plain && c != '.' && c != '-') c = '_';
  }
  return text;
}

}  // namespace

void order(std::vector<Record>& records) {
  const auto is_faulty = [](const Record& d) { return d.taken.fault != ring::RawRecord::Fault::none; };
  const auto is_before = [](const Record& a, const Record& b) {
    if (a.taken.incarnation != b.taken.incarnation) return a.taken.incarnation < b.taken.incarnation;
    return a.taken.header->sequence < b.taken.header->sequence;
  };
  // This is the usual case of one busy producer: sorting takes longer than looking.
  const bool is_one_producers = std::none_of(records.begin(), records.end(), is_faulty) &&
                                std::is_sorted(records.begin(), records.end(), is_before) &&
                                (records.empty() || records.front().taken.incarnation == records.back().taken.incarnation);
  // Faults need no order, and what they say of themselves must not affect other records. They come first, because the gaps
  // behind them need to know of them.
  auto sound = records.begin();
  if (!is_one_producers) {
    sound = std::stable_partition(records.begin(), records.end(), is_faulty);
    std::stable_sort(sound, records.end(), is_before);
  }
  // Make sure that a producer's clock never goes back in the log's order. Then one sort by time keeps its sequences in order.
  for (auto it = sound; it != records.end(); ++it)
    if (it != sound && it->taken.incarnation == std::prev(it)->taken.incarnation)
      it->time_ns = std::max(it->time_ns, std::prev(it)->time_ns);
  if (is_one_producers) return;
  std::stable_sort(sound, records.end(), [](const Record& a, const Record& b) { return a.time_ns < b.time_ns; });
}

void Ledger::recover(const RingAccounts& known) {
  over_ = known.over;
  for (const AccountState& state : known.accounts) {
    Account& account = accounts_[state.incarnation];
    account.producer = state.producer;
    account.incarnation = state.incarnation;
    account.through = state.through;
    account.open = state.open;
    account.causes = state.causes;
    account.pid = state.pid;
    account.start_time = state.start_time;
  }
}

Ledger::Account* Ledger::find(u64 incarnation) {
  const auto it = accounts_.find(incarnation);
  return it == accounts_.end() ? nullptr : &it->second;
}

void Ledger::note_over(u64 incarnation) {
  over_.add(incarnation);
  over_.keep_newest(most_ranges_over);
}

void Ledger::meet(const std::vector<Arrival>& arrivals, u64 now_ns) {
  for (const Arrival& arrival : arrivals) {
    const ring::Attachment& who = arrival.who;
    Account* known = find(who.incarnation);
    if (known == nullptr && over_.contains(who.incarnation)) {
      lines_.push_back(Note{"incident",
                            now_ns,
                            {{"what", "an entry names an incarnation that is over: nothing of it is logged"},
                             number("inc", who.incarnation),
                             number("entry", who.entry)}});
      continue;
    }
    Account& account = known != nullptr ? *known : accounts_[who.incarnation];
    account.exe = arrival.exe;
    account.claimed = who.identity.program;
    account.entry = who.entry;
    account.pid = who.owner.pid;
    account.start_time = who.owner.start_time;
    account.uid = who.identity.uid;
    account.lane = who.lane;
    if (known != nullptr) {
      const u64 refused = known->causes.refusals();
      // The entry says less if the last lines, of which it may not have been told, hold refusals.
      if (who.logged.through <= known->through && who.logged.refused > refused)
        known->refused_before = who.logged.refused - refused;
      if (who.logged.through > known->through)
        lines_.push_back(Note{"incident",
                              now_ns,
                              {{"what", "lines are gone from the end of this log: their sequences count as lost"},
                               number("inc", who.incarnation),
                               number("first", known->through + 1),
                               number("last", who.logged.through)}});
      continue;
    }
    account.producer = name_in_log(who.identity.name);
    account.incarnation = who.incarnation;
    account.through = who.logged.through;
    account.refused_before = who.logged.refused;
    lines_.push_back(LifeLine{Life::attach,
                              account.producer,
                              account.incarnation,
                              now_ns,
                              account.pid,
                              account.uid,
                              account.lane,
                              account.exe,
                              account.through,
                              0,
                              {},
                              0,
                              account.start_time,
                              account.claimed});
    if (account.through > 0) incident("sequences before `from` are in another log", now_ns, &account, account.lane, 0);
    if (who.owner.start_time == 0)
      incident("producer in another pid or time namespace: never judged dead", now_ns, &account, account.lane, 0);
  }
}

void Ledger::enter(std::span<const Record> records, u64 now_ns) {
  Account* account = nullptr;
  u64 of = 0;  // a producer's records often follow each other, and an account keeps its place
  for (const Record& entered : records) {
    const ring::RawRecord& taken = entered.taken;
    const ring::RecordHeader& record = *taken.header;
    if (account == nullptr || taken.incarnation != of) account = find(of = taken.incarnation);
    if (taken.fault != ring::RawRecord::Fault::none || account == nullptr) {
      if (account != nullptr && taken.not_above > account->through) {  // otherwise its loss is in the log already
        ++account->corrupt;
        account->corrupt_until = std::max(account->corrupt_until, taken.not_above);
      }
      incident(account != nullptr ? "corrupt record" : "record of an unknown producer", now_ns, account, taken.place.lane,
               taken.place.position);
      continue;
    }
    if (record.sequence <= account->through) continue;  // an earlier collector logged it and died before the release
    if (!account->open) {
      incident("record of a producer whose account is closed", now_ns, account, taken.place.lane, taken.place.position);
      continue;
    }
    const u64 gap = record.sequence - account->through - 1;
    if (gap > 0) lose(*account, record.sequence - 1, explain(*account, gap, record.refused, record.why), now_ns);
    if (record.flags & ring::flag_aborted) {
      Causes own;
      own.count[record.kind] = 1;
      lose(*account, record.sequence, own, now_ns);
      continue;
    }
    Event event{account->producer,
                account->incarnation,
                record.sequence,
                taken.place.lane,
                taken.place.position,
                entered.time_ns,
                record.type,
                entered.type_name,
                record.kind,
                record.severity,
                {},
                taken.payload,
                (record.flags & ring::flag_truncated) != 0,
                taken.late};
    std::memcpy(event.correlation.data(), record.correlation, sizeof record.correlation);
    lines_.emplace_back(event);
    advance(*account, record.sequence);
    ++events_;
  }
}

void Ledger::settle(const std::vector<ring::Observation>& observations, u64 now_ns) {
  for (const ring::Observation& observation : observations) {
    Account* account = find(observation.incarnation);
    if (observation.closing) {
      if (account != nullptr && account->open) close(*account, observation, now_ns);
      closed_.push_back(observation.entry);
      closed_incarnations_.push_back(observation.incarnation);
      continue;
    }
    if (account == nullptr || !account->open) continue;
    const u64 last = observation.account.last_finished();
    if (last <= account->through) continue;
    // If the low bits show that a refusal belongs to the attempt in flight, it is not part of the range. If a publish may also
    // have gone unseen, which clears the mask, then the mask may belong to this refusal alone.
    const bool of_next = !observation.account.finished && observation.refusals.count != 0 &&
                         observation.refusals.last == static_cast<u16>(observation.account.attempted) &&
                         observation.refusals.count != static_cast<u32>(account->refused());
    const u32 refused = observation.refusals.count - (of_next ? 1 : 0);
    const u16 mask = of_next && !sees_publishes(*account) ? 0 : observation.refusals.mask;
    lose(*account, last, explain(*account, last - account->through, refused, mask), now_ns);
  }
}

// Explains a range that an open account passes over. The count of refusals is known only modulo 2^32. Without overwriting, all
// that is missing was refused, except for records seen corrupt, so the largest count that fits is meant. With overwriting, the
// smallest is meant. With overwriting, or beside a corrupt slot, the mask names at most one refusal, because the publish of an
// aborted claim, which clears the mask, may have gone unseen.
Causes Ledger::explain(Account& account, u64 count, u32 refused_now, u16 mask) const {
  u64 refused = static_cast<u32>(refused_now - static_cast<u32>(account.refused()));
  refused = std::min(refused, count);
  if (!overwrite_) refused += (count - refused) / u32_range * u32_range;
  Causes causes;
  const u64 rest = count - refused;
  const bool named = rest == 0 && (refused == 1 || sees_publishes(account));
  causes[named ? sole_cause(mask) : Cause::refused] = refused;
  const u64 corrupt = overwrite_ ? std::min(rest, account.corrupt) : rest;
  causes[Cause::corrupt] += corrupt;
  causes[Cause::overwritten] += rest - corrupt;
  account.corrupt -= std::min(account.corrupt, corrupt);
  return causes;
}

// Explains the last range of a producer that is dead or has left. Its counters decide. The attempt in flight died, unless a
// counter names it. If its slot was taken, the attempt is not in the range.
Causes Ledger::explain_closing(Account& account, const ring::Observation& observation) const {
  const u64 count = observation.account.attempted - account.through;
  bool counted = false;
  u64 total = 0;
  u16 mask = observation.refusals.mask;
  Causes by_name;
  for (std::size_t i = 0; i < ring::refusal_causes; ++i) {
    const ring::Counter counter = observation.counters[i];
    total += counter.count;
    const u64 logged = account.causes.count[i];
    by_name.count[i] = counter.count - std::min<u64>(logged, counter.count);
    if (counter.count == 0 || counter.last != static_cast<u32>(observation.account.attempted)) continue;
    counted = true;
    mask |= static_cast<u16>(1u << i);
  }
  const u64 in_flight = observation.account.finished || counted ? 0 : 1;
  Causes causes = explain(account, count - in_flight, static_cast<u32>(total), mask);
  // Refusals of several causes still get their names, unless an earlier line had to leave some unnamed.
  if (account.refused_before == 0 && account.causes[Cause::refused] == 0 && by_name.total() == causes[Cause::refused] &&
      causes[Cause::refused] != 0) {
    causes[Cause::refused] = 0;
    causes += by_name;
  }
  const bool was_corrupt = account.corrupt > 0;  // its slot was taken, so it had been published
  causes[was_corrupt ? Cause::corrupt : Cause::died] += in_flight;
  return causes;
}

void Ledger::lose(Account& account, u64 last, Causes causes, u64 now_ns) {
  lines_.push_back(Loss{account.producer, account.incarnation, account.through + 1, last, now_ns, causes});
  account.causes += causes;
  losses_ += causes;
  advance(account, last);
}

void Ledger::close(Account& account, const ring::Observation& observation, u64 now_ns) {
  if (observation.account.attempted > account.through)
    lose(account, observation.account.attempted, explain_closing(account, observation), now_ns);
  // The refusals are named by the counters if these agree with the log. The other causes are summed from the log.
  Causes totals = account.causes;
  u64 counted = 0;
  bool agree = account.refused_before == 0;
  for (std::size_t i = 0; i < ring::refusal_causes; ++i) {
    counted += observation.counters[i].count;
    agree = agree && observation.counters[i].count >= account.causes.count[i];  // a scribbled counter may be below
  }
  if (agree && counted == account.causes.refusals()) {
    for (std::size_t i = 0; i < ring::refusal_causes; ++i) totals.count[i] = observation.counters[i].count;
    totals[Cause::refused] = 0;
  }
  lines_.push_back(LifeLine{observation.died ? Life::died : Life::detach, account.producer, account.incarnation, now_ns,
                            account.pid, account.uid, account.lane, account.exe, 0, account.through, totals,
                            observation.nested});
  account.open = false;
}

void Ledger::drop(u64 incarnation, u64 now_ns) {
  auto node = accounts_.extract(incarnation);
  if (node.empty()) return;
  const Account& account = node.mapped();
  if (account.open) lines_.push_back(Gone{account.producer, account.incarnation, account.through, now_ns});
  note_over(incarnation);
  dropped_.push_back(std::move(node));  // the line has a view of it
}

// Slots that were seen corrupt are behind the account once it has come past them.
void Ledger::advance(Account& account, u64 through) {
  account.through = through;
  if (through >= account.corrupt_until) account.corrupt = 0;
  touch(account);
}

void Ledger::append_known(std::vector<Advance>& out) const {
  for (const auto& [incarnation, account] : accounts_)
    if (account.entry != no_entry) out.push_back({account.entry, incarnation, account.through, account.refused()});
}

void Ledger::touch(const Account& account) {
  if (account.entry == no_entry) return;
  const Advance advance{account.entry, account.incarnation, account.through, account.refused()};
  if (!advances_.empty() && advances_.back().entry == advance.entry) {
    advances_.back() = advance;
  } else {
    advances_.push_back(advance);
  }
}

void Ledger::incident(std::string what, u64 now_ns, const Account* account, u64 lane, u64 position) {
  Note note{"incident", now_ns, {{"what", std::move(what)}}};
  if (account != nullptr) {
    note.pairs.push_back({"producer", account->producer});
    note.pairs.push_back(number("inc", account->incarnation));
  }
  note.pairs.push_back(number("lane", lane));
  note.pairs.push_back(number("pos", position));
  lines_.push_back(std::move(note));
}

void Ledger::forget_closed() {
  for (const u64 incarnation : closed_incarnations_)
    if (accounts_.erase(incarnation) != 0) note_over(incarnation);
  closed_incarnations_.clear();
}

u64 Ledger::through(u64 incarnation) const {
  const auto it = accounts_.find(incarnation);
  return it == accounts_.end() ? 0 : it->second.through;
}

RingAccounts Ledger::accounts() const {
  // There may be thousands: their places are sorted, which is cheaper than to sort them.
  std::vector<std::pair<u64, const Account*>> sorted;
  sorted.reserve(accounts_.size());
  for (const auto& [incarnation, account] : accounts_) sorted.emplace_back(incarnation, &account);
  std::ranges::sort(sorted, {}, &std::pair<u64, const Account*>::first);
  RingAccounts all{{}, {}, over_};
  all.accounts.reserve(sorted.size());
  for (const auto& [incarnation, account] : sorted)
    all.accounts.push_back(
        {account->producer, incarnation, account->through, account->open, account->causes, account->pid, account->start_time});
  return all;
}

}  // namespace shmring::collect
