// A line's text back to a plain value: the inverse of encode(), strict, for whoever reads a log.
//
// Invariants:
//   - accepted is what encode() writes, in its key order, and keys that a later version may have added at a line's end;
//   - a Parsed points into the line; its strings are in canonical form (json.hpp), and so safe on a terminal;
//   - a line is hostile until parse() said yes; numbers are below 2^64, nothing else is known of them.
#pragma once

#include <string_view>
#include <vector>

#include "lib/audit/line.hpp"

namespace shmring::audit {

enum class Kind : u8 { event, loss, attach, detach, died, accounts, gone, note };

// Only the fields that the line's kind names below are set.
struct Parsed {
  Kind kind;
  std::string_view kind_name;          // all
  u64 index;                           // all
  std::string_view time, ring;         // all
  std::string_view producer;           // all but accounts, note
  u64 incarnation;                     // all but accounts, note
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
  std::vector<AccountState> accounts;  // accounts
  Incarnations over;                   // accounts
  std::string_view rest;               // note: its pairs as they stand, ",\"key\":value" each
};

// What stood in the way of a line's being one.
struct Mistake {
  std::string_view expected;
  std::size_t offset;  // in the line, bytes
};

// `line` without its newline. False: `mistake` says why, and `out` is not to be used.
bool parse(std::string_view line, Parsed& out, Mistake& mistake);

}  // namespace shmring::audit
