// How far a log survives a power cut, and what is done so that it gets further.
//
//   D (`durable`): the first index not known to be durable · W: the next index to write · K: the index of the last `accounts`
//   line below D
//
// Invariants:
//   - D moves only behind a sync that succeeded, and never goes back;
//   - all lines from K on are in memory until D has passed them, so that a file whose sync failed can be written again with the
//     same bytes under another name. Each file begins with an `accounts` line, and K is one;
//   - a file whose sync or write failed is void: it is neither synced nor written again. What it was to say from K on goes
//     into a replacement. While that is the current file, nothing is appended, and then a new file is begun;
//   - a file that another collector of this boot has left beyond D may lie: the kernel reports an error once, and may have
//     reported it to that collector. Such a file is suspect, and is replaced when it should be synced. The kernel may drop a
//     page of it meanwhile, so what it says is in memory since it was looked at. Only where that is too much, or where no mark
//     of this boot bounds it, it is read from the file;
//   - the memory of lines is used again. What a large batch has had takes many small ones, one behind the other: or else each
//     piece of it would grow to the largest batch, and memory with the time;
//   - files become durable in their order.
// Thread role: the collector's. No call waits for the disk, except through SyncAtOnce.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/log/files/recovery.hpp"
#include "lib/log/files/syncer.hpp"

namespace shmring::log {

// When a line counts as stored. The numbers are those of a ring's status page.
enum class Level : u8 {
  write = 1,     // when the kernel has it; a file is synced when it is closed
  interval = 2,  // at the latest 20 ms after it was written, or when 8 MiB were
  every = 3,     // as soon as possible: what comes during a sync is the next sync's
  archived = 4,  // when the archive has it, too; here it is synced as with interval
};
const char* name_of(Level level);

struct SyncPolicy {
  Level level = Level::write;
  u64 interval_ns = 20'000'000;
  u64 interval_bytes = u64{8} << 20;
  u64 unsynced_max = u64{64} << 20;  // bytes in memory; when as many wait, nothing more is taken
};

// A file that was replaced, or is about to be.
struct Voided {
  std::string file;
  u64 from;          // its lines are void from this index on
  std::string code;  // sync_failed, write_failed, file_cut, unsynced
  int error;         // −errno; 0: unsynced
};

// Lines as they stand in a file. Who keeps them shares them with who still reads them.
using SharedText = std::shared_ptr<std::string>;

class Durability {
 public:
  // Takes over the directory's mark. Returns 0 or −errno.
  int open(int directory, const SyncPolicy& policy, std::unique_ptr<Syncer> syncer);
  // Sets where the log stands. The mark that says so is itself durable before anything is appended. Returns 0 or −errno.
  int start(int directory, u64 durable, u64 written);
  // The files of Recovered::overlapping. They were replaced by another collector.
  void was_replaced(const std::string& file, u64 from) { voided_.push_back({file, from, "unsynced", 0}); }
  // The files of Recovered::unsynced, before any other. If the log goes on in it, its text ends before its last accounts line.
  void suspect(Unsynced& file);

  // A file was begun with this line, and what was the current file is closed; …
  void began(SharedFd file, const std::string& name, u64 index, SharedText line);
  // … or the current file is the one that was there, and has this many bytes; …
  void goes_on(SharedFd file, const std::string& name, u64 first_index, u64 bytes);
  // … what it says from its last accounts line on, which is this line's index and text, and what follows; …
  void keep_read(std::string accounts, u64 index, std::string rest, u64 byte);
  // … and these lines were written into it. `accounts_at` is where in them the last accounts line begins (it is their last
  // line), or npos.
  void wrote(SharedText lines, u64 first_index, u64 end_index, std::size_t accounts_at);
  // A write into the current file failed in a way that makes it void.
  void write_failed(int error);

  // Learns what was done, and asks for what is due. `now_ns` is monotonic. Returns true if D has moved or a file was replaced.
  bool step(u64 now_ns);
  // From here on, a sync is due whenever something waits for one.
  void hurry() { hurries_ = true; }
  // The lines from this index on are still read by another thread, and stay in memory as they are.
  void set_read(u64 end);
  // The lines below this index are synced at once, at every level.
  void want(u64 end) { wanted_ = end; }
  // Returns the time after which step() has something to do if nothing else happens, or ~0.
  u64 due_ns() const;
  // How other threads sync the directory: see there.
  const std::shared_ptr<DirectorySync>& directory_sync() const { return syncer_->directory_sync(); }
  // Readable when step() has something to do, or −1.
  int descriptor() const { return syncer_ ? syncer_->descriptor() : -1; }

  // Nothing may be appended now: the current file is void, or too much waits for the disk.
  bool holds() const { return is_current_void() || is_full(); }
  bool is_current_void() const { return !files_.empty() && files_.back().is_void; }
  bool is_full() const { return unsynced_bytes_ >= policy_.unsynced_max; }
  // The current file was replaced: a new one is to be begun, whatever waits.
  bool needs_new_file() const { return needs_new_file_; }
  u64 durable() const { return durable_; }
  bool is_durable() const { return durable_ == written_; }
  const SyncPolicy& policy() const { return policy_; }
  // Why the disk does not take it, as −errno of the last attempt; 0: it does.
  int error() const { return error_; }
  // Returns since when there is a line that may not survive a power cut, as step() first saw it (monotonic), or 0: there is
  // none.
  u64 undurable_ns() const { return is_durable() ? 0 : undurable_ns_; }
  // How often it did not, so far.
  u64 failures() const { return failures_; }
  // Returns what was replaced since, one after the other.
  std::optional<Voided> take_voided();
  // Memory of lines that are durable by now, empty, for the next batch.
  std::string take_spare();

 private:
  struct File {
    SharedFd fd;
    std::string name;
    u64 first, end;
    u64 begin_byte = 0, end_byte = 0;  // what is known of its bytes; of a suspect file, what is replaced and not in memory
    bool is_closed = false, has_name = false, is_suspect = false, is_void = false;
    std::string code = {};
    int error = 0;
  };
  struct Kept {
    u64 first, end;
    SharedText text;
    std::size_t accounts_at;  // where in it an accounts line begins, or npos; …
    u64 accounts;             // … and that line's index
    std::string file;
    u64 byte;  // in the file, of the text
  };

  bool ask(u64 now_ns);
  bool is_due(u64 now_ns) const;
  bool is_current_due(u64 now_ns) const;
  void begin_sync(std::size_t files);
  void begin_replacement();
  void keep_spare(std::string text);
  // Of the memory of a batch: 1 MiB at the default bound. What is not used of it takes none.
  std::size_t usual_text_bytes() const { return policy_.unsynced_max / 64; }
  void finish(const SyncResult& result, u64 now_ns);
  void finish_replacement(const SyncResult& result, u64 now_ns);
  void blame(const SyncResult& result);
  void move_on(u64 durable);
  void keep(SharedText lines, u64 first, u64 end, std::size_t accounts_at);
  void add(Kept kept);
  bool has_room(u64 bytes, u64 end, bool has_accounts) const;
  void drop_kept();
  const Kept* last_accounts_below(u64 index) const;
  std::vector<Bytes> bytes_of(const File& file, u64& first) const;

  SyncPolicy policy_;
  std::unique_ptr<Syncer> syncer_;
  std::deque<File> files_;  // not durable yet, oldest first; the last is the current one unless it is closed
  std::deque<Kept> kept_;   // from K on, or from what is still read if that is before
  std::deque<std::string> spare_;
  std::size_t kept_bytes_ = 0, spare_bytes_ = 0;  // of their memory
  // Of the job that is under way:
  bool job_replaces_ = false;
  std::size_t job_files_ = 0, job_closed_ = 0;  // the first so many files; of these, the first so many are closed
  u64 job_end_ = 0;                             // D when it is done
  std::deque<Voided> voided_;
  u64 boot_[2]{};
  u64 durable_ = 0, written_ = 0, unsynced_bytes_ = 0, current_bytes_ = 0;
  u64 wanted_ = 0;
  u64 read_ = ~u64{0};                 // what is behind it is read by another thread
  u64 since_ns_ = 0;                   // when step() first saw what is not synced yet; 0: nothing
  u64 undurable_ns_ = 0, job_ns_ = 0;  // when step() first saw what is not durable yet, and when the job was begun
  u64 retry_ns_ = 0;                   // not before this is a replacement tried again
  int error_ = 0;
  u64 failures_ = 0;
  bool needs_new_file_ = false, hurries_ = false;
};

}  // namespace shmring::log
