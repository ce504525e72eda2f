// The oracle of the fault tests: an audit log against the journals of those who wrote.
//
// It reads the log with a parser of its own, so that a mistake that writer and verifier share does not stay hidden, and then
// asks log::verify as well.
//
// For each incarnation: events and loss ranges cover 1 … last attempt exactly once, in order; each record's type, severity,
// correlation and bytes are what was written; what was reported as written is an event (with `overwriting`: or a loss of that
// cause); what was refused is in a loss range under its cause; of a killed process the last attempt, unreported, is an event,
// a loss, or neither; the attach line comes first, the closing line last and once. Where the log's oldest lines may have been
// removed, its first line says what they said, and that too is compared with the journals.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/journal.hpp"

namespace shmring::test {

using Causes = std::map<std::string, u64, std::less<>>;

struct LossRange {
  u64 first, last;
  Causes causes;
};

// What the log says of one incarnation.
struct LoggedAccount {
  std::string producer, closing;  // closing: "" (open), detach, died, gone, before (when the log's first line was written)
  u64 incarnation = 0, through = 0, nested = 0;
  u64 begins = 1;         // the first sequence whose line may still be there
  Causes summed, totals;  // of its loss lines; of its closing line
  std::vector<LossRange> losses;
  std::vector<u64> late;  // sequences of events that say so
};

struct Findings {
  Findings();
  Findings(Findings&&) noexcept;
  Findings& operator=(Findings&&) noexcept;
  ~Findings();

  std::vector<std::string> problems;  // none: the log is exact
  std::map<u64, LoggedAccount> accounts;
  std::map<std::string, u64> lines;  // by kind
  Causes lost;
  u64 last_index = 0;
  std::string last_kind, last_line;

  const LoggedAccount* of(const Journal& journal) const;
  std::string text() const;  // the problems, one a line
};

struct Expectation {
  bool closed = true;        // all who attached have a closing line
  bool lossless = false;     // no loss line at all
  bool complete = true;      // every attempt that was reported is in the log by now
  bool retained = false;     // the log's oldest lines may have been removed
  bool overwriting = false;  // what was reported as written may be lost, as overwritten and as nothing else
};

// Whether an event's line has the type, severity, correlation and bytes that the producer wrote under this sequence.
class Object;
bool is_what_was_written(const Journal& journal, u64 sequence, const Object& line);

// What verify says of the log, which has no torn end either.
bool proven(const std::string& log_dir);

// `allow_torn`: the collector was killed, and none has come after it.
Findings consult(const std::string& log_dir, const std::vector<std::unique_ptr<Journal>>& journals, Expectation = {},
                 bool allow_torn = false);

}  // namespace shmring::test
