// A new log in the place of one that cannot go on: see new_log.hpp.
#include "lib/log/seal/new_log.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "lib/log/files/names.hpp"
#include "lib/log/seal/checkpoint.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/log/seal/text.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr const char *intent_name = "new-log", *temporary_intent = "new-log.tmp";
constexpr std::string_view folder_prefix = "old-";
constexpr std::size_t most_text_bytes = 4096;

// What stays: the intent, logs that were moved before, the link to the ring, and what the file system has of its own.
bool stays(std::string_view name) {
  return name == "." || name == ".." || name.starts_with(intent_name) || name.starts_with(folder_prefix) ||
         name.starts_with("segment") || name == "lost+found";
}

class Moving {
 public:
  Moving(int directory, const std::string& dir, const Secrets& secrets) : directory_(directory), dir_(dir), secrets_(secrets) {}

  int run(bool is_wanted, u64 now_utc_ns, std::optional<FormerLog>& out) {
    std::string text;
    int error = os::read_regular(directory_, intent_name, most_text_bytes, text);
    if (error == -ENOENT && !is_wanted) return 0;
    if (error != 0 && error != -ENOENT) return fail(error, intent_name, "read it");
    if (error == 0 && !parse(text))
      return os::fail(EBADMSG, "log %s/%s: it does not say where the old log goes; remove it if no log is being moved",
                      dir_.c_str(), intent_name);
    if (error == -ENOENT) {
      choose_folder(now_utc_ns);
      find_root();
      if ((error = write_intent()) != 0) return error;
    }
    if (!is_moved_) {
      if ((error = move_all()) != 0 || (error = secrets_.erase_all()) != 0) return error;
      is_moved_ = true;
      if ((error = write_intent()) != 0) return error;
    }
    out = old_;
    return 0;
  }

 private:
  bool parse(std::string_view text) {
    TextReader lines(text);
    std::string_view folder, state;
    if (!lines.line(folder) || !lines.line(state) || !folder.starts_with(folder_prefix)) return false;
    if (folder.find('/') != folder.npos || (state != "moving" && state != "moved")) return false;
    old_.folder = folder, is_moved_ = state == "moved";
    Checkpoint root;
    if (parse_checkpoint(lines.rest(), root)) old_.origin = root.origin, old_.size = root.size, old_.root = root.root;
    return true;
  }
  // One that is not there yet: in another, names would be in the way.
  void choose_folder(u64 now_utc_ns) {
    struct stat status {};
    do {
      old_.folder = std::string(folder_prefix) + compact_time(now_utc_ns);
      now_utc_ns += os::second_ns;
    } while (os::calls.fstatat(directory_, old_.folder.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0);
  }
  // The newest checkpoint that is found, and that the log's own key has signed.
  void find_root() {
    std::string texts[2];
    SecretKey key;
    if (secrets_.read_log_key(key) != 0) return;
    (void)os::read_regular(directory_, checkpoint_name, most_text_bytes, texts[0]);
    (void)secrets_.read_checkpoint(texts[1]);
    for (const std::string& text : texts) {
      SignedCheckpoint found;
      Mistake mistake;
      if (!parse_signed_checkpoint(text, found, mistake) || found.checkpoint.size < old_.size) continue;
      if (check(found.note, key.verifier()) != Trust::good) continue;
      old_.origin = found.checkpoint.origin, old_.size = found.checkpoint.size, old_.root = found.checkpoint.root;
    }
  }
  int write_intent() const {
    std::string text = old_.folder + (is_moved_ ? "\nmoved\n" : "\nmoving\n");
    if (!old_.origin.empty()) text += text_of(Checkpoint{old_.origin, old_.size, old_.root});
    os::calls.unlinkat(directory_, temporary_intent, 0);
    os::Fd file;
    int error = os::open_at(directory_, temporary_intent, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, file);
    if (error == 0) error = os::write_full(file.get(), text.data(), text.size());
    if (error == 0) error = os::sync_data(file.get());
    if (error == 0) error = os::rename_over(directory_, temporary_intent, intent_name);
    if (error == 0) error = os::sync_all(directory_);
    return error == 0 ? 0 : fail(error, intent_name, "write it");
  }
  int move_all() const {
    if (os::calls.mkdirat(directory_, old_.folder.c_str(), 0700) != 0 && errno != EEXIST)
      return fail(-errno, old_.folder, "create it");
    os::Fd folder;
    int error = os::open_at(directory_, old_.folder.c_str(), os::directory_flags, 0, folder);
    if (error != 0) return fail(error, old_.folder, "open it");
    std::vector<std::string> names;
    if ((error = os::list_names(directory_, names)) != 0) return fail(error, ".", "list it");
    for (const std::string& name : names) {
      if (stays(name)) continue;
      if (os::calls.renameat2(directory_, name.c_str(), folder.get(), name.c_str(), RENAME_NOREPLACE) != 0)
        return fail(-errno, name, "move it away");
    }
    error = os::sync_all(folder.get());
    if (error == 0) error = os::sync_all(directory_);
    return error == 0 ? 0 : fail(error, old_.folder, "sync it");
  }
  int fail(int error, const std::string& name, const char* what) const {
    return os::fail(-error, "log %s/%s: cannot %s: %s", dir_.c_str(), name.c_str(), what, std::strerror(-error));
  }

  int directory_;
  const std::string& dir_;
  const Secrets& secrets_;
  FormerLog old_;
  bool is_moved_ = false;
};

}  // namespace

int move_old_log(int directory, const std::string& dir, const Secrets& secrets, bool is_wanted, u64 now_utc_ns,
                 std::optional<FormerLog>& out) {
  out.reset();
  return Moving(directory, dir, secrets).run(is_wanted, now_utc_ns, out);
}

bool is_old_log_moving(int directory) {
  struct stat status {};
  return os::calls.fstatat(directory, intent_name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

int forget_old_log(int directory, const std::string& dir) {
  int error = os::result(os::calls.unlinkat(directory, intent_name, 0));
  if (error == 0) error = os::sync_all(directory);
  if (error == 0 || error == -ENOENT) return 0;
  return os::fail(-error, "log %s/%s: cannot remove it: %s", dir.c_str(), intent_name, std::strerror(-error));
}

}  // namespace shmring::log
