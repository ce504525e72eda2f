// What was signed of a log: the notes of its keys, its checkpoints, and those that whoever verifies it has kept elsewhere.
//
// Invariants:
//   - a note of the log's own directory is believed once its signatures were looked at. That is done only where it decides
//     something, since a log has a checkpoint for each second: one whose root is that of the lines says nothing new;
//   - a checkpoint is signed if the key of its epoch has signed it, and the log's own key if that is known. Its epoch is one in
//     which a tree of that size was signed: not smaller than its key's note says, and not larger than the next one's does.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/log/seal/checkpoint.hpp"
#include "lib/log/seal/keys.hpp"

namespace shmring::log {

struct Anchor {
  SignedCheckpoint is;
  std::string source;     // a file's name
  bool is_given = false;  // by whoever verifies
  u64 key_note = 0;       // it is the note of this epoch's key, which the chain has proven; 0: it is a checkpoint
};

class Anchors {
 public:
  // Reads the chain of keys, which must begin with a key that is trusted. Returns 0, or −errno with its text. If `wrong` is not
  // empty, it says why there is no such chain.
  int read_keys(int directory, const std::string& dir, const std::vector<VerifierKey>& trusted, std::string& wrong);
  // Reads the checkpoints beside the files; once the keys are known, those of this log. Returns 0, or −errno with its text.
  int read_checkpoints(int directory, const std::string& dir);
  void add(Anchor anchor) { all_.push_back(std::move(anchor)); }
  // Puts them in the order of their sizes, those that were given first, and drops repetitions. What was given and what the log
  // has kept are two.
  void sort();

  const std::vector<Anchor>& all() const { return all_; }
  std::span<const Anchor> of_size(u64 size) const;  // sorted
  const std::vector<KeyNote>& chain() const { return chain_; }
  const std::string& origin() const { return chain_.front().origin; }
  u64 ignored() const { return ignored_; }  // notes of the directory that are no checkpoints of this log

  // Returns "" or why it is not signed by the keys of this log.
  std::string judge(const Anchor& anchor) const;

 private:
  static constexpr u64 no_epoch = ~u64{0};
  u64 epoch_of(const Anchor& anchor) const;

  std::vector<KeyNote> chain_;
  std::vector<Anchor> all_;
  std::optional<VerifierKey> log_key_;
  u64 ignored_ = 0;
};

}  // namespace shmring::log
