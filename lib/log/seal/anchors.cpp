// What was signed of a log: see anchors.hpp.
#include "lib/log/seal/anchors.hpp"

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "lib/log/files/names.hpp"
#include "lib/log/seal/kept.hpp"
#include "lib/log/seal/text.hpp"

namespace shmring::log {
namespace {

const VerifierKey* find(const std::vector<VerifierKey>& keys, std::string_view name) {
  const auto found =
      std::ranges::find_if(keys, [name](const VerifierKey& key) { return key.kind == KeyKind::note && key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

bool before(const Anchor& a, const Anchor& b) {
  return std::tuple(a.is.checkpoint.size, !a.is_given, std::string_view(a.is.note.text)) <
         std::tuple(b.is.checkpoint.size, !b.is_given, std::string_view(b.is.note.text));
}

}  // namespace

int Anchors::read_keys(int directory, const std::string& dir, const std::vector<VerifierKey>& trusted, std::string& wrong) {
  std::string text;
  const int error = read_kept(directory, dir, keys_name, text);
  if (error == -ENOENT) wrong = "the file `keys` is missing";
  if (error != 0) return error == -ENOENT ? 0 : error;
  wrong = read_key_chain(text, chain_);
  if (!wrong.empty()) return 0;
  const VerifierKey* const genesis = find(trusted, epoch_name(origin(), 0));
  if (genesis == nullptr) {
    wrong = "none of the given keys is named " + epoch_name(origin(), 0) + ", as the first key of this log is";
  } else if (*genesis != chain_.front().key) {
    wrong = "its first key is another one than the given " + genesis->name;
  }
  if (const VerifierKey* const log_key = find(trusted, origin())) log_key_ = *log_key;
  std::string_view notes = text;
  for (const KeyNote& note : chain_) {  // the chain is whole, so the notes come in its order
    Anchor anchor{{{note.origin, note.size, note.root}, {}}, keys_name, false, note.epoch};
    if (take_note(notes, anchor.is.note) && note.epoch > 0) all_.push_back(std::move(anchor));
  }
  return 0;
}

int Anchors::read_checkpoints(int directory, const std::string& dir) {
  std::vector<std::string> names;
  const int listed = list_names(directory, dir, [&names](std::string_view name) {
    if (name == checkpoint_name || name == cosigned_name || name.ends_with(checkpoints_suffix)) names.emplace_back(name);
  });
  if (listed != 0) return listed;
  std::ranges::sort(names);
  for (const std::string& name : names) {
    std::string text;
    if (const int error = read_kept(directory, dir, name, text)) {
      if (error == -ENOENT) continue;  // it was renamed meanwhile
      return error;
    }
    std::string_view notes = text;
    for (Anchor anchor; take_note(notes, anchor.is.note);) {
      const bool is_ours = parse_checkpoint(anchor.is.note.text, anchor.is.checkpoint) &&
                           (chain_.empty() || anchor.is.checkpoint.origin == origin());
      anchor.source = name;
      if (is_ours) all_.push_back(std::exchange(anchor, {}));
      ignored_ += !is_ours;
    }
  }
  return 0;
}

void Anchors::sort() {
  std::ranges::stable_sort(all_, before);
  const auto is_same = [](const Anchor& a, const Anchor& b) {
    return a.is_given == b.is_given && a.key_note == b.key_note && a.is.note.text == b.is.note.text &&
           a.is.note.signatures == b.is.note.signatures;
  };
  all_.erase(std::unique(all_.begin(), all_.end(), is_same), all_.end());
}

std::span<const Anchor> Anchors::of_size(u64 size) const {
  const auto size_of = [](const Anchor& one) { return one.is.checkpoint.size; };
  return {std::ranges::lower_bound(all_, size, {}, size_of), std::ranges::upper_bound(all_, size, {}, size_of)};
}

u64 Anchors::epoch_of(const Anchor& anchor) const {
  const u64 size = anchor.is.checkpoint.size;
  for (u64 epoch = chain_.size(); epoch-- > 0;) {
    const bool is_its_time = chain_[epoch].size <= size && (epoch + 1 == chain_.size() || size <= chain_[epoch + 1].size);
    if (is_its_time && check(anchor.is.note, chain_[epoch].key) == Trust::good) return epoch;
  }
  return no_epoch;
}

std::string Anchors::judge(const Anchor& anchor) const {
  if (anchor.key_note != 0) return "";
  if (anchor.is.checkpoint.origin != origin()) return "it is of the log " + anchor.is.checkpoint.origin;
  if (log_key_ && check(anchor.is.note, *log_key_) != Trust::good) return "the log's key has not signed it";
  return epoch_of(anchor) == no_epoch ? "no key of an epoch to which it belongs has signed it" : "";
}

}  // namespace shmring::log
