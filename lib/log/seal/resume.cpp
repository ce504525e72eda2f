// Where the tree of a log stands: see resume.hpp.
#include "lib/log/seal/resume.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include "lib/log/files/cursor.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr u64 tail_bytes = u64{64} << 10;  // of a file of checkpoints: its newest say the most
// Of so many files, the checkpoints beside them are looked at: those of older files are older than one that is known.
constexpr std::size_t files_with_checkpoints = 3;

int read_tail(int directory, const std::string& name, std::string& out) {
  os::Fd file;
  if (const int error = os::open_at(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, file)) return error;
  struct stat status {};
  if (os::calls.fstat(file.get(), &status) != 0) return -errno;
  if (!S_ISREG(status.st_mode)) return -EBADMSG;
  const u64 bytes = static_cast<u64>(status.st_size), from = bytes - std::min(bytes, tail_bytes);
  out.resize(static_cast<std::size_t>(bytes - from));
  const ssize_t got = os::read_full(file.get(), out.data(), out.size(), from);
  out.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return got < 0 ? static_cast<int>(got) : 0;
}

// What is known to have been signed: the root at a size, and what says so.
struct Known {
  Hash root;
  std::string from;
};

class Resume {
 public:
  Resume(int directory, const std::string& dir, u64 next_index, Notary& notary, Resumed& out)
      : directory_(directory), dir_(dir), next_index_(next_index), notary_(notary), out_(out) {}

  int run() {
    if (const int error = list_log_files(directory_, dir_, files_)) return error;
    if (const int error = find_known()) return error;
    std::size_t at = 0;
    TreeState begin;
    if (const int error = find_beginning(at, begin)) return error;
    if (!out_.has_begun && newest() > 0)
      return refuse("no file of it has a tree, but a tree of " + std::to_string(newest()) + " lines was signed (" +
                    known_.rbegin()->second.from + ")");
    out_.base = begin.base;
    notary_.begin_tree(std::move(begin.frontier));
    if (!out_.has_begun) return 0;
    if (const int error = hash(at)) return error;
    const u64 size = notary_.tree().size();
    if (newest() > size)
      return refuse("it has " + std::to_string(size) + " sealed lines, but " + std::to_string(newest()) + " were signed (" +
                    known_.rbegin()->second.from + ")");
    out_.signed_index = newest() == 0 ? 0 : out_.base + newest();
    return 0;
  }

 private:
  int find_known();
  int take_notes(std::string_view notes, const std::string& from);
  int know(u64 size, const Hash& root, const std::string& from);
  int find_beginning(std::size_t& at, TreeState& begin);
  std::optional<TreeState> tree_in(const LogFile& file, int& error);
  int hash(std::size_t at);
  int compare();
  u64 newest() const { return known_.empty() ? 0 : known_.rbegin()->first; }
  int refuse(const std::string& what) const {
    return os::fail(
        EBADMSG,
        "log %s: nothing is signed, and the log was left as it is: %s; put back what was there, or, if this log was "
        "restored from a backup, see `shmringd --new-log`",
        dir_.c_str(), what.c_str());
  }

  int directory_;
  const std::string& dir_;
  u64 next_index_;
  Notary& notary_;
  Resumed& out_;
  std::vector<LogFile> files_;
  std::map<u64, Known> known_;  // by size
};

int Resume::know(u64 size, const Hash& root, const std::string& from) {
  const auto [at, is_new] = known_.try_emplace(size, Known{root, from});
  if (is_new || at->second.root == root) return 0;
  return refuse(from + " and " + at->second.from + " say two different things of its first " + std::to_string(size) + " lines");
}

// A note that is torn, or that others have signed, says nothing.
int Resume::take_notes(std::string_view notes, const std::string& from) {
  SignedNote note;
  Checkpoint checkpoint;
  while (take_note(notes, note)) {
    if (!notary_.is_ours(note, checkpoint)) continue;
    if (const int error = know(checkpoint.size, checkpoint.root, from)) return error;
  }
  return 0;
}

int Resume::find_known() {
  for (const KeyNote& key : notary_.chain())
    if (key.epoch > 0)
      if (const int error = know(key.size, key.root, "the key of epoch " + std::to_string(key.epoch))) return error;
  if (const int error = take_notes(notary_.last_signed(), "the state directory's checkpoint")) return error;
  std::vector<std::string> names{checkpoint_name};
  for (std::size_t i = files_.size(); i > 0 && names.size() <= files_with_checkpoints; --i)
    names.push_back(std::string(files_[i - 1].plain_name()) + std::string(checkpoints_suffix));
  for (const std::string& name : names) {
    std::string text;
    const int error = read_tail(directory_, name, text);
    if (error == -ENOENT) continue;
    if (error != 0) return os::fail(-error, "log %s/%s: cannot read it: %s", dir_.c_str(), name.c_str(), std::strerror(-error));
    if (const int wrong = take_notes(text, dir_ + "/" + name)) return wrong;
  }
  return 0;
}

std::optional<TreeState> Resume::tree_in(const LogFile& file, int& error) {
  Cursor lines;
  LogLine line;
  Parsed parsed;
  Mistake mistake;
  error = lines.open_at(directory_, dir_, file, 0);
  if (error != 0) return std::nullopt;
  const int got = lines.next(line);
  if (got < 0 && got != -EFBIG && got != -EBADMSG) error = got;
  const bool is_first = got == 1 && line.whole && line.file == file.name && parse(line.text, parsed, mistake);
  if (!is_first || parsed.kind != Kind::accounts || parsed.index != file.first_index) return std::nullopt;
  return parsed.tree;
}

// Sets which file to begin with, and what the tree is in front of it.
int Resume::find_beginning(std::size_t& at, TreeState& begin) {
  begin = {next_index_, {}};
  for (std::size_t i = files_.size(); i-- > 0;) {
    int error = 0;
    std::optional<TreeState> tree = tree_in(files_[i], error);
    if (error != 0) return error;
    if (!tree) continue;
    const bool is_old_enough = newest() == 0 || tree->frontier.size <= newest();
    if (out_.has_begun && !is_old_enough) continue;
    out_.has_begun = true, at = i, begin = std::move(*tree);
    if (is_old_enough) break;
  }
  return 0;
}

// What was signed of this size is what the tree is.
int Resume::compare() {
  const auto found = known_.find(notary_.tree().size());
  if (found == known_.end() || found->second.root == notary_.tree().root()) return 0;
  return refuse("its first " + std::to_string(found->first) + " sealed lines differ from what was signed (" +
                found->second.from + ")");
}

int Resume::hash(std::size_t at) {
  Cursor lines;
  LogLine line;
  if (const int error = lines.open_at(directory_, dir_, files_[at], 0)) return error;
  if (const int error = compare()) return error;
  for (u64 index = files_[at].first_index; index < next_index_; ++index) {
    const int got = lines.next(line);
    if (got < 0) return got;
    if (got == 0 || !line.whole || line.missing != 0)
      return refuse("the line with the index " + std::to_string(index) + " is missing");
    notary_.add({line.text.data(), line.text.size() + 1});  // its newline stands behind it
    if (const int error = compare()) return error;
  }
  return 0;
}

}  // namespace

int resume(int directory, const std::string& dir, u64 next_index, Notary& notary, Resumed& out) {
  out = {};
  return Resume(directory, dir, next_index, notary, out).run();
}

}  // namespace shmring::log
