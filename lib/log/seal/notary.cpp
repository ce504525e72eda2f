// Who hashes and signs: see notary.hpp.
#include "lib/log/seal/notary.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "lib/os/clock.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr const char* temporary_keys = "keys.tmp";
constexpr const char* temporary_checkpoint = "checkpoint.tmp";
constexpr std::size_t most_keys_bytes = std::size_t{64} << 20;

std::string signed_text(const std::string& text, std::initializer_list<const SecretKey*> keys) {
  SignedNote note{text, {}};
  for (const SecretKey* const key : keys) note.signatures.push_back(key->sign(text));
  return text_of(note);
}

}  // namespace

int Notary::fail(int error, const std::string& name, const char* what) const {
  return os::fail(-error, "log %s/%s: cannot %s: %s", dir_.c_str(), name.c_str(), what, std::strerror(-error));
}

int Notary::open(int directory, const std::string& dir, std::string_view ring, const SealPolicy& policy,
                 std::optional<gid_t> group) {
  dir_ = dir, group_ = group, lowest_level_ = policy.leaves ? 0 : usual_lowest;
  if (const int error = os::open_at(directory, ".", O_RDONLY | O_DIRECTORY, 0, directory_)) return fail(error, ".", "open it");
  tiles_.open(directory_.get(), group);
  keep_secrets_apart();
  int error = secrets_.open(policy.state, true);
  if (error == 0) error = secrets_.lock();
  if (error == 0) {
    error = os::read_regular(directory_.get(), keys_name, most_keys_bytes, keys_);
    if (error == 0) return go_on_with_keys();
    error = error == -ENOENT ? begin_keys(ring, policy) : fail(error, keys_name, "read it");
  }
  return error;
}

// The first keys may be there, of `shmring keygen` or of a start that was cut short. Those of a later epoch have signed.
int Notary::begin_keys(std::string_view ring, const SealPolicy& policy) {
  std::vector<u64> epochs;
  if (const int error = secrets_.list(epochs)) return error;
  if (!epochs.empty() && epochs.back() > 0) {
    return os::fail(
        EBADMSG,
        "log %s: it has no file of keys, but %s has the key of epoch %llu, which has signed a log: nothing is signed "
        "here; put the log back whose keys these are, or see `shmringd --new-log`",
        dir_.c_str(), secrets_.path().c_str(), wide(epochs.back()));
  }
  std::string text;
  if (const int error = secrets_.read_checkpoint(text)) return error;
  if (!text.empty()) {
    return os::fail(
        EBADMSG,
        "log %s: it has no file of keys, but the keys in %s have signed a log: nothing is signed here; put that log "
        "back, give this one a state directory of its own, or see `shmringd --new-log`",
        dir_.c_str(), secrets_.path().c_str());
  }
  const std::string origin = policy.origin.empty() ? new_origin(ring) : policy.origin;
  if (!is_key_name(origin)) return os::fail(EINVAL, "log %s: its origin is to be a name without spaces and '+'", dir_.c_str());
  int error = make_first_keys(secrets_, origin);
  // A sync that failed was told to whoever made what is there, and not to us.
  if (error == 0) error = secrets_.rewrite_first(log_key_, epoch_key_);
  if (error != 0) return error;
  const KeyNote genesis{log_key_.name(), 0, 0, digest_.empty(), epoch_key_.verifier()};
  append_note(text, signed_text(text_of(genesis), {&log_key_, &epoch_key_}));
  if (error = write_keys(text); error == 0) keys_ = text, chain_ = {genesis};
  return error;
}

int Notary::go_on_with_keys() {
  const auto refuse = [this](const std::string& what) {
    return os::fail(EBADMSG, "log %s: nothing is signed here: %s; put back what was there, or see `shmringd --new-log`",
                    dir_.c_str(), what.c_str());
  };
  if (const std::string wrong = read_key_chain(keys_, chain_); !wrong.empty()) return refuse("in its file of keys, " + wrong);
  const KeyNote& last = chain_.back();
  int error = secrets_.read_log_key(log_key_);
  if (error == 0) error = secrets_.read_epoch(last.epoch, epoch_key_);
  if (error == -ENOENT) return refuse("its key is not in the state directory: " + std::string(os::last_error()));
  if (error != 0) return error;
  if (log_key_.name() != origin() || epoch_key_.verifier() != last.key)
    return refuse("the keys in " + secrets_.path() + " are those of another log");
  return secrets_.age_ns(last.epoch, os::utc_now_ns(), epoch_age_ns_);
}

void Notary::begin_tree(Frontier frontier) {
  tree_ = std::make_unique<Tree>(digest_, std::move(frontier), tile_height, lowest_level_);
  for (Tile& row : tiles_.read_rows(tree_->size(), lowest_level_)) tree_->adopt(std::move(row));
}

// The collector's processor wrote the lines. What comes next is fetched from there while a line is hashed.
void Notary::add(std::string_view lines) {
  constexpr std::size_t ahead = 1024, cache_line = 64;
  while (!lines.empty()) {
    const std::size_t bytes = lines.find('\n') + 1;
    for (std::size_t at = ahead; at < std::min(ahead + bytes, lines.size()); at += cache_line)
      __builtin_prefetch(lines.data() + at);
    tree_->add(digest_.leaf(lines.substr(0, bytes)));
    lines.remove_prefix(bytes);
  }
}

SealResult Notary::perform(const SealJob& job) {
  SealResult out;
  try {
    hash(job, out);
    out.error = job.sign ? sign(job) : 0;
    if (out.error == 0) out.error = take(job.step);
    if (out.error == 0 && job.step == EpochStep::make) out.key = text_of(next_key_.verifier());
  } catch (const std::exception& problem) {  // there is no memory, or OpenSSL fails. The log goes on
    out.error =
        os::fail(ENOMEM, "log %s: cannot %s: %s", dir_.c_str(), out.is_hashed ? "sign" : "hash its lines", problem.what());
  }
  try {
    if (out.error != 0 || out.tile_error != 0) out.text = os::last_error();
  } catch (const std::bad_alloc&) {  // the number says it
  }
  return out;
}

void Notary::hash(const SealJob& job, SealResult& out) {
  out.tile_error = job.keeps_rows ? tiles_.keep_rows(tree_->rows()) : 0;
  auto before = std::make_unique<Tree>(*tree_);
  try {
    for (const std::shared_ptr<const std::string>& lines : job.lines) add(*lines);
    out.frontier = tree_->frontier();
  } catch (...) {
    tree_ = std::move(before);
    throw;
  }
  out.is_hashed = true;
  const int unwritten = tiles_.write(tree_->take_tiles());
  if (out.tile_error == 0) out.tile_error = unwritten;
  if (out.tile_error != 0) out.tile_error = fail(out.tile_error, "tile", "write it");
}

int Notary::take(EpochStep step) {
  switch (step) {
    case EpochStep::settle: return settle();
    case EpochStep::make: return make();
    case EpochStep::note: return note();
    case EpochStep::erase: return erase();
    default: return 0;
  }
}

// Only once `keys` is durable may a secret go that the last note does not name.
int Notary::settle() {
  std::vector<u64> epochs;
  int error = write_keys(keys_);
  if (error == 0) error = secrets_.list(epochs);
  for (const u64 other : epochs)
    if (error == 0 && other != epoch()) error = secrets_.erase_epoch(other);
  return error;
}

int Notary::sign(const SealJob& job) {
  const Checkpoint checkpoint{origin(), job.sign->size, root_of(digest_, *job.sign)};
  const std::string text = signed_text(text_of(checkpoint), {&log_key_, &epoch_key_});
  signed_ = checkpoint;
  int error = secrets_.write_checkpoint(text);
  if (error == 0 && job.keeps) error = append_checkpoint(job.file, text);
  if (error != 0) return error;
  error = write_new(temporary_checkpoint, text, false);
  if (error == 0) error = os::rename_over(directory_.get(), temporary_checkpoint, checkpoint_name);
  return error == 0 ? 0 : fail(error, checkpoint_name, "write it");
}

// An empty line in front separates it from what a power cut or a full disk may have torn.
int Notary::append_checkpoint(const std::string& file, const std::string& text) {
  const std::string name = file + std::string(checkpoints_suffix);
  const auto refuse = [&](int error, const char* what) {
    checkpoints_.reset();
    return fail(error, name, what);
  };
  std::string added;
  if (file != file_ || !checkpoints_) {
    file_.clear();
    constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
    if (const int error = os::open_at(directory_.get(), name.c_str(), flags, 0600, checkpoints_))
      return refuse(error, "open it");
    if (const int error = share(checkpoints_.get())) return refuse(error, "let its group read it");
    struct stat status {};
    if (os::calls.fstat(checkpoints_.get(), &status) != 0) return refuse(-errno, "read its status");
    if (status.st_size > 0) added = "\n\n";
    file_ = file;
  }
  append_note(added, text);
  const int error = os::write_full(checkpoints_.get(), added.data(), added.size());
  return error == 0 ? 0 : refuse(error, "append to it");
}

int Notary::make() {
  // One may be left of an attempt that failed behind its rename. No note names it.
  if (const int error = secrets_.erase_epoch(epoch() + 1)) return error;
  next_key_ = SecretKey::make(epoch_name(origin(), epoch() + 1));
  return secrets_.write_epoch(epoch() + 1, next_key_);
}

int Notary::note() {
  KeyNote next{origin(), epoch() + 1, signed_.size, signed_.root, next_key_.verifier()};
  chain_.reserve(chain_.size() + 1);  // behind the write nothing may fail: the same note twice is no chain
  std::string text = keys_;
  append_note(text, signed_text(text_of(next), {&epoch_key_}));
  if (const int error = write_keys(text)) return error;
  keys_ = std::move(text);
  chain_.push_back(std::move(next));
  epoch_key_ = std::move(next_key_);
  return 0;
}

int Notary::erase() { return secrets_.erase_epoch(epoch() - 1); }

// When this returns 0, the file says this after a power cut, too.
int Notary::write_keys(const std::string& text) {
  int error = write_new(temporary_keys, text, true);
  if (error == 0) error = os::rename_over(directory_.get(), temporary_keys, keys_name);
  if (error == 0) error = sync_directory();
  return error == 0 ? 0 : fail(error, keys_name, "write it");
}

int Notary::write_new(const std::string& temporary, const std::string& text, bool is_durable) {
  os::calls.unlinkat(directory_.get(), temporary.c_str(), 0);  // left by a collector that was killed here
  os::Fd file;
  constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW;
  int error = os::open_at(directory_.get(), temporary.c_str(), flags, 0600, file);
  if (error == 0) error = share(file.get());
  if (error == 0) error = os::write_full(file.get(), text.data(), text.size());
  if (error == 0 && is_durable) error = os::sync_data(file.get());
  if (error != 0) os::calls.unlinkat(directory_.get(), temporary.c_str(), 0);
  return error;
}

int Notary::sync_directory() const {
  return directory_sync_ != nullptr ? directory_sync_->for_removal(directory_.get()) : os::sync_all(directory_.get());
}

int Notary::share(int file) const {
  if (!group_) return 0;
  const int error = os::result(os::calls.fchown(file, static_cast<uid_t>(-1), *group_));
  return error != 0 ? error : os::result(os::calls.fchmod(file, 0640));
}

std::string Notary::last_signed() const {
  std::string text;
  return secrets_.read_checkpoint(text) == 0 ? text : "";
}

bool Notary::is_ours(const SignedNote& note, Checkpoint& out) const {
  return parse_checkpoint(note.text, out) && out.origin == origin() && check(note, log_key_.verifier()) == Trust::good;
}

}  // namespace shmring::log
