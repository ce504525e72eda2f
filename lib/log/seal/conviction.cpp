// Two notes that contradict each other: see conviction.hpp.
#include "lib/log/seal/conviction.hpp"

#include <vector>

#include "lib/log/seal/keys.hpp"
#include "lib/log/seal/proof.hpp"
#include "lib/log/seal/text.hpp"

namespace shmring::log {
namespace {

constexpr std::string_view head = "shmring conviction v1";
constexpr u64 most_hashes = 64;

std::string with_size(const SignedNote& note) {
  const std::string text = text_of(note);
  return "note " + std::to_string(text.size()) + "\n" + text;
}

}  // namespace

std::string text_of(const Conviction& conviction) {
  std::string out(head);
  out += "\nproof " + std::to_string(conviction.proof.size()) + "\n";
  for (const Hash& hash : conviction.proof) out += base64_of(hash) + "\n";
  return out + with_size(conviction.smaller) + with_size(conviction.larger);
}

bool parse_conviction(std::string_view text, Conviction& out, Mistake& mistake) {
  TextReader lines(text);
  std::string_view line;
  u64 count = 0;
  const auto miss = [&](std::string_view expected) {
    mistake = {expected, lines.offset()};
    return false;
  };
  if (!lines.line(line) || line != head) return miss(head);
  if (!lines.line(line) || !take_prefix(line, "proof ") || !number_of(line, count) || count > most_hashes)
    return miss("proof N");
  out.proof.clear();
  for (; count > 0; --count)
    if (!lines.line(line) || !hash_of(line, out.proof.emplace_back())) return miss("a hash in base64");
  for (SignedNote* note : {&out.smaller, &out.larger}) {
    TextReader rest(lines.rest());
    if (!rest.line(line) || !take_prefix(line, "note ") || !number_of(line, count) || count > rest.rest().size())
      return miss("note N, and so many bytes");
    if (!parse_note(rest.rest().substr(0, count), *note, mistake)) return false;
    lines = TextReader(rest.rest().substr(count));
  }
  return lines.at_end() || miss("the end");
}

bool tree_of(const SignedNote& note, Checkpoint& out) {
  KeyNote key;
  if (parse_checkpoint(note.text, out)) return true;
  if (!parse_key_note(note.text, key)) return false;
  out = {key.origin, key.size, key.root};
  return true;
}

bool contradicts(Digest& digest, const Conviction& conviction, std::string& why) {
  Checkpoint smaller, larger;
  const auto no = [&why](const char* reason) {
    why = reason;
    return false;
  };
  if (!tree_of(conviction.smaller, smaller) || !tree_of(conviction.larger, larger)) return no("a note is not about a tree");
  if (smaller.origin != larger.origin) return no("the notes are of different logs");
  if (smaller.size > larger.size) return no("the first note is of the larger tree");
  if (smaller.size == larger.size) {
    if (smaller.root == larger.root) return no("both notes say the same");
    why = "two roots of a tree of one size were signed";
    return true;
  }
  const std::optional<Roots> roots = consistency_roots(digest, smaller.size, larger.size, conviction.proof);
  if (!roots || roots->larger != larger.root) return no("the proof does not lead to the larger tree's root");
  if (roots->smaller == smaller.root) return no("the larger tree begins with the smaller one");
  why = "the larger tree that was signed does not begin with the smaller one that was signed";
  return true;
}

}  // namespace shmring::log
