// A sealed log made by the library's own values, without a collector: files, tiles, checkpoints, keys.
//
// Invariant: it is what a collector would have left, but that all is written at once and nothing is synced.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "lib/log/seal/checkpoint.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/log/seal/tree.hpp"

namespace shmring::test {

struct SealedShape {
  std::uint64_t lines = 1000, per_file = 300;  // lines in all, and of a file
  std::uint64_t before = 0;                    // lines that were written before the log was sealed, in a file of their own
  std::uint64_t sign_every = 100;              // lines between two checkpoints; the last ones stay unsigned
  std::uint64_t epoch_every = 0;               // lines of an epoch; 0: there is one epoch
  std::size_t payload = 20;                    // bytes of an event's
  bool leaves = false;                         // the hash of each line is kept, too
};

class SealedLog {
 public:
  // Writes it into the directory, which is there and empty.
  SealedLog(std::string dir, const SealedShape& shape);

  // Signs any tree as this log: with its own key, and the key of the newest epoch.
  std::string sign(const log::Checkpoint& checkpoint) const;
  // The root of the first lines as they were written.
  log::Hash root_at(std::uint64_t size) const;

  const std::string& origin() const { return origin_; }
  std::string keys() const;  // what was given away when the log began: its own key, and that of epoch 0, a line each
  const log::SecretKey& log_key() const { return log_key_; }
  const log::SecretKey& genesis_key() const { return genesis_; }    // of epoch 0
  const std::vector<std::string>& lines() const { return lines_; }  // sealed ones, each with its newline
  const std::vector<std::string>& files() const { return files_; }  // names

 private:
  void begin_file(std::uint64_t index, bool is_sealed);
  void add(const std::string& line, bool is_sealed);
  void write_checkpoint();
  void begin_epoch();
  void put(const std::string& name, std::string_view text, bool at_end) const;

  std::string dir_, origin_ = "shmring/r/0123456789abcdef";
  SealedShape shape_;
  mutable log::Digest digest_;
  std::unique_ptr<log::Tree> tree_;
  log::SecretKey log_key_, genesis_, epoch_key_;
  std::uint64_t epoch_ = 0, index_ = 0, events_ = 0;
  std::vector<std::string> lines_, files_;
  std::ofstream file_;
  std::vector<log::Hash> leaves_;
};

}  // namespace shmring::test
