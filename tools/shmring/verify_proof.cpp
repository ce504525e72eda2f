// What `shmring verify` checks without a log: the proof of one line, and two notes that contradict each other.
//
// Invariant: each witness whose key is given must have signed, so that whoever names one does not trust the log alone.
#include <fmt/format.h>

#include <algorithm>

#include "lib/log/seal/conviction.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/log/seal/proof.hpp"
#include "tools/common/exit.hpp"
#include "tools/shmring/seal_input.hpp"
#include "tools/shmring/verify.hpp"

namespace shmring::tool {
namespace {

int refuse(const std::string& why) {
  fmt::print("not proven: {}\n", why);
  return negative;
}

// Returns "" or why this is not signed: by one of the log's keys, and by each witness. Sets who has signed it. A witness's key
// alone does not say which log it is, and a key of another log says nothing about this one.
std::string not_signed(const log::SignedCheckpoint& of, const std::vector<log::VerifierKey>& keys, std::string& who) {
  const log::SignedNote& note = of.note;
  bool is_signed = false;
  for (const log::VerifierKey& key : keys) {
    if (key.kind == log::KeyKind::note && !log::is_key_of(key.name, of.checkpoint.origin)) continue;
    const log::Trust trust = check(note, key);
    const std::string name = safe(text_of(key));
    if (trust == log::Trust::wrong) return fmt::format("the signature of {} is wrong", name);
    if (trust == log::Trust::unknown && key.kind == log::KeyKind::cosignature)
      return fmt::format("the checkpoint has no signature of the witness {}", name);
    if (trust == log::Trust::unknown) continue;
    is_signed |= key.kind == log::KeyKind::note;
    who += (who.empty() ? "" : ", ") + safe(key.name);
  }
  return is_signed ? "" : fmt::format("no given key of the log {} has signed the checkpoint", safe(of.checkpoint.origin));
}

}  // namespace

int verify_proof(const VerifyOptions& options) {
  std::vector<log::VerifierKey> keys;
  std::string text, line;
  if (const int status = read_keys(options.keys, keys)) return status;
  if (const int status = read_input(options.proof, text)) return status;
  if (const int status = read_input(options.line, line)) return status;
  log::LineProof proof;
  log::Mistake mistake{};
  log::SignedCheckpoint signed_one;
  if (!parse_line_proof(text, proof, mistake)) return not_understood(options.proof, mistake);
  if (!parse_signed_checkpoint(proof.checkpoint, signed_one, mistake)) return not_understood(options.proof, mistake);
  std::string who;
  if (const std::string why = not_signed(signed_one, keys, who); !why.empty()) return refuse(why);
  if (!line.ends_with('\n')) line += '\n';  // as it stands in the log
  if (line.find('\n') + 1 != line.size()) return refuse(fmt::format("{} has more than one line", safe(options.line)));
  log::Digest digest;
  const log::Checkpoint& checkpoint = signed_one.checkpoint;
  const auto root = log::inclusion_root(digest, digest.leaf(line), proof.index, checkpoint.size, proof.path);
  if (!root || *root != checkpoint.root) return refuse("the proof does not lead from this line to the checkpoint's root");
  fmt::print("proven: the line is number {} of the {} that {} has signed as {}\n", proof.index, checkpoint.size, who,
             safe(checkpoint.origin));
  return ok;
}

int verify_conviction(const VerifyOptions& options) {
  std::vector<log::VerifierKey> keys;
  std::string text, why;
  if (const int status = read_keys(options.keys, keys)) return status;
  if (const int status = read_input(options.conviction, text)) return status;
  log::Conviction conviction;
  log::Mistake mistake{};
  if (!parse_conviction(text, conviction, mistake)) return not_understood(options.conviction, mistake);
  const auto signer = [&keys](const log::SignedNote& note) {
    log::Checkpoint tree;
    if (!log::tree_of(note, tree)) return std::string();
    const auto found = std::ranges::find_if(keys, [&](const log::VerifierKey& key) {
      return key.kind == log::KeyKind::note && log::is_key_of(key.name, tree.origin) && check(note, key) == log::Trust::good;
    });
    return found == keys.end() ? std::string() : found->name;
  };
  const std::string first = signer(conviction.smaller), second = signer(conviction.larger);
  if (first.empty() || second.empty()) return refuse("no given key of their log has signed each of the two notes");
  log::Digest digest;
  if (!contradicts(digest, conviction, why)) return refuse(why);
  fmt::print("proven: {}; signed by {} and {}\n", why, safe(first), safe(second));
  return ok;
}

}  // namespace shmring::tool
