// What the sync thread is asked to do, and how it went: plain values, and the one function that does it.
//
//   Sync      fdatasync each file, oldest first → fsync the directory → seal the closed files → write the mark
//   Replace   copy what a file should say into `replace.tmp` → fdatasync → rename → fsync the directory → seal it → fsync →
//             unlink the old file, if nothing of it is read any more, or else give its room back → write the mark
//
// Invariants:
//   - the order above. Before the directory has a file's name, nothing of that file counts as durable;
//   - a file whose sync failed is not synced again, and neither is it written to: its lines are written into another file. It
//     gives back the room behind its end when these are durable. That leaves its bytes and its size as they are; the last page,
//     which the kernel may write again for it, gets the bytes that it has;
//   - a replacement that fails leaves nothing but `replace.tmp`, which the next one overwrites and the next start removes.
// Thread role: one at a time, of any thread. It waits for the disk, and shares nothing with the collector but the open files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/log/files/directory_sync.hpp"
#include "lib/log/files/mark.hpp"

namespace shmring::log {

// An open file of the log, shared by the collector that appends to it and the thread that syncs it. The kernel reports an error
// to this one description, however late it comes.
using SharedFd = std::shared_ptr<os::Fd>;

struct SyncedFile {
  SharedFd fd;
  std::string name;
  u64 bytes;       // it has at least as many
  bool is_closed;  // nothing is appended to it any more, so it is sealed
};

// Bytes that are to be in a replacement: in memory, or else of a file of the log.
struct Bytes {
  std::shared_ptr<const std::string> text;
  std::size_t from = 0;  // in `text`
  std::string file;
  u64 begin = 0, end = 0;  // in `file`
};

struct SyncJob {
  std::vector<SyncedFile> files;  // Sync
  bool names = false;             // Sync: the directory, too
  std::string failed;             // Replace: the file that failed
  bool is_cut = false;            // Replace: another program has cut it, or wrote to it
  u64 first = 0, time_ns = 0;     // Replace: the first index of the file that is to be made, and the time in its name, …
  std::vector<Bytes> bytes;       // … and what it says
  Mark mark;                      // what is known when all of it is done

  bool replaces() const { return !failed.empty(); }
};

struct SyncResult {
  int error = 0;       // −errno of the step that failed; −EUCLEAN: the file is shorter than what was written
  std::string failed;  // Sync: the file that failed
  // The directory failed: a name that is not durable yet may be lost, whichever file it is of.
  bool is_directory = false;
  // Replace: what should be copied cannot be read, and nothing else has it.
  bool is_source_gone = false;
  // Replace: files of attempts before that had got a name, and could not be removed.
  std::vector<std::string> left = {};
};

// A directory of a log, as the thread has it open.
struct SyncedDirectory {
  os::Fd fd;
  std::shared_ptr<DirectorySync> sync = std::make_shared<DirectorySync>();  // shared with whoever removes files
};

// Takes a file's write bits away. One that could not be sealed is looked at again after a restart, which costs work and no
// truth.
void seal(int file);

SyncResult perform(const SyncJob& job, const SyncedDirectory& directory, const MarkFile& mark);

inline constexpr const char* new_file_name = "new.tmp";
inline constexpr const char* replacement_name = "replace.tmp";

}  // namespace shmring::log
