// A report on one log: what was proven, and what its lines and files are, as plain values. It is printed as text, as JSON, or
// as a page.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/log/seal/audit.hpp"
#include "tools/shmring/report/html.hpp"
#include "tools/shmring/report/tally.hpp"

namespace shmring::tool {

struct HashedFile {
  FileSum lines;
  u64 bytes = 0;          // that were hashed: all that it had then
  std::string sha256;     // of these bytes, in hex
  bool is_final = false;  // nothing is appended to it any more
  std::string problem;    // why it could not be read; "": it was
};

struct Report {
  std::string title;         // which log this is: its ring, or host, ring and log. In canonical form
  std::string dir, command;  // where it lies, and what repeats the verdict
  u64 made_utc_ns = 0;
  log::Verdict verdict;
  std::optional<log::Audit> audit;  // if keys were given
  std::string not_signed;           // what --max-age asks for, and the log lacks; "": nothing
  Tally tally;
  std::vector<HashedFile> files;
  std::string newest_checkpoint;  // the text of the file, which only `audit` has checked; "": there is none

  bool holds() const { return verdict.proven && (!audit || audit->holds) && not_signed.empty(); }
};

// Hashes the files of the tally, and reads the newest checkpoint. Returns 0, or −errno with its text.
int read_files(Report& report);

// Returns what a verdict says, one sentence each: what was proven, or where the log deviates; and what was not looked at.
std::vector<std::string> verdict_sentences(const Report& report);
std::vector<std::string> unchecked_sentences(const Report& report);

// How many producers are shown one by one. The others are in one sum.
inline constexpr std::size_t most_producers = 100;

std::string report_text(const Report& report);
std::string report_json(const Report& report);
std::string report_page(const Report& report);

}  // namespace shmring::tool
