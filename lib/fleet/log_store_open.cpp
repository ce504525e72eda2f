// How a log of the archive is opened, and repaired after whatever ended the one before: see log_store.hpp.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/fleet/log_store.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"

namespace shmring::fleet {
namespace {

constexpr const char* replacement_name = "replace.tmp";

int open_directory(int root, const LogName& name, os::Fd& out) {
  os::Fd host, ring;
  int error = os::open_at(root, name.host.c_str(), os::directory_flags, 0, host);
  if (error == 0) error = os::open_at(host.get(), name.ring.c_str(), os::directory_flags, 0, ring);
  if (error == 0) error = os::open_at(ring.get(), name.log.c_str(), os::directory_flags, 0, out);
  return error;
}

int remove_directory(int parent, const std::string& name) {
  if (os::calls.unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0) return 0;
  return errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST ? 0 : -errno;
}

// Removes what no log has used yet, from below: it may have a name that a power cut takes away, and whoever was told of that
// has ended. What is not empty stays. Returns 0 or −errno.
int remove_unused(int root, const LogName& name) {
  os::Fd host, ring;
  int error = os::open_at(root, name.host.c_str(), os::directory_flags, 0, host);
  if (error != 0) return error == -ENOENT ? 0 : error;
  error = os::open_at(host.get(), name.ring.c_str(), os::directory_flags, 0, ring);
  if (error == 0) error = remove_directory(ring.get(), name.log);
  if (error == 0 || error == -ENOENT) error = remove_directory(host.get(), name.ring);
  return error == 0 ? remove_directory(root, name.host) : error;
}

}  // namespace

int LogStore::open() {
  if (is_open()) return 0;
  int error = 0;
  if (was_opened_) {
    error = open_directory(root_, name_, directory_);
    if (error == 0) error = record_.open_again(directory_.get());
    if (error == 0) error = open_newest();
  } else {
    error = recover();
  }
  if (error != 0) release();
  was_opened_ = was_opened_ || error == 0;
  return error;
}

int LogStore::recover() {
  Committed found;
  int error = open_directory(root_, name_, directory_);
  if (error != 0 && error != -ENOENT) return fail(error, "", "open it");
  if (error == 0) error = read_committed(directory_.get(), found);
  if (error == -EBADMSG)
    return os::fail(EBADMSG,
                    "archive %s/%s: neither of its records can be read, so nobody knows what of this log survives a power cut; "
                    "move the directory away, and the host sends again what it has",
                    path_.c_str(), committed_name);
  if (error != 0 && error != -ENOENT) return fail(error, committed_name, "read it");
  std::vector<log::LogFile> files;
  if (directory_ && log::list_log_names(directory_.get(), path_, files) != 0) return -EIO;
  if (error == -ENOENT && !files.empty())
    return os::fail(EBADMSG,
                    "archive %s: it has files of a log, but no file `committed`, so it is a copy or was changed; move it away, "
                    "and the host sends again what it has",
                    path_.c_str());
  committed_ = newest_ = found;
  if (found.file.empty()) return make_directory(found);
  found.replace = found.replace || is_void_;
  if (const int failed = record_.begin(directory_.get(), found)) return fail(failed, committed_name, "write it anew");
  if (const int failed = remove_uncommitted_files()) return failed;
  if (found.replace)
    if (const int failed = replace_newest()) return fail(failed, found.file, "replace it after a sync that failed");
  is_void_ = false;
  return open_newest();
}

int LogStore::make_directory(const Committed& committed) {
  if (directory_) {
    if (const int error = remove_uncommitted_files()) return error;
    // Files whose removal a power cut undoes, without the record, would look like what no crash has left.
    if (const int error = os::sync_all(directory_.get())) return fail(error, "", "sync it");
    if (os::calls.unlinkat(directory_.get(), committed_name, 0) != 0 && errno != ENOENT)
      return fail(-errno, committed_name, "write it anew");
  }
  if (const int error = remove_unused(root_, name_)) return fail(error, "", "make its directory anew");
  os::Fd parent;
  int error = os::open_at(root_, ".", os::directory_flags, 0, parent);
  for (const std::string* name : {&name_.host, &name_.ring, &name_.log}) {
    if (error == 0 && os::calls.mkdirat(parent.get(), name->c_str(), 0750) != 0 && errno != EEXIST) error = -errno;
    if (error == 0) error = os::sync_all(parent.get());
    os::Fd made;
    if (error == 0) error = os::open_at(parent.get(), name->c_str(), os::directory_flags, 0, made);
    parent = std::move(made);
  }
  directory_ = std::move(parent);
  if (error == 0) error = record_.begin(directory_.get(), committed);
  is_name_synced_ = true, has_tail_ = is_void_ = false;
  return error == 0 ? 0 : fail(error, "", "make its directory");
}

// They were begun and never committed, so nothing of them was acknowledged.
int LogStore::remove_uncommitted_files() const {
  std::vector<log::LogFile> files;
  if (const int error = log::list_log_names(directory_.get(), path_, files)) return error;
  const log::LogFile newest{committed_.file, log::first_index_of(committed_.file)};
  for (const log::LogFile& file : files) {
    if (!committed_.file.empty() && file <= newest) continue;
    if (os::calls.unlinkat(directory_.get(), file.name.c_str(), 0) != 0) return fail(-errno, file.name, "remove it");
  }
  return 0;
}

int LogStore::open_newest() {
  file_.reset();
  if (committed_.file.empty()) return 0;
  struct stat status {};
  int error = os::open_at(directory_.get(), committed_.file.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0, file_);
  if (error == 0) error = os::result(os::calls.fstat(file_.get(), &status));
  if (error == 0 && !S_ISREG(status.st_mode)) error = -EBADMSG;
  if (error != 0) return fail(error, committed_.file, "open it");
  const auto bytes = static_cast<u64>(status.st_size);
  if (bytes < committed_.bytes)
    return os::fail(
        EBADMSG,
        "archive %s/%s: it has %llu bytes, and had %llu when they were acknowledged: it was cut, or the disk has lost "
        "them; put it back from a copy, or move the directory away, and the host sends again what it has",
        path_.c_str(), committed_.file.c_str(), log::wide(bytes), log::wide(committed_.bytes));
  has_tail_ = bytes > committed_.bytes, is_name_synced_ = true;
  return cut_tail();
}

// The cut is synced: once a newer file is begun, nobody looks any more whether a power cut has undone it.
int LogStore::cut_tail() {
  if (!has_tail_) return 0;
  if (os::calls.ftruncate(file_.get(), static_cast<off_t>(newest_.bytes)) != 0)
    return lose(-errno, "cut it back to what counts");
  if (const int error = os::sync_data(file_.get())) return lose(error, "sync it, cut back to what counts");
  has_tail_ = false;
  return 0;
}

// A copy of what is committed takes the file's place. Of the file that failed nothing is synced any more. The copy counts when
// its name is synced, too: until then the record says that this is to be done, also to the next receiver, to which the kernel
// shows the name.
int LogStore::replace_newest() {
  os::Fd from, to;
  os::calls.unlinkat(directory_.get(), replacement_name, 0);
  int error = os::open_at(directory_.get(), committed_.file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, from);
  if (error == 0)
    error = os::open_at(directory_.get(), replacement_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND, 0640, to);
  std::string block;
  for (u64 at = 0; error == 0 && at < committed_.bytes; at += block.size()) {
    block.resize(std::min<u64>(os::block_bytes, committed_.bytes - at));
    const ssize_t got = os::read_full(from.get(), block.data(), block.size(), at);
    if (got != static_cast<ssize_t>(block.size())) error = got < 0 ? static_cast<int>(got) : -EUCLEAN;
    if (error == 0) error = os::write_full(to.get(), block.data(), block.size());
  }
  if (error == 0) error = os::sync_data(to.get());
  if (error == 0) error = os::rename_over(directory_.get(), replacement_name, committed_.file.c_str());
  if (error == 0) error = os::sync_all(directory_.get());
  committed_.replace = newest_.replace = false;
  if (error == 0) error = record_.write(committed_);
  if (error != 0) os::calls.unlinkat(directory_.get(), replacement_name, 0);
  return error;
}

}  // namespace shmring::fleet
