// The seal of a log, as the collector has it: what is hashed, what may be signed, and when.
//
//   Appender → wrote() → job → Notary: Digest → Tree       in its thread
//                          ← tree at H ←                   the end of a batch, each time
//   once a second, when a file begins, at the end: the tree at H becomes a candidate
//   once a minute, when a file ends, at the end: what is signed of it is kept for as long as the log. The others are only the
//   newest, each until the next one: they would be more than the lines of a log that grows slowly
//   D ≥ H → job → Notary: Checkpoint → two signatures
//
// Invariants:
//   - † what a checkpoint covers is durable. So no power cut makes a log shorter than what was signed;
//   - nothing here waits for the thread, and nothing of it is lost if it is behind: lines stay in memory until they are hashed;
//   - whatever fails in signing, the log goes on. Its end is not signed then, and that is an alarm. If hashing fails, so does
//     it, until as much waits as may be in memory.
// Thread role: the collector's. No call waits, except through HashAtOnce; open() waits for the disk.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/log/files/line_tree.hpp"
#include "lib/log/seal/hasher.hpp"

namespace shmring::log {

class Sealing final : public LineTree {
 public:
  // Opens the keys, computes the tree of what is there, and compares it with what was signed: see Notary::open() and
  // resume(). `next_index` is behind the last line. Without a hasher, a thread does it. Returns 0, or −errno with its text.
  int open(int directory, const std::string& dir, std::string_view ring, const SealPolicy& policy, std::optional<gid_t> group,
           u64 next_index, std::unique_ptr<Hasher> hasher = nullptr);

  void begin(std::shared_ptr<DirectorySync> directory_sync) override { notary_.set_directory_sync(std::move(directory_sync)); }
  void wrote(u64 first, u64 end, std::shared_ptr<const std::string> lines) override;
  void goes_into(const std::string& file, bool is_new) override;
  u64 hashed() const override { return base_ + frontier_.size; }
  u64 unhashed_bytes() const override { return unhashed_bytes_; }
  bool is_stuck() const override { return is_stuck_; }
  bool is_to_begin() const override { return !has_begun_; }
  TreeState state() const override { return {base_, frontier_}; }
  bool step(u64 now_ns, u64 durable) override;
  std::optional<Note> line() override;
  void was_written(u64 index) override { epochs_.was_told(index); }

  // From here on, a checkpoint is taken whenever there is something to cover, and no change of keys goes on that need not.
  void hurry() { hurries_ = true; }
  // Returns whether all lines that were written are covered by a checkpoint that is kept, and no secret is left that is to go.
  bool is_signed() const { return signed_index_ == written_ && kept_index_ == written_ && epochs_.may_sign(); }
  u64 signed_index() const { return signed_index_; }
  // Returns when the last checkpoint was signed (monotonic), or when step() was first called.
  u64 signed_ns() const { return signed_ns_; }
  // Why the last attempt to hash, to sign, to change keys or to write a tile failed, as −errno; 0: it did not.
  int error() const { return error_; }
  const std::string& error_text() const { return error_text_; }
  u64 failures() const { return failures_; }  // so far
  // Readable when step() has something to do, or −1.
  int descriptor() const { return hasher_ ? hasher_->descriptor() : -1; }
  const Notary& notary() const { return notary_; }  // only while no job is under way

 private:
  struct Candidate {
    Frontier tree;
    std::string file;
    bool ends_file = false;
  };

  void finish(SealResult result);
  void take_candidate(bool ends_file);
  bool ask(u64 durable);
  u64 end_of(const Frontier& tree) const { return base_ + tree.size; }

  Notary notary_;
  std::unique_ptr<Hasher> hasher_;
  bool has_begun_ = false;
  u64 base_ = 0;
  Frontier frontier_;                                      // of what is hashed
  std::vector<std::shared_ptr<const std::string>> lines_;  // to be hashed; the first job_lines_ of them are being hashed
  u64 unhashed_bytes_ = 0, written_ = 0;
  std::string file_;
  bool begins_file_ = false;  // with the lines that are hashed next
  bool is_stuck_ = false;     // they could not be hashed
  // What is to be signed once it is durable: the first such tree stays, so that signing comes on however fast the log grows,
  // and the newest one is signed in its place if it is durable by then.
  std::optional<Candidate> first_, newest_;
  u64 taken_ns_ = 0, now_ns_ = 0, signed_ns_ = 0, kept_ns_ = 0, retry_ns_ = 0, hash_ns_ = 0;  // monotonic
  u64 signed_index_ = 0, kept_index_ = 0;
  u64 keep_ns_ = 0;  // see SealPolicy
  // Of the job that is under way:
  std::size_t job_lines_ = 0;
  u64 job_bytes_ = 0;  // to be hashed
  u64 job_signs_ = 0;  // up to this index; 0: it does not
  bool job_keeps_ = false, job_keeps_rows_ = false;
  EpochStep job_step_ = EpochStep::none;
  Epochs epochs_;
  bool hurries_ = false;
  int error_ = 0;
  std::string error_text_;
  u64 failures_ = 0;
};

}  // namespace shmring::log
