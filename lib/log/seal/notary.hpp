// Who hashes the lines of a log and signs what was hashed: plain values in and out, and all that is secret inside.
//
//   Hash    each line → Digest::leaf → Tree
//   Sign    the tree at a size → Checkpoint → two signatures → `checkpoint`, here and in the state directory; if it is to stay,
//           `<file>.checkpoints`
//   Step    make: secret n+1 → durable · note: `keys` with n+1, signed by n → durable · erase: secret n → gone (epochs.hpp)
//           settle: what a start found → one chain, one secret
//
// Invariants:
//   - the notary signs only what it is asked to sign, and it is asked only once D is behind it: see Sealing;
//   - a job's lines are hashed before anything else of it, and whatever fails in the rest. If hashing fails, the tree is as it
//     was, and nothing else is done;
//   - no exception leaves a job: OpenSSL has none of its own, but Digest and the keys throw where it fails;
//   - nobody misses a checkpoint that a power cut loses, or tears: an older one is there, and the next is consistent with it.
//     What may not be lost is in `keys`, which is durable before the secret that signed it is erased;
//   - a start leaves one chain and one secret: it makes `keys` durable once more, since what is read may be only the cache's;
//     then it erases the secrets that the last note does not name. It does so once the log was found to be what was signed, and
//     before it signs. An older log that was put in this one's place does not cost the newer one its key.
// Thread role: one at a time, of any thread. It waits for the disk.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/log/files/directory_sync.hpp"
#include "lib/log/files/policy.hpp"
#include "lib/log/seal/checkpoint.hpp"
#include "lib/log/seal/epochs.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/log/seal/secrets.hpp"
#include "lib/log/seal/tile_files.hpp"
#include "lib/log/seal/tree.hpp"

namespace shmring::log {

struct SealPolicy {
  std::string state;   // the state directory
  std::string origin;  // of a log that is begun; "": one by chance
  u64 epoch_ns = u64{86'400} * 1'000'000'000;
  u64 keep_ns = u64{60} * 1'000'000'000;  // of the checkpoints that are signed, one in so long is kept
  bool leaves = false;                    // keep the tiles of level 0, too
};

struct SealJob {
  std::vector<std::shared_ptr<const std::string>> lines;  // behind those of the job before
  std::optional<Frontier> sign;                           // the tree that a checkpoint is to speak of
  bool keeps = false;       // that checkpoint stays for as long as the log, beside …; else only until the next one
  std::string file;         // … this file of the log
  bool keeps_rows = false;  // a file begins with these lines, so what a restart needs to go on with the tiles is kept
  EpochStep step = EpochStep::none;
};

struct SealResult {
  bool is_hashed = false;  // the job's lines are in the tree: all of them, or else none
  Frontier frontier;       // of the tree with all lines so far
  // Why a checkpoint or a step did not succeed, as −errno with its text; 0: it did.
  int error = 0;
  int tile_error = 0;  // the same of tiles, which nothing waits for
  std::string text;    // "": there is no memory for it
  std::string key;     // of `make`: the next epoch's verifier key
};

class Notary {
 public:
  // Reads the keys of the log in this directory, or makes the first ones.
  // Returns 0, or −errno with its text: −EINVAL for a wrong owner or mode, −EBADMSG if log and keys do not belong together.
  int open(int directory, const std::string& dir, std::string_view ring, const SealPolicy& policy, std::optional<gid_t> group);
  // Sets where the tree stands. The rows of its tiles are read, if they are there.
  void begin_tree(Frontier frontier);
  void add(std::string_view lines);  // whole ones
  const Tree& tree() const { return *tree_; }
  // How others sync the directory, from here on.
  void set_directory_sync(std::shared_ptr<DirectorySync> sync) { directory_sync_ = std::move(sync); }

  SealResult perform(const SealJob& job);

  const std::string& origin() const { return chain_.front().origin; }
  const std::vector<KeyNote>& chain() const { return chain_; }
  u64 epoch() const { return chain_.back().epoch; }
  u64 epoch_age_ns() const { return epoch_age_ns_; }
  // Returns the newest checkpoint that the state directory knows, in text; "": it knows none.
  std::string last_signed() const;
  // Takes a checkpoint of this log out of a note. Returns false if it is none that the log's own key has signed.
  bool is_ours(const SignedNote& note, Checkpoint& out) const;

 private:
  int begin_keys(std::string_view ring, const SealPolicy& policy);
  int go_on_with_keys();
  void hash(const SealJob& job, SealResult& out);
  int sign(const SealJob& job);
  int append_checkpoint(const std::string& file, const std::string& text);
  int make();
  int note();
  int erase();
  int settle();
  int take(EpochStep step);
  int write_keys(const std::string& text);
  int write_new(const std::string& temporary, const std::string& text, bool is_durable);
  int sync_directory() const;
  int share(int file) const;
  int fail(int error, const std::string& name, const char* what) const;

  os::Fd directory_;
  std::string dir_;
  std::optional<gid_t> group_;
  unsigned lowest_level_ = usual_lowest;  // of the tiles that are kept
  std::shared_ptr<DirectorySync> directory_sync_;
  Secrets secrets_;
  SecretKey log_key_, epoch_key_, next_key_;
  std::string keys_;  // the file
  std::vector<KeyNote> chain_;
  u64 epoch_age_ns_ = 0;
  Digest digest_;
  std::unique_ptr<Tree> tree_;
  TileFiles tiles_;
  Checkpoint signed_;  // the last one
  std::string file_;   // whose checkpoints are open
  os::Fd checkpoints_;
};

}  // namespace shmring::log
