// The keys of a sealed log: see keys.hpp.
#include "lib/log/seal/keys.hpp"

#include "lib/log/seal/text.hpp"

namespace shmring::log {
namespace {

constexpr std::string_view epoch_word = "epoch ";

// Returns what is wrong with a note that stands behind these, or "".
std::string misfit(const std::vector<KeyNote>& before, const SignedNote& note, const KeyNote& key) {
  const std::string which = "the note of epoch " + std::to_string(before.size());
  if (key.epoch != before.size()) return which + " is missing";
  if (key.key.name != epoch_name(key.origin, key.epoch)) return which + " has a key of another name";
  if (before.empty()) {
    if (key.size != 0) return which + " is not of an empty tree";
    return check(note, key.key) == Trust::good ? "" : which + " is not signed by its own key";
  }
  const KeyNote& last = before.back();
  if (key.origin != last.origin) return which + " is of another log";
  if (key.size < last.size) return which + " is of a smaller tree than the one before";
  return check(note, last.key) == Trust::good ? "" : which + " is not signed by the key of the epoch before";
}

}  // namespace

std::string epoch_name(std::string_view origin, u64 epoch) { return std::string(origin) + "/epoch-" + std::to_string(epoch); }

bool is_key_of(std::string_view name, std::string_view origin) {
  u64 epoch = 0;
  if (name == origin) return true;
  return take_prefix(name, origin) && take_prefix(name, "/epoch-") && number_of(name, epoch);
}

std::string text_of(const KeyNote& note) {
  return note.origin + "\n" + std::string(epoch_word) + std::to_string(note.epoch) + "\n" + std::to_string(note.size) + "\n" +
         base64_of(note.root) + "\n" + text_of(note.key) + "\n";
}

bool parse_key_note(std::string_view text, KeyNote& out) {
  TextReader lines(text);
  std::string_view origin, epoch, size, root, key;
  if (!lines.line(origin) || !lines.line(epoch) || !lines.line(size) || !lines.line(root) || !lines.line(key)) return false;
  if (!lines.at_end() || !is_key_name(origin) || !take_prefix(epoch, epoch_word)) return false;
  out.origin = origin;
  return number_of(epoch, out.epoch) && number_of(size, out.size) && hash_of(root, out.root) &&
         parse_verifier_key(key, out.key) && out.key.kind == KeyKind::note;
}

std::string read_key_chain(std::string_view file, std::vector<KeyNote>& out) {
  out.clear();
  while (!file.empty()) {
    // Nothing is passed over here: this file is whole, or it is not the one that was written.
    const std::string_view before = file;
    SignedNote note;
    KeyNote key;
    if (!take_note(file, note) || !before.starts_with(note.text) || !parse_key_note(note.text, key))
      return "what follows " + std::to_string(out.size()) + " notes is no note of a key";
    if (std::string wrong = misfit(out, note, key); !wrong.empty()) return wrong;
    out.push_back(std::move(key));
  }
  return out.empty() ? "it has no note" : "";
}

}  // namespace shmring::log
