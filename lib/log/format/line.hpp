// The lines of an audit log as plain values. encoder.hpp makes their text, and parse.hpp reads it back.
//
// Invariants:
//   - a value holds what its line says and nothing else. The encoder adds the index and the ring, which belong to the log;
//   - a line is about the ring that it names itself, or else about the ring that the last `start` or `accounts` line before it
//     names. An incarnation is a number of one ring, and a ring created again under the same name may give out the same one;
//   - keys stand in the order of the fields below and are never renamed. One value is one line, whatever bytes its payload has;
//   - string_views and spans point into memory that outlives the batch (the ledger's accounts, the reader's arena).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lib/log/format/frontier.hpp"
#include "lib/log/format/incarnations.hpp"
#include "lib/log/format/numbers.hpp"

namespace shmring::log {

// Losses by cause, in the order of Cause, which is the order of the keys of "causes".
struct Causes {
  std::array<u64, cause_count> count{};
  u64& operator[](Cause cause) { return count[static_cast<std::size_t>(cause)]; }
  u64 operator[](Cause cause) const { return count[static_cast<std::size_t>(cause)]; }
  Causes& operator+=(const Causes& other);
  u64 total() const;
  u64 refusals() const;  // the handle's own, with a known cause or not
  bool operator==(const Causes&) const = default;
};

std::string_view name_of(Cause cause);

struct Event {
  std::string_view producer;
  u64 incarnation, sequence;
  u32 lane;
  u64 position;
  u64 time_ns;  // UTC
  u32 type;
  std::string_view type_name;  // empty: the number
  u8 kind, severity;           // SHMRING_KIND_TEXT …
  std::array<u8, 16> correlation;
  std::span<const std::byte> payload;
  bool truncated, late;
};

struct Loss {
  std::string_view producer;
  u64 incarnation, first, last, time_ns;
  Causes causes;
};

enum class Life : u8 { attach, detach, died };
struct LifeLine {
  Life life;
  std::string_view producer;
  u64 incarnation, time_ns;
  u32 pid, uid, lane;
  std::string_view exe;
  u64 from;                    // attach: written if > 0
  u64 last;                    // detach, died
  Causes causes;               // detach, died: totals
  u64 nested;                  // detach, died
  u64 start_time = 0;          // attach: of its process, clock ticks since boot; written if it is known
  std::string_view claimed{};  // attach: what the process calls its program; written if it says anything
};

struct AccountState {
  std::string_view producer;
  u64 incarnation, through;
  bool open;
  Causes causes;
  u32 pid = 0;         // with the start time it names the process; written for an open account if it is known
  u64 start_time = 0;  // clock ticks since boot
};

// The accounts of one ring.
struct RingAccounts {
  RingId ring{};
  std::vector<AccountState> accounts;
  Incarnations over{};  // the newest of those that this log has closed or dropped: no line of theirs comes any more
};

struct Accounts {
  u64 time_ns;
  std::vector<AccountState> accounts;  // of the present ring, as is what follows
  Incarnations over{};
  RingId ring{};
  std::vector<RingAccounts> retired{};  // earlier rings of this name that are still being drained
  bool clean = false;                   // of a file's first line: a recovery may begin here
  std::optional<TreeState> tree{};      // of a clean line: the log's tree before this line, if the log is sealed
  std::optional<FormerLog> old{};       // of a log's first line: the log whose place it has taken
};
inline Accounts accounts_line(u64 time_ns, RingAccounts present, std::vector<RingAccounts> retired = {}) {
  return {time_ns, std::move(present.accounts), std::move(present.over), present.ring, std::move(retired)};
}

struct Gone {
  std::string_view producer;
  u64 incarnation, through, time_ns;
};

// start, stop, recovery, clock, incident, rotate …: `kind`, then the pairs in order. A value is written as a JSON string, or
// unchanged if `number` is set.
struct Note {
  struct Pair {
    std::string key, value;
    bool number = false;
  };
  std::string kind;
  u64 time_ns;
  std::vector<Pair> pairs;
};

using Line = std::variant<Event, Loss, LifeLine, Accounts, Gone, Note>;

// Returns a ring's identity as lines have it: 32 hex digits, its bytes in the order in which they stand in the header.
std::string text_of(const RingId& ring);
// Returns false if the text is not an identity.
bool ring_id_of(std::string_view text, RingId& out);

}  // namespace shmring::log
