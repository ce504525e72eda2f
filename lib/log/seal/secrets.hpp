// The secrets of a sealed log: the files of its state directory.
//
//   log.key         the log's own key, for as long as the log lives: witnesses and proofs name it
//   epoch-<n>.key   the key of an epoch. While two of them are there, the epoch is about to change
//   checkpoint      the newest checkpoint that was signed, so that a log that was put back to an older state is noticed
//
// A key's file is one line, a private key in the text form of note.hpp. The directory has mode 0700, the files 0600, and all of
// them belong to the user of the process. This is judged on the open descriptor, and anything else is refused.
//
// A secret is written so:   openat(NAME.tmp) pwrite fdatasync renameat2(NAME.tmp → NAME) fsync(DIRECTORY)
// … and a first one again:  renameat(NAME → NAME.tmp) pwrite fdatasync renameat2(NAME.tmp → NAME) fsync(DIRECTORY)
// It is erased so:          pwrite(NAME, zeros) fdatasync unlinkat(NAME) fsync(DIRECTORY)
//
// Invariants:
//   - a secret is in no message, no error, no line of the log, and no argument. What was read of a file is wiped;
//   - a secret that is there is never replaced: writing another one refuses a name that exists;
//   - a secret that signs is in one file, so that nothing of it is left when that file is erased;
//   - wherever erasing was cut short, it may be done again.
// Thread role: any, one at a time. Each call waits for the disk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/log/seal/note.hpp"
#include "lib/os/file.hpp"

namespace shmring::log {

class Secrets {
 public:
  // Opens the directory; makes it (0700) if it is absent and `makes` is true. Returns 0, or −errno with its text: −EINVAL for a
  // wrong owner or mode, −ENOENT …
  int open(const std::string& path, bool makes);

  // Makes it this opener's alone until it is closed: two logs with the same keys would be two histories under one name. Whoever
  // signs or changes a key does so first. Returns 0, or −errno with its text: −EBUSY …
  int lock() const;

  // Sets the epochs whose secrets are there, in order. Returns 0, or −errno with its text.
  int list(std::vector<u64>& epochs) const;

  // They return 0, or −errno with its text: −ENOENT, −EINVAL (owner or mode), −EBADMSG (not a key).
  int read_log_key(SecretKey& out) const;
  int read_epoch(u64 epoch, SecretKey& out) const;
  // The same for the first keys, also where a process has ended while it wrote them once more. Part of a key counts as none.
  int find_log_key(SecretKey& out) const;
  int find_first_epoch(SecretKey& out) const;
  // They return 0, or −errno with its text: −EEXIST if it is there.
  int write_log_key(const SecretKey& key) const;
  int write_epoch(u64 epoch, const SecretKey& key) const;
  // Reads the first keys, which are there, and writes them once more: what is read of them, and of the directory, may be only
  // the cache's. Returns 0, or −errno with its text.
  int rewrite_first(SecretKey& log, SecretKey& epoch) const;
  // Sets how long ago it was written, by the file system's clock; a time to come is 0. Returns 0, or −errno with its text.
  int age_ns(u64 epoch, u64 now_utc_ns, u64& out) const;
  // Returns 0 also if it is not there, or −errno with its text.
  int erase_epoch(u64 epoch) const;
  // All keys, and the checkpoint.
  int erase_all() const;

  // The checkpoint: "" if there is none. Returns 0, or −errno with its text.
  int read_checkpoint(std::string& out) const;
  int write_checkpoint(const std::string& text) const;

  const std::string& path() const { return path_; }

 private:
  int judge(int fd, mode_t kind, mode_t mode, const std::string& name) const;
  int read(const std::string& name, SecretKey& out) const;
  int find(const std::string& name, SecretKey& out) const;
  int write(const std::string& name, const SecretKey& key) const;
  int rewrite(const std::string& name, SecretKey& out) const;
  int give_name(const std::string& name) const;
  int erase(const std::string& name) const;
  int fail(int error, const std::string& name, const char* what) const;

  std::string path_;
  os::Fd directory_;
};

// Has OpenSSL keep private keys in memory of their own: not swapped, in no core dump, wiped when it is given back. Called
// before a key is read. Where the system does not permit that, they are kept as other memory is.
void keep_secrets_apart();

// Makes the first keys of a log: its own, and that of epoch 0. What is there stays as it is, so that this may be repeated after
// a kill. `origin` is the log's name. Returns 0, or −errno with its text.
int make_first_keys(const Secrets& secrets, const std::string& origin);

// Returns `shmring/<ring>/<16 hex digits by chance>`, or "" if there is no chance to be had.
std::string new_origin(std::string_view ring);

}  // namespace shmring::log
