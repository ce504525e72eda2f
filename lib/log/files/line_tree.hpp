// The tree over a log's lines, as the appender sees it: what it tells the tree, and what it asks. Only a sealed log has one.
//
//   line → Batch → Writer → wrote() → a thread that hashes → state(): in the first line of the next file
//
// Invariants:
//   - the tree gets each line once, in order, as soon as the kernel has it. It shares the bytes that Durability keeps anyway;
//   - a file is begun only when the tree has all lines before it, since its first line says what the tree is. Until then the
//     file before may outgrow its limits, and in the end the appender holds for a moment. If hashing fails, the file goes on
//     until as much waits as may be in memory.
// Thread role: the collector's. No call waits.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/log/files/directory_sync.hpp"
#include "lib/log/format/line.hpp"

namespace shmring::log {

class LineTree {
 public:
  virtual ~LineTree() = default;

  // Called once, before anything is written. The log's directory is synced like this.
  virtual void begin(std::shared_ptr<DirectorySync> directory_sync) = 0;
  // The lines with the indexes from `first` to before `end` were written. Nobody changes them before hashed() is beyond them.
  virtual void wrote(u64 first, u64 end, std::shared_ptr<const std::string> lines) = 0;
  // What is written from here on is in this file; `is_new`: which was begun with it.
  virtual void goes_into(const std::string& file, bool is_new) = 0;

  // The lines below this index are in the tree, …
  virtual u64 hashed() const = 0;
  // … and so many bytes of what was written are not.
  virtual u64 unhashed_bytes() const = 0;
  // Returns true as long as hashing fails. Nobody knows how long that lasts.
  virtual bool is_stuck() const = 0;
  // Returns true if the log has no tree yet, so that a new file must be begun for it.
  virtual bool is_to_begin() const = 0;
  // Returns the tree over the lines below hashed(), as the first line of a file has it.
  virtual TreeState state() const = 0;

  // Learns what the thread did, and asks it for what is due. `now_ns` is monotonic. Returns true if something has changed.
  virtual bool step(u64 now_ns, u64 durable) = 0;
  // Returns a line that is to be written now, if there is one, …
  virtual std::optional<Note> line() = 0;
  // … and this is called when it was, with its index.
  virtual void was_written(u64 index) = 0;
};

}  // namespace shmring::log
