// The small files of a sealed log: see kept.hpp.
#include "lib/log/seal/kept.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "lib/log/files/names.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr std::size_t most_kept_bytes = std::size_t{256} << 20;
constexpr const char* lock_name = "checkpoint.lock";

int failed(int error, const std::string& dir, const std::string& name, const char* what) {
  return os::fail(-error, "log %s: cannot %s %s: %s", dir.c_str(), what, name.c_str(), std::strerror(-error));
}

// Whoever may read the log's checkpoints may read this file, too, and it belongs to the same user: root may have made it.
void share_like_checkpoint(int directory, int file) {
  struct stat status {};
  if (os::calls.fstatat(directory, checkpoint_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  os::calls.fchown(file, status.st_uid, status.st_gid);
  os::calls.fchmod(file, (status.st_mode & 0640) | 0600);
}

int write_new(int directory, const std::string& name, std::string_view text) {
  os::Fd file;
  int error = os::open_at(directory, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600, file);
  if (error == 0) share_like_checkpoint(directory, file.get());
  if (error == 0) error = os::write_full(file.get(), text.data(), text.size());
  return error == 0 ? os::sync_data(file.get()) : error;
}

}  // namespace

int read_kept(int directory, const std::string& dir, const std::string& name, std::string& out) {
  os::Fd file;
  struct stat status {};
  if (const int error = open_log_file(directory, dir, name, O_RDONLY, file)) return error;
  int error = os::result(os::calls.fstat(file.get(), &status));
  if (error != 0) return failed(error, dir, name, "read");
  if (static_cast<u64>(status.st_size) > most_kept_bytes)
    return os::fail(EBADMSG, "log %s/%s: it has more than %zu bytes, and no such file has", dir.c_str(), name.c_str(),
                    most_kept_bytes);
  out.resize(static_cast<std::size_t>(status.st_size));
  const ssize_t got = os::read_full(file.get(), out.data(), out.size(), 0);
  if (got < 0) return failed(static_cast<int>(got), dir, name, "read");
  out.resize(static_cast<std::size_t>(got));
  return 0;
}

int read_checkpoint(int directory, const std::string& dir, const std::string& name, SignedCheckpoint& out) {
  std::string text;
  Mistake mistake{};
  if (const int error = read_kept(directory, dir, name, text)) return error;
  if (parse_signed_checkpoint(text, out, mistake)) return 0;
  return os::fail(EBADMSG, "log %s/%s: not a checkpoint: expected %.*s at byte %zu", dir.c_str(), name.c_str(),
                  static_cast<int>(mistake.expected.size()), mistake.expected.data(), mistake.offset);
}

int read_newest_kept(int directory, const std::string& dir, SignedCheckpoint& out) {
  std::vector<std::string> names;
  const auto keep = [&names](std::string_view name) {
    if (name.ends_with(checkpoints_suffix)) names.emplace_back(name);
  };
  if (const int error = list_names(directory, dir, keep)) return error;
  std::ranges::sort(names, std::greater());
  out = {};
  for (const std::string& name : names) {
    std::string text;
    const int error = read_kept(directory, dir, name, text);
    if (error == -ENOENT) continue;
    if (error != 0) return error;
    std::string_view notes = text;
    for (SignedCheckpoint found; take_note(notes, found.note);)
      if (parse_checkpoint(found.note.text, found.checkpoint) && found.checkpoint.size >= out.checkpoint.size) out = found;
    if (!out.note.text.empty()) return 0;
  }
  return os::fail(ENOENT, "log %s: it has no checkpoint that is kept", dir.c_str());
}

int write_kept(int directory, const std::string& dir, const std::string& name, std::string_view text) {
  const std::string temporary = name + ".tmp";
  int error = write_new(directory, temporary, text);
  if (error == 0) error = os::rename_over(directory, temporary.c_str(), name.c_str());
  if (error != 0) {
    os::calls.unlinkat(directory, temporary.c_str(), 0);
    return failed(error, dir, name, "write");
  }
  error = os::sync_all(directory);
  return error == 0 ? 0 : failed(error, dir, name, "sync");
}

int keep_cosigned(int directory, const std::string& dir, const SignedCheckpoint& cosigned, SignedCheckpoint& out) {
  os::Fd lock;
  int error = os::open_at(directory, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, lock);
  while (error == 0 && os::calls.flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR) error = -errno;
  if (error != 0) return failed(error, dir, lock_name, "lock");
  share_like_checkpoint(directory, lock.get());
  out = cosigned;
  SignedCheckpoint kept;
  error = read_checkpoint(directory, dir, cosigned_name, kept);
  if (error != 0 && error != -ENOENT) return error;
  if (error == 0 && kept.checkpoint.size > cosigned.checkpoint.size) {
    out = std::move(kept);
    return os::fail(EEXIST, "log %s: %s is of a larger tree, and stays: %llu leaves, not %llu", dir.c_str(), cosigned_name,
                    wide(out.checkpoint.size), wide(cosigned.checkpoint.size));
  }
  if (error == 0 && kept.note.text == cosigned.note.text) {
    out = std::move(kept);
    for (const Signature& signature : cosigned.note.signatures) put_signature(out.note, signature);
  }
  return write_kept(directory, dir, cosigned_name, text_of(out.note));
}

}  // namespace shmring::log
