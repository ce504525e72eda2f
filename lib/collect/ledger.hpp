// The ledger keeps one account for each incarnation, and the rule that each sequence is in the log exactly once. Values go in
// and values come out; there is no shared memory, no file and no clock.
//
// It makes steps 5 and 6 of a pass: records that were taken, and what the entries said, become the lines for the log, in order.
//
// Invariants:
//   - `through` is the whole account: every sequence up to it is in a line that this ledger has given out, and none above it;
//   - a gap's loss line comes before the event behind the gap. An attach line comes before every other line of its incarnation;
//   - what settle() has given out counts as logged. Its caller must append these lines, or end;
//   - a closed account is kept until forget_closed(), so that no line of it is ever written twice;
//   - an incarnation that is over never gets another line, whatever the table or a record says, and whichever collector closed
//     it. A scribbled entry may name such an incarnation again;
//   - a producer's name in the log is a valid name, whatever its entry contains.
#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/log/format/line.hpp"
#include "lib/ring/found.hpp"

namespace shmring::collect {

using log::Accounts;
using log::AccountState;
using log::Cause;
using log::Causes;
using log::Event;
using log::Gone;
using log::Incarnations;
using log::Life;
using log::LifeLine;
using log::Line;
using log::Loss;
using log::Note;
using log::RingAccounts;
using ring::u16;
using ring::u32;
using ring::u64;
using ring::u8;

// A new producer, with the path of its program ("" if that cannot be read).
struct Arrival {
  ring::Attachment who;
  std::string exe;
};

// How far a producer's account has come on.
struct Advance {
  u32 entry;
  u64 incarnation, through, refused;
};

// A taken record, with what the segment's tables and clock say of it.
struct Record {
  ring::RawRecord taken;
  u64 time_ns;                 // UTC
  std::string_view type_name;  // empty: none
};

// Sorts each producer's records by sequence, and records of different producers by time, as far as the first order allows.
void order(std::vector<Record>& records);

class Ledger {
 public:
  // `overwrite` says that whatever a range lost beyond its refusals was overwritten. Otherwise it can only be corrupt.
  explicit Ledger(bool overwrite) : overwrite_(overwrite) {}

  // Called before the first pass, with what the log says of this ring.
  void recover(const RingAccounts& known);

  // Drops an account that no entry names any more. If it was open, this writes a gone line.
  void drop(u64 incarnation, u64 now_ns);

  // Called after the first reading of the entries. Drops all accounts that no entry names.
  template <class Names>
  void drop_absent(const Names& is_named, u64 now_ns) {
    std::vector<u64> absent;
    for (const auto& [incarnation, account] : accounts_)
      if (!is_named(incarnation)) absent.push_back(incarnation);
    std::ranges::sort(absent);
    for (u64 incarnation : absent) drop(incarnation, now_ns);
  }

  void meet(const std::vector<Arrival>& arrivals, u64 now_ns);  // attach lines
  void enter(std::span<const Record> records, u64 now_ns);      // step 5: events, and the losses in front of them
  void settle(const std::vector<ring::Observation>& observations,
              u64 now_ns);  // step 6: losses behind the last event, closings
  void note(Note note) { lines_.push_back(std::move(note)); }

  // The lines since the last clear_lines. Their views last until then, or until forget_closed(), or until the taken records go.
  const std::vector<Line>& lines() const { return lines_; }
  void clear_lines() { lines_.clear(), dropped_.clear(); }
  void begin_pass() { closed_.clear(), closed_incarnations_.clear(); }

  // Appends to `out` how far the lines since the last call have brought their accounts.
  void take_advances(std::vector<Advance>& out) {
    out.insert(out.end(), advances_.begin(), advances_.end());
    advances_.clear();
  }
  // Appends how far all accounts are that an entry names.
  void append_known(std::vector<Advance>& out) const;
  // The entries that this pass has closed. They may be freed once the lines are in the log, …
  const std::vector<u32>& closed() const { return closed_; }
  void forget_closed();  // … and this is called when they were freed

  u64 through(u64 incarnation) const;  // 0: the incarnation is not known
  RingAccounts accounts() const;       // includes all lines given out; names no ring, since the caller knows which it is
  bool empty() const { return accounts_.empty(); }
  u64 events() const { return events_; }
  const Causes& losses() const { return losses_; }

 private:
  struct Account {
    std::string producer, exe, claimed;
    u64 incarnation = 0, through = 0, start_time = 0;
    bool open = true;
    Causes causes;
    u64 refused_before = 0;  // refusals that another log holds
    u64 corrupt = 0;         // corrupt slots whose sequences the account has still to pass
    u64 corrupt_until = 0;   // and which are not above this sequence
    u32 entry = no_entry, pid = 0, uid = 0, lane = 0;
    u64 refused() const { return refused_before + causes.refusals(); }
  };
  static constexpr u32 no_entry = ~u32{0};
  // Each failed attach leaves a hole in the numbers. Older ranges than these could be named only by a scribble.
  static constexpr std::size_t most_ranges_over = 1024;

  Account* find(u64 incarnation);
  void note_over(u64 incarnation);
  bool sees_publishes(const Account& account) const { return !overwrite_ && account.corrupt == 0; }
  void advance(Account& account, u64 through);
  Causes explain(Account& account, u64 count, u32 refused_now, u16 mask) const;
  Causes explain_closing(Account& account, const ring::Observation& observation) const;
  void lose(Account& account, u64 last, Causes causes, u64 now_ns);
  void close(Account& account, const ring::Observation& observation, u64 now_ns);
  void touch(const Account& account);
  void incident(std::string what, u64 now_ns, const Account* account, u64 lane, u64 position);

  bool overwrite_;
  using AccountMap = std::unordered_map<u64, Account>;
  AccountMap accounts_;  // by incarnation
  Incarnations over_;    // closed and forgotten, or dropped
  std::vector<AccountMap::node_type> dropped_;
  std::vector<Line> lines_;
  std::vector<Advance> advances_;
  std::vector<u32> closed_;
  std::vector<u64> closed_incarnations_;
  u64 events_ = 0;
  Causes losses_;
};

}  // namespace shmring::collect
