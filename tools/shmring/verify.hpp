// What the parts of `shmring verify` share: its options, and what it says about a seal.
#pragma once

#include <string>
#include <vector>

#include "lib/log/seal/audit.hpp"
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

// Reads keys and checkpoints. Returns 0 or an exit status.
int read_request(const VerifyOptions& options, log::AuditRequest& out);

// What a seal shows, a sentence each.
std::vector<std::string> seal_in_words(const log::Audit& audit);
void print_seal_deviation(const VerifyOptions& options, const log::Audit& audit);
std::string seal_json(const log::Audit& audit);

// Returns "" or what is not signed although --key and --max-age ask for it, of a log that holds.
std::string not_signed(const VerifyOptions& options, const log::Audit& audit);

}  // namespace shmring::tool
