// A line's text back to a plain value: the strict inverse of encode(), for all readers of a log.
//
// Invariants:
//   - parse() accepts what encode() writes, in its key order, and what a later version may have added: keys at a line's end,
//     and lines of other kinds;
//   - a Parsed points into the line. Its strings are in canonical form (json.hpp), and so are safe on a terminal;
//   - a line is hostile until parse() has accepted it. Its numbers are below 2^64, and nothing else is known of them.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "lib/log/format/line.hpp"

namespace shmring::log {

// unknown is a kind of a later version that is not about an account, since a new kind that moves accounts raises "v". Such a
// line begins neither with a producer nor with a list of accounts, so a known kind that a stray byte has changed is not taken
// for one.
enum class Kind : u8 { event, loss, attach, detach, died, accounts, gone, note, unknown };

// Returns whether a line of this kind is about one producer's account.
constexpr bool has_producer(Kind kind) { return kind != Kind::accounts && kind != Kind::note && kind != Kind::unknown; }

// Only the fields whose comment names the line's kind are set.
struct Parsed {
  Kind kind;
  std::string_view kind_name;          // all
  u64 index;                           // all
  std::string_view time, ring;         // all
  std::string_view producer;           // all but accounts, note, unknown
  u64 incarnation;                     // all but accounts, note, unknown
  u64 first, last;                     // loss: its range; event: its sequence, twice; attach: `from`, twice;
                                       // detach, died, gone: `last` alone (gone: its `through`)
  u64 count;                           // loss
  Causes causes;                       // loss, detach, died
  u64 lane;                            // event, attach, detach, died
  std::string_view type;               // event: the number, or the name without its quotes
  u64 severity;                        // event
  std::string_view correlation;        // event: 32 hex digits, or empty
  std::string_view data;               // event: a JSON value
  bool truncated, late, invalid;       // event
  u64 pid, uid, nested;                // attach, detach, died (nested: the last two)
  std::string_view exe;                // attach, detach, died
  u64 start_time;                      // attach; 0: not known
  std::string_view claimed;            // attach
  std::vector<AccountState> accounts;  // accounts: of the present ring
  Incarnations over;                   // accounts: likewise
  std::vector<RingAccounts> retired;   // accounts
  bool clean;                          // accounts: a recovery may begin here
  std::optional<TreeState> tree;       // accounts: the log's tree before this line
  RingId ring_id;                      // all: the ring that the line names; none: it is about the present one
  std::string_view rest;               // note, unknown: its pairs as they stand, ",\"key\":value" each
};

// Why a text is not a line.
struct Mistake {
  std::string_view expected;
  std::size_t offset;  // bytes, from the line's start
};

// `line` has no newline. If this returns false, `mistake` says why, and `out` must not be used.
bool parse(std::string_view line, Parsed& out, Mistake& mistake);

// Reads a line's first keys alone: its kind, index, time and ring. What stands behind them may be anything, or missing. Returns
// false if this is not how a line begins.
bool parse_head(std::string_view beginning, Parsed& out);

// Finds a key in `rest`. Returns false if it is not there; otherwise `value` is its text, a string with its quotes.
bool find_pair(std::string_view rest, std::string_view key, std::string_view& value);
// The same for a string that has no escape, without its quotes, …
bool find_pair_text(std::string_view rest, std::string_view key, std::string_view& text);
// … and for a whole number.
bool find_pair_number(std::string_view rest, std::string_view key, u64& number);

}  // namespace shmring::log
