// The files of one log in the archive: ROOT/<host>/<ring>/<log>/.
//
// Invariants:
//   - bytes are only added at the end of the newest file, or begin a newer one. Before a newer one is begun, all of the one
//     before it is committed, so what is not committed yet is in the newest file alone;
//   - commit() syncs the data, of a new file its directory, then the committed byte, in this order. A sync that failed is never
//     asked for again: what was not committed is given up, and the file is replaced by a copy of what was;
//   - a file is begun only if it goes on with the lines that are there: its first line is not behind the next index. But a log
//     of which the archive has nothing begins where the host says that it has nothing before, and a host may say that a person
//     has given up what is missing;
//   - a file that replaces another one repeats lines. Until it has all lines that were committed before, it is not committed,
//     and makes way for the next one: a reader takes the lines of what replaces, and the host may have removed the rest;
//   - what differs is said only of committed bytes.
// Thread role: one thread. Calls wait for the disk.
#pragma once

#include <string>
#include <string_view>

#include "lib/fleet/committed.hpp"
#include "lib/fleet/message.hpp"
#include "lib/log/files/archived.hpp"
#include "lib/log/files/names.hpp"

namespace shmring::fleet {

inline constexpr const char* conflict_suffix = ".conflict";  // behind the name of the file that a message differs from

enum class Put : u8 {
  appended,
  repeated,  // all of its lines are there
  left,      // it is of a file that was left for a newer one, in which its lines come
  gap,       // it begins behind what is there
  differs,   // from what is there
  wrong,     // its header does not fit its bytes
  full,      // the disk is full
  failed,    // another system call failed: nothing of it is there. The log was closed, and may be opened again
};

// The directory of a log below the root. Names were validated (is_name).
std::string path_of(const std::string& root, const LogName& name);

class LogStore {
 public:
  // `root` is an open directory; `root_path` is for texts.
  LogStore(int root, const std::string& root_path, LogName name);

  // Opens the log, and the first time cuts it back to what is committed; makes its directory if there is none. Returns 0, or
  // −errno with its text: −EBADMSG if this log needs a person.
  int open();
  bool is_open() const { return static_cast<bool>(directory_); }
  // Gives the descriptors back. Nothing may be uncommitted.
  void release();

  // Takes a range. `text` says what is wrong if it is not appended or repeated.
  Put put(const Range& range, std::string_view bytes, std::string& text);
  // Makes what was put survive a power cut, unless it only repeats lines so far. Returns 0, or −errno with its text: what was
  // not committed is then gone.
  int commit();
  // The newest file only repeats lines that are committed. It is given up if the log is closed.
  bool is_repeating() const { return newest_.index < committed_.index; }
  bool is_uncommitted() const { return newest_ != committed_; }
  u64 uncommitted_bytes() const { return newest_.file == committed_.file ? newest_.bytes - committed_.bytes : newest_.bytes; }
  // The host is asked to go on from what is committed. Returns 0, or −errno with its text.
  int set_wanted();
  const Committed& committed() const { return committed_; }

  // Keeps a message that differs, beside the file that it differs from. At most so many of a log, and one of a file.
  void keep_conflict(const Range& range, std::string_view bytes, const std::string& text) const;
  // Replaces a file that rides along. Returns 0 if it is there, or is older than what is there; or −errno with its text:
  // −EUCLEAN if it contradicts what is there, or is none.
  int put_rider(const Rider& rider, const std::string& text);

  const std::string& path() const { return path_; }

 private:
  int make_directory(const Committed& committed);
  int recover();
  int remove_uncommitted_files() const;
  int open_newest();
  int cut_tail();
  int replace_newest();
  int begin_file(const Range& range);
  int give_up_repeats();
  Put begin_newer(const Range& range, std::string_view bytes, std::string& text);
  Put append(const Range& range, std::string_view bytes, std::string& text);
  Put compare(const Range& range, std::string_view bytes, std::string& text);
  Put compare_older(const Range& range, std::string_view bytes, std::string& text) const;
  int write_at_end(std::string_view bytes);
  int lose(int error, const char* what);
  Put lose(std::string& text, int error, const char* what);
  int fail(int error, const std::string& file, const char* what) const;

  const int root_;
  const LogName name_;
  const std::string path_;
  os::Fd directory_, file_;
  CommittedFile record_;
  Committed committed_, newest_;  // newest_ has what was put, too
  bool was_opened_ = false;
  bool is_name_synced_ = true;  // of the newest file
  bool has_tail_ = false;       // behind newest_.bytes, from an append that failed
  bool is_void_ = false;        // the newest file is not to be synced again
};

}  // namespace shmring::fleet
