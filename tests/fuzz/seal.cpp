// The texts of a seal, which come from witnesses, auditors, and whoever could write into a log: notes, checkpoints, keys,
// proofs, convictions, and several notes in one file.
//
// What is read has one text: it is written as it was.
#include "lib/log/seal/checkpoint.hpp"
#include "lib/log/seal/conviction.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/log/seal/note.hpp"
#include "lib/log/seal/proof.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using namespace shmring;
using namespace shmring::fuzz;

void note(std::string_view text) {
  log::SignedNote read;
  log::Mistake mistake{};
  if (!log::parse_note(text, read, mistake)) return must(!mistake.expected.empty(), "it says what was expected");
  must(text_of(read) == text, "a note is written as it was");
  log::Checkpoint checkpoint;
  if (log::parse_checkpoint(read.text, checkpoint)) must(read.text.starts_with(text_of(checkpoint)), "and so is a checkpoint");
}

void key(std::string_view text) {
  log::VerifierKey read;
  if (log::parse_verifier_key(text, read)) must(text_of(read) == text, "a key is written as it was");
  log::SecretKey secret;
  if (log::SecretKey::parse(text, secret)) must(secret.text().view() == text, "a secret key is written as it was");
}

void proof(std::string_view text) {
  log::LineProof read;
  log::Mistake mistake{};
  if (!log::parse_line_proof(text, read, mistake)) return must(!mistake.expected.empty(), "it says what was expected");
  if (text.find("\nextra ") == text.npos) must(text_of(read) == text, "a proof is written as it was");
  log::Digest digest;
  log::inclusion_root(digest, log::Hash{}, read.index, read.index + read.path.size(), read.path);
}

void conviction(std::string_view text) {
  log::Conviction read;
  log::Mistake mistake{};
  std::string why;
  if (!log::parse_conviction(text, read, mistake)) return must(!mistake.expected.empty(), "it says what was expected");
  must(text_of(read) == text, "a conviction is written as it was");
  log::Digest digest;
  contradicts(digest, read, why);
  must(!why.empty(), "it says why");
}

// Each whole note is found once, and the search ends.
void notes(std::string_view text) {
  std::size_t bytes = 0;
  log::SignedNote read;
  for (std::string_view rest = text; log::take_note(rest, read);) bytes += text_of(read).size();
  must(bytes <= text.size(), "no note is found twice");
  std::vector<log::KeyNote> chain;
  must(!log::read_key_chain(text, chain).empty() || !chain.empty(), "a chain has a note, or something is wrong");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t bytes) {
  Input input(data, bytes);
  switch (input.take<u8>() % 5) {
    case 0: note(input.rest()); break;
    case 1: key(input.rest()); break;
    case 2: proof(input.rest()); break;
    case 3: conviction(input.rest()); break;
    default: notes(input.rest());
  }
  return 0;
}
