// The secrets of a sealed log: see secrets.hpp.
#include "lib/log/seal/secrets.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "lib/log/seal/keys.hpp"
#include "lib/log/seal/text.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr const char* log_key_name = "log.key";
constexpr const char* temporary_signed = "checkpoint.tmp";
constexpr std::string_view epoch_prefix = "epoch-", key_suffix = ".key";
constexpr std::size_t most_secret_bytes = 4096;
constexpr std::size_t secure_bytes = 32768, least_secure_bytes = 16;

std::string epoch_file(u64 epoch) { return std::string(epoch_prefix) + std::to_string(epoch) + std::string(key_suffix); }

std::string temporary_of(const std::string& name) { return name + ".tmp"; }

bool is_epoch_file(std::string_view name, u64& epoch) {
  if (!take_prefix(name, epoch_prefix) || !name.ends_with(key_suffix)) return false;
  return number_of(name.substr(0, name.size() - key_suffix.size()), epoch);
}

// Puts zeros in the place of a secret, as the disk has it. Returns 0 or −errno.
int overwrite(int file) {
  struct stat status {};
  if (os::calls.fstat(file, &status) != 0) return -errno;
  const std::string zeros(static_cast<std::size_t>(std::min<off_t>(status.st_size, most_secret_bytes)), '\0');
  const ssize_t written = os::calls.pwrite(file, zeros.data(), zeros.size(), 0);
  if (written != static_cast<ssize_t>(zeros.size())) return written < 0 ? -errno : -EIO;
  return os::sync_data(file);
}

// Writes a key's line at the beginning of a file. Returns 0 or −errno.
int store(int file, const SecretKey& key) {
  const SecretText text = key.text();
  const std::string_view bytes = text.view();
  int error = os::write_full_at(file, bytes.data(), bytes.size(), 0);
  if (error == 0) error = os::write_full_at(file, "\n", 1, bytes.size());
  return error == 0 ? os::sync_data(file) : error;
}

}  // namespace

int Secrets::fail(int error, const std::string& name, const char* what) const {
  return os::fail(-error, "state directory %s: cannot %s%s%s: %s", path_.c_str(), what, name.empty() ? "" : " ", name.c_str(),
                  std::strerror(-error));
}

// Looks at what was opened, and not at a name that may be another's by now.
int Secrets::judge(int fd, mode_t kind, mode_t mode, const std::string& name) const {
  struct stat status {};
  if (os::calls.fstat(fd, &status) != 0) return fail(-errno, name, "read the status of");
  const std::string what = name.empty() ? path_ : path_ + "/" + name;
  if ((status.st_mode & S_IFMT) != kind)
    return os::fail(EINVAL, "%s: it is not a %s, and keys are not looked for in there; move it elsewhere", what.c_str(),
                    kind == S_IFDIR ? "directory" : "regular file");
  if (status.st_uid != os::calls.geteuid())
    return os::fail(EINVAL, "%s: it belongs to user %u, and shmringd runs as user %u: run it as the owner of the keys",
                    what.c_str(), status.st_uid, os::calls.geteuid());
  if ((status.st_mode & 07777) != mode)
    return os::fail(EINVAL,
                    "%s: its mode is %04o, and keys want %04o, so that nobody else reads or replaces them: set it, and "
                    "make new keys if somebody may have read these",
                    what.c_str(), status.st_mode & 07777, mode);
  return 0;
}

int Secrets::open(const std::string& path, bool makes) {
  path_ = path;
  if (makes && os::calls.mkdirat(AT_FDCWD, path.c_str(), 0700) != 0 && errno != EEXIST) return fail(-errno, "", "create it");
  if (const int error = os::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY, 0, directory_))
    return fail(error, "", "open it");
  if (const int error = judge(directory_.get(), S_IFDIR, 0700, "")) return error;
  // It may be another's work that was killed before its name was durable, and with the name all keys would be lost.
  const int error = makes ? os::sync_with_name(directory_.get()) : 0;
  return error == 0 ? 0 : fail(error, "", "sync it");
}

int Secrets::lock() const {
  if (os::calls.flock(directory_.get(), LOCK_EX | LOCK_NB) == 0) return 0;
  if (errno != EWOULDBLOCK) return fail(-errno, "", "lock it");
  return os::fail(EBUSY, "state directory %s: another process uses its keys; each log wants a state directory of its own",
                  path_.c_str());
}

int Secrets::list(std::vector<u64>& epochs) const {
  epochs.clear();
  std::vector<std::string> names;
  const int error = os::list_names(directory_.get(), names);
  u64 epoch = 0;
  for (const std::string& name : names)
    if (is_epoch_file(name, epoch)) epochs.push_back(epoch);
  std::ranges::sort(epochs);
  return error == 0 ? 0 : fail(error, "", "list it");
}

int Secrets::read(const std::string& name, SecretKey& out) const {
  os::Fd file;
  if (const int error = os::open_at(directory_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, file))
    return fail(error, name, "open");
  if (const int error = judge(file.get(), S_IFREG, 0600, name)) return error;
  SecretText text(most_secret_bytes);
  const ssize_t got = os::read_full(file.get(), text.bytes().data(), text.bytes().size(), 0);
  if (got < 0) return fail(static_cast<int>(got), name, "read");
  std::string_view line = text.view().substr(0, static_cast<std::size_t>(got));
  const bool is_line = line.ends_with('\n');
  if (is_line) line.remove_suffix(1);
  if (is_line && SecretKey::parse(line, out)) return 0;
  return os::fail(EBADMSG, "%s/%s: it is not a private key; put the one back that was there", path_.c_str(), name.c_str());
}

int Secrets::write(const std::string& name, const SecretKey& key) const {
  const std::string temporary = temporary_of(name);
  os::calls.unlinkat(directory_.get(), temporary.c_str(), 0);  // of a writer that was killed here
  os::Fd file;
  int error = os::open_at(directory_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, file);
  if (error != 0) return fail(error, name, "create");
  error = store(file.get(), key);
  if (error == 0) error = give_name(name);
  if (error == 0) return 0;
  os::calls.unlinkat(directory_.get(), temporary.c_str(), 0);
  return fail(error, name, "write");
}

// A process that ended while it wrote the file once more left it under the temporary name. So did one that was killed before
// the file was durable, which it must be before it has its name. Part of a key was never one: it counts as not there.
int Secrets::find(const std::string& name, SecretKey& out) const {
  if (const int error = read(name, out); error != -ENOENT) return error;
  const std::string temporary = temporary_of(name);
  int error = read(temporary, out);
  if (error != 0) return error == -EBADMSG ? -ENOENT : error;
  os::Fd file;
  error = os::open_at(directory_.get(), temporary.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0, file);
  if (error == 0) error = store(file.get(), out);
  if (error == 0) error = give_name(name);
  return error == 0 ? 0 : fail(error, name, "write");
}

// A sync that failed proves nothing until what it was to bring to the disk is changed once more. That is the file's bytes, and
// its name. Another file would leave the secret in blocks without a name if this process is killed before they are erased.
int Secrets::rewrite(const std::string& name, SecretKey& out) const {
  const std::string temporary = temporary_of(name);
  os::calls.unlinkat(directory_.get(), temporary.c_str(), 0);  // it may be the same file, which a rename leaves as it is
  const int error = os::rename_over(directory_.get(), name.c_str(), temporary.c_str());
  return error == 0 ? find(name, out) : fail(error, name, "write");
}

int Secrets::give_name(const std::string& name) const {
  const int error = os::rename_new(directory_.get(), temporary_of(name).c_str(), name.c_str());
  return error == 0 ? os::sync_all(directory_.get()) : error;
}

int Secrets::read_log_key(SecretKey& out) const { return read(log_key_name, out); }
int Secrets::read_epoch(u64 epoch, SecretKey& out) const { return read(epoch_file(epoch), out); }
int Secrets::find_log_key(SecretKey& out) const { return find(log_key_name, out); }
int Secrets::find_first_epoch(SecretKey& out) const { return find(epoch_file(0), out); }
int Secrets::write_log_key(const SecretKey& key) const { return write(log_key_name, key); }
int Secrets::write_epoch(u64 epoch, const SecretKey& key) const { return write(epoch_file(epoch), key); }

int Secrets::age_ns(u64 epoch, u64 now_utc_ns, u64& out) const {
  const std::string name = epoch_file(epoch);
  struct stat status {};
  if (os::calls.fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return fail(-errno, name, "read the status of");
  const u64 then = static_cast<u64>(status.st_mtim.tv_sec) * 1'000'000'000 + static_cast<u64>(status.st_mtim.tv_nsec);
  out = now_utc_ns > then ? now_utc_ns - then : 0;
  return 0;
}

int Secrets::rewrite_first(SecretKey& log, SecretKey& epoch) const {
  const int error = rewrite(log_key_name, log);
  return error == 0 ? rewrite(epoch_file(0), epoch) : error;
}

int Secrets::erase_epoch(u64 epoch) const { return erase(epoch_file(epoch)); }

int Secrets::erase_all() const {
  std::vector<u64> epochs;
  int error = list(epochs);
  for (const u64 epoch : epochs)
    if (error == 0) error = erase_epoch(epoch);
  if (error == 0) error = erase(log_key_name);
  return error == 0 ? erase(checkpoint_name) : error;
}

int Secrets::erase(const std::string& name) const {
  os::Fd file;
  int error = os::open_at(directory_.get(), name.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0, file);
  if (error == -ENOENT) return os::sync_all(directory_.get());  // its removal may not be durable
  if (error != 0) return fail(error, name, "open");
  error = overwrite(file.get());
  if (error == 0) error = os::result(os::calls.unlinkat(directory_.get(), name.c_str(), 0));
  if (error == 0) error = os::sync_all(directory_.get());
  return error == 0 ? 0 : fail(error, name, "erase");
}

int Secrets::read_checkpoint(std::string& out) const {
  const int error = os::read_regular(directory_.get(), checkpoint_name, most_secret_bytes, out);
  return error == 0 || error == -ENOENT ? 0 : fail(error, checkpoint_name, "read");
}

// It is not synced: after a power cut an older one may be there, which says less, and is as true.
int Secrets::write_checkpoint(const std::string& text) const {
  os::calls.unlinkat(directory_.get(), temporary_signed, 0);  // left by a writer that was killed here
  constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW;
  os::Fd file;
  int error = os::open_at(directory_.get(), temporary_signed, flags, 0600, file);
  if (error == 0) error = os::write_full(file.get(), text.data(), text.size());
  if (error == 0) error = os::rename_over(directory_.get(), temporary_signed, checkpoint_name);
  return error == 0 ? 0 : fail(error, checkpoint_name, "write");
}

void keep_secrets_apart() {
  if (CRYPTO_secure_malloc_initialized() == 0) CRYPTO_secure_malloc_init(secure_bytes, least_secure_bytes);
}

int make_first_keys(const Secrets& secrets, const std::string& origin) {
  SecretKey log, epoch;
  int error = secrets.find_log_key(log);
  if (error == -ENOENT) error = secrets.write_log_key(log = SecretKey::make(origin));
  if (error != 0) return error;
  error = secrets.find_first_epoch(epoch);
  const std::string name = epoch_name(log.name(), 0);
  if (error == 0 && epoch.name() == name) return 0;
  // A power cut took the log's key of a first start, and left this one. It has signed nothing.
  if (error == 0) error = secrets.erase_epoch(0);
  return error == 0 || error == -ENOENT ? secrets.write_epoch(0, SecretKey::make(name)) : error;
}

std::string new_origin(std::string_view ring) {
  std::array<u8, 8> chance{};
  if (os::calls.getrandom(chance.data(), chance.size(), 0) != static_cast<ssize_t>(chance.size())) return "";
  std::string out = "shmring/" + std::string(ring) + "/";
  for (const u8 byte : chance) (out += "0123456789abcdef"[byte >> 4]) += "0123456789abcdef"[byte & 15];
  return out;
}

}  // namespace shmring::log
