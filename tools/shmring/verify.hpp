// What the parts of `shmring verify` share: its options, and what it says about a log and its seal. `report` says the same.
#pragma once

#include <string>
#include <vector>

#include "lib/log/seal/audit.hpp"
#include "tools/common/command_line.hpp"
#include "tools/common/text.hpp"

namespace shmring::tool {

struct VerifyOptions {
  std::string dir, output = "text", proof, line, against, conviction, max_age;
  std::vector<std::string> keys, checkpoints;
  bool no_loss = false;
};

// Checks the proof of one line, or two notes that contradict each other, without a log. Return the exit status.
int verify_proof(const VerifyOptions& options);
int verify_conviction(const VerifyOptions& options);

// Declares --key, --checkpoint and --max-age.
void add_seal_options(Command command, VerifyOptions& options);

// Reads keys and checkpoints. Returns 0 or an exit status.
int read_request(const VerifyOptions& options, log::AuditRequest& out);

// The causes that have a count, each in the format `form`, or "" if there is none.
std::string by_cause(const log::Causes& causes, const char* form, const char* between);

// What was proven, what was not checked, and where a log deviates: a sentence each. `audit`: with the seal; else nullptr.
std::vector<std::string> proof_in_words(const log::Verdict& verdict, const log::Audit* audit);
std::vector<std::string> not_checked(const log::Verdict& verdict, const log::Audit* audit);
std::vector<std::string> deviation_in_words(const std::string& dir, const log::Verdict& verdict);
Json verdict_json(const log::Verdict& verdict, const log::Audit* audit);

// The same of a seal alone.
std::vector<std::string> seal_in_words(const log::Audit& audit);
std::vector<std::string> seal_deviation_in_words(const std::string& dir, const log::Audit& audit);
std::string seal_json(const log::Audit& audit);

// Returns "" or what is not signed although --key and --max-age ask for it, of a log that holds.
std::string not_signed(const VerifyOptions& options, const log::Audit& audit);

}  // namespace shmring::tool
