// Attach, look, unlink, list, lease: see segment.hpp. Invariants: the descriptor that is mapped is the one that is checked,
// never a path a second time. The header is read once, and that copy is checked and used.
#include "lib/os/segment.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "lib/os/error.hpp"
#include "lib/os/map.hpp"
#include "lib/os/process.hpp"
#include "lib/os/remover_lock.hpp"
#include "lib/os/users.hpp"
#include "lib/ring/status.hpp"

namespace shmring::os {
namespace {

namespace bip = boost::interprocess;

constexpr int most_looks = 4;  // looks at what a name refers to, while rings are removed and made

// A private copy of a header, alone or with what follows it in the file.
struct HeaderCopy {
  alignas(ring::Header) std::byte bytes[sizeof(ring::Header)] = {};
  const ring::Header& header() const { return *reinterpret_cast<const ring::Header*>(bytes); }
};

// Reports what a ring's name refers to if it cannot be a ring. Whoever put it there may need it.
int no_regular_file(const Place& at, const char* what) {
  if (!at.dir)
    return fail(EPERM, "file %.200s: it is %s, expected a regular file: name a copy of a ring's file", at.path.c_str(), what);
  struct stat status {};
  const bool known = calls.fstatat(at.dir.get(), at.file.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  return fail(EPERM, "ring %.80s: %.200s is %s, expected a regular file: ask %s what it is for, or choose another name",
              at.ring.c_str(), at.path.c_str(), what, known ? user_text(status.st_uid).c_str() : "its owner");
}

std::string text_of(const ring::Finding& finding) {
  char text[192];
  const bool hex = std::strcmp(finding.field, "magic") == 0 || std::strcmp(finding.field, "fingerprint") == 0;
  std::snprintf(text, sizeof text,
                hex ? "%s is %#" PRIx64 ", expected %s %#" PRIx64 : "%s is %" PRIu64 ", expected %s %" PRIu64, finding.field,
                finding.found, finding.rule, finding.expected);
  return text;
}

// Only `shmring doctor` judges who may be alive, and advises accordingly. This code cannot, so it advises no more than a look.
int refuse(const Place& at, const ring::Finding& finding, ring::Purpose purpose) {
  const ring::OlderVersion* const older = finding.error == EPROTO ? ring::find_older(static_cast<u32>(finding.found)) : nullptr;
  std::string advice = finding.error == ENOEXEC ? "it is not a segment of this library's layout: choose another name"
                       : older != nullptr ? std::string("libshmring ") + older->library + " made it, and its shmringd drains it"
                       : finding.error == EPROTO        ? "another version of libshmring made it: use that one"
                       : purpose == ring::Purpose::look ? "it is too short to be read"
                                                        : "it is damaged";
  if (purpose == ring::Purpose::write && finding.error != ENOEXEC) advice += "; see `shmring doctor " + at.ring + "`";
  const std::string subject = at.dir ? "ring " + at.ring + ": " + at.path : "file " + at.path;
  return fail(finding.error, "%.280s: %s: %s", subject.c_str(), text_of(finding).c_str(), advice.c_str());
}

int read_header(const Place& at, int fd, HeaderCopy& out) {
  const ssize_t bytes = read_full(fd, out.bytes, sizeof out.bytes, 0);
  if (bytes >= 0) return 0;
  return fail(static_cast<int>(-bytes), "ring %.80s: cannot read %.200s: %s", at.ring.c_str(), at.path.c_str(),
              std::strerror(static_cast<int>(-bytes)));
}

// Returns "" if the header is of this boot, or if one of the two is unknown.
std::string other_boot(const ring::Header& header) {
  const MachineId host = this_machine();
  auto known = [](const u64(&id)[2]) { return id[0] != 0 || id[1] != 0; };
  if (!known(header.boot_id) || !known(host.boot_id) || std::equal(host.boot_id, host.boot_id + 2, header.boot_id)) return "";
  char text[160];
  std::snprintf(text, sizeof text, "boot id is %016" PRIx64 "%016" PRIx64 ", expected %016" PRIx64 "%016" PRIx64,
                header.boot_id[0], header.boot_id[1], host.boot_id[0], host.boot_id[1]);
  return text;
}

int check_boot(const Place& at, const ring::Header& header) {
  const std::string text = other_boot(header);
  if (text.empty()) return 0;
  return fail(ESTALE,
              "ring %.80s: %.200s: %s: it is of another boot: shmringd moves it aside when it starts, and makes a new one",
              at.ring.c_str(), at.path.c_str(), text.c_str());
}

int cannot_map(const Place& at, u64 bytes, int error) {
  return fail(-error, "ring %.80s: cannot map %" PRIu64 " bytes of %.200s: %s", at.ring.c_str(), bytes, at.path.c_str(),
              std::strerror(-error));
}

// Maps the whole file, or what is left of it followed by zeros, and never a page that the file does not have.
int map_readonly(const Place& at, u64 file_bytes, u64 bytes, Segment& out) {
  if (file_bytes >= bytes) {
    const int error = map(out.fd.get(), bytes, bip::read_only, out.region);
    return error ? cannot_map(at, bytes, error) : 0;
  }
  if (const int error = map_zeros(bytes, out.region)) return cannot_map(at, bytes, error);
  const ssize_t read = read_full(out.fd.get(), out.region.get_address(), file_bytes, 0);
  if (read >= 0) return 0;
  return fail(static_cast<int>(-read), "ring %.80s: cannot read %.200s: %s", at.ring.c_str(), at.path.c_str(),
              std::strerror(static_cast<int>(-read)));
}

void describe(const ring::Header& header, u64 file_bytes, std::vector<std::string>& out) {
  if (const ring::OlderVersion* const older = ring::find_older(header.version))
    out.push_back(text_of(ring::identify(header)) + ": it was made by libshmring " + older->library);
  if (header.geometry.size != file_bytes)
    out.push_back(text_of({EBADMSG, "size of the file", file_bytes, "exactly", header.geometry.size}));
  if (const std::string text = other_boot(header); !text.empty()) out.push_back(text);
  if (ring::is_retired<ring::HardwareMemory>(header)) out.push_back("the ring is retired");
}

}  // namespace

int place_of(std::string_view name, Place& out) {
  out.ring = name;
  if (!valid_name(name)) {
    return fail(EINVAL, "\"%.80s\" cannot name a ring: expected 1 to 63 of A-Z a-z 0-9 . _ - (and neither . nor ..)",
                out.ring.c_str());
  }
  out.file = file_name(out.ring);
  const int error = open_directory(out.ring, out.path, out.dir);
  out.path += "/" + out.file;
  return error;
}

// O_NONBLOCK is needed because a FIFO under that name must not make us wait.
int open_checked(const Place& at, int access, struct stat& status, Fd& out) {
  const int error = open_at(at.dir ? at.dir.get() : AT_FDCWD, at.dir ? at.file.c_str() : at.path.c_str(),
                            access | O_NONBLOCK | (at.dir ? O_NOFOLLOW : 0), 0, out);
  const char* const ring = at.ring.c_str();
  const char* const path = at.path.c_str();
  const char* const kind = at.dir ? "ring" : "file";
  if (error == -ENOENT && !at.dir)
    return fail(ENOENT, "file %.200s: it does not exist; a ring is named without a slash, see `shmring ls`", path);
  if (error == -ENOENT) {
    return fail(ENOENT, "ring %.80s: there is no %.200s: create it (shmringd --ring %.80s --log DIR), or see `shmring ls`",
                ring, path, ring);
  }
  if (error == -ELOOP && at.dir) return no_regular_file(at, "a symbolic link");
  if (error == -EISDIR || error == -ENXIO || error == -ENODEV) return no_regular_file(at, "not a regular file");
  if (error == -EACCES) {
    return fail(EACCES, "%s %.80s: no permission to open %.200s: run as its owner, or as a member of its group", kind, ring,
                path);
  }
  if (error) return fail(-error, "%s %.80s: cannot open %.200s: %s", kind, ring, path, std::strerror(-error));
  if (calls.fstat(out.get(), &status) != 0)
    return fail(errno, "%s %.80s: cannot read the status of %.200s: %s", kind, ring, path, std::strerror(errno));
  return S_ISREG(status.st_mode) ? 0 : no_regular_file(at, "not a regular file");
}

int check_rights(const Place& at, const struct stat& status) {
  if (const int error = check_owner(at.ring, at.path, status.st_uid, at.dir.get(), at.named)) return error;
  const unsigned mode = status.st_mode & 07777;
  if ((mode & ~0660u) == 0) return 0;
  return fail(EPERM,
              "ring %.80s: the mode of %.200s is %#o, expected no bits beyond 0660: others may read or change what is written "
              "into it; its owner can end that: chmod %#o %.200s",
              at.ring.c_str(), at.path.c_str(), mode, mode & 0660u, at.path.c_str());
}

// Makes the rest of attach, once `out.fd` is open.
int map_checked(const Place& at, const struct stat& status, Segment& out) {
  if (const int error = check_rights(at, status)) return error;
  const u64 bytes = static_cast<u64>(status.st_size);
  HeaderCopy snapshot;
  if (const int error = read_header(at, out.fd.get(), snapshot)) return error;
  // Checks once before anything is mapped, since a bad size must not become a SIGBUS.
  ring::Ring ring;
  if (const ring::Finding finding = ring::validate(snapshot.header(), bytes, nullptr, ring))
    return refuse(at, finding, ring::Purpose::write);
  if (const int error = check_boot(at, snapshot.header())) return error;
  if (const int error = map(out.fd.get(), bytes, bip::read_write, out.region)) return cannot_map(at, bytes, error);
  ring::validate(snapshot.header(), bytes, static_cast<std::byte*>(out.region.get_address()), out.ring);
  std::memcpy(out.name, at.ring.data(), at.ring.size());
  return 0;
}

int status_of(const Place& at, const Segment& judged, struct stat& out) {
  if (calls.fstat(judged.fd.get(), &out) == 0) return 0;
  return fail(errno, "ring %.80s: cannot read the status of what was opened: %s", at.ring.c_str(), std::strerror(errno));
}

// Returns 0 if the name still refers to the open file.
int check_name(const Place& at, const struct stat& opened) {
  struct stat named {};
  const bool found = calls.fstatat(at.dir.get(), at.file.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0;
  if (found && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev) return 0;
  return fail(found ? ENOENT : errno, "ring %.80s: %.200s was removed by somebody else just now", at.ring.c_str(),
              at.path.c_str());
}

int attach(std::string_view ring, Segment& out, const char* owner) {
  Place at;
  if (const int error = place_of(ring, at)) return error;
  if (const int error = named_owner(at.ring, owner, at.named)) return error;
  for (int look = 0; look < most_looks; ++look) {
    Segment segment;
    struct stat status {};
    if (const int error = open_checked(at, O_RDWR, status, segment.fd)) return error;
    if (const int error = map_checked(at, status, segment)) return error;
    const bool retired = ring::is_retired<ring::HardwareMemory>(*segment.ring.header);
    const int error = retired ? settle_removal(at, segment) : 0;
    if (error == 0) out = std::move(segment);
    if (error != -EAGAIN) return error;
  }
  return fail(ESTALE, "ring %.80s: %.200s is being removed and created again and again: try again later", at.ring.c_str(),
              at.path.c_str());
}

int attach_open(std::string_view ring, Fd file, Segment& out, const char* owner) {
  Place at;
  if (const int error = place_of(ring, at)) return error;
  if (const int error = named_owner(at.ring, owner, at.named)) return error;
  Segment segment;
  segment.fd = std::move(file);
  struct stat status {};
  if (const int error = status_of(at, segment, status)) return error;
  if (!S_ISREG(status.st_mode)) return no_regular_file(at, "not a regular file");
  if (const int error = map_checked(at, status, segment)) return error;
  out = std::move(segment);
  return 0;
}

int open_readonly(std::string_view ring_or_path, Segment& out, std::vector<std::string>& findings) {
  Place at;
  const bool is_path = ring_or_path.find('/') != std::string_view::npos;
  if (is_path) {
    at.ring = at.path = ring_or_path;
  } else if (const int error = place_of(ring_or_path, at)) {
    return error;
  }
  Segment segment;
  struct stat status {};
  if (const int error = open_checked(at, O_RDONLY, status, segment.fd)) return error;
  const u64 file_bytes = static_cast<u64>(status.st_size);
  HeaderCopy snapshot;
  if (const int error = read_header(at, segment.fd.get(), snapshot)) return error;
  const ring::Header& header = snapshot.header();
  if (file_bytes < sizeof header)
    return refuse(at, {EBADMSG, "size of the file", file_bytes, "at least", sizeof header}, ring::Purpose::look);
  if (const ring::Finding finding = ring::identify(header, ring::Purpose::look))
    return refuse(at, finding, ring::Purpose::look);
  // The file is judged as if it were as long as it should be. What it lacks reads as zeros.
  const u64 whole = header.geometry.size;
  std::string problem;
  if (const ring::Finding finding = ring::validate(header, whole, nullptr, segment.ring, ring::Purpose::look))
    problem = text_of(finding);
  if (problem.empty() && map_readonly(at, file_bytes, whole, segment) != 0) problem = last_error();
  if (!problem.empty()) {
    findings.push_back(problem);
    if (const int error = map_readonly(at, file_bytes, sizeof header, segment)) return error;
    segment.ring = {};
    segment.ring.header = static_cast<ring::Header*>(segment.region.get_address());
    segment.ring.header_bytes = ring::header_bytes_of(header.version);
  } else {
    ring::validate(header, whole, static_cast<std::byte*>(segment.region.get_address()), segment.ring, ring::Purpose::look);
  }
  describe(header, file_bytes, findings);
  const std::string_view name(header.ring, strnlen(header.ring, sizeof header.ring - 1));
  (is_path ? name : std::string_view(at.ring)).copy(segment.name, sizeof segment.name - 1);
  out = std::move(segment);
  return 0;
}

int check_trust(std::string_view ring, const Segment& segment, const char* owner) {
  Place at;
  if (const int error = place_of(ring, at)) return error;
  if (const int error = named_owner(at.ring, owner, at.named)) return error;
  struct stat status {};
  if (const int error = status_of(at, segment, status)) return error;
  return check_rights(at, status);
}

int names_in(Fd folder, std::vector<std::string>& out) {
  DIR* const entries = calls.fdopendir(folder.get());
  if (entries == nullptr) return -errno;
  folder.release();
  out.clear();
  errno = 0;
  while (const dirent* const entry = calls.readdir(entries)) out.emplace_back(entry->d_name);
  const int error = errno;
  calls.closedir(entries);
  return -error;
}

int list(std::vector<std::string>& out) {
  std::string path;
  Fd dir;
  if (const int error = open_directory("*", path, dir)) return error;
  std::vector<std::string> names;
  if (const int error = names_in(std::move(dir), names))
    return fail(-error, "cannot list %.200s: %s", path.c_str(), std::strerror(-error));
  out.clear();
  constexpr std::string_view prefix = "shmring.";
  for (const std::string_view name : names)
    if (name.starts_with(prefix) && valid_name(name.substr(prefix.size()))) out.emplace_back(name.substr(prefix.size()));
  std::ranges::sort(out);
  return 0;
}

bool unlinked(const Segment& segment) {
  Place at;
  struct stat opened {
  }, named{};
  if (place_of(segment.name, at) != 0 || calls.fstat(segment.fd.get(), &opened) != 0) return false;
  if (calls.fstatat(at.dir.get(), at.file.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
  return named.st_ino != opened.st_ino || named.st_dev != opened.st_dev;
}

bool lease_is_held(const Segment& segment) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return calls.fcntl(segment.fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int take_lease(const Segment& segment) {
  if (const int error = take_lease_unnamed(segment)) return error;
  // Whoever retires the ring looks for the lease afterwards.
  if (!ring::is_retired_by_now<ring::HardwareMemory>(*segment.ring.header)) return 0;
  Place at;
  if (const int error = place_of(segment.name, at)) return error;
  const int error = settle_removal(at, segment);
  return error != -EAGAIN ? error : fail(ESTALE, "ring %s: it was removed just now: attach anew", segment.name);
}

int take_lease_unnamed(const Segment& segment) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (calls.fcntl(segment.fd.get(), F_OFD_SETLK, &lock) == 0) return 0;
  if (errno != EAGAIN && errno != EACCES)
    return fail(errno, "ring %s: cannot lock it for its collector: %s", segment.name, std::strerror(errno));
  const ring::Owner holder = ring::collector_seen<ring::HardwareMemory>(segment.ring.header->status);
  if (holder.pid == 0) {
    return fail(EBUSY, "ring %s: a process that has just started already collects it, expected none: see `shmring stat %s`",
                segment.name, segment.name);
  }
  return fail(EBUSY, "ring %s: process %u already collects it, expected none: stop that process first", segment.name,
              holder.pid);
}

}  // namespace shmring::os
