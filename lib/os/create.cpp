// Creates a segment. Everything is done to a file without a name, which then gets its name in one step.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "lib/os/map.hpp"
#include "lib/os/memory_limit.hpp"
#include "lib/os/process.hpp"
#include "lib/os/segment.hpp"

namespace shmring::os {
namespace {

constexpr u64 seconds_until_2025 = 1'735'689'600;  // 2025-01-01 00:00:00 UTC since 1970

// A file without a name. If the filesystem has no such files, it has a name that list() and attach() never look at.
struct Draft {
  Fd fd;
  std::string temporary;  // "" if it has no name
};

struct Target {
  std::string ring, directory, file;
  Fd dir;
  void remove(const Draft& draft) const {
    if (!draft.temporary.empty()) calls.unlinkat(dir.get(), draft.temporary.c_str(), 0);
  }
};

int failed(const Target& at, int error, const char* what) {
  return fail(error, "ring %s: cannot create it in %.200s: cannot %s: %s", at.ring.c_str(), at.directory.c_str(), what,
              std::strerror(error));
}

int exists(const Target& at) {
  return fail(EEXIST, "ring %s: %.200s/%s exists: attach to it, or see who uses it: shmring stat %s", at.ring.c_str(),
              at.directory.c_str(), at.file.c_str(), at.ring.c_str());
}

int open_draft(const Target& at, Draft& out) {
  int error = open_at(at.dir.get(), ".", O_TMPFILE | O_RDWR, 0600, out.fd);
  if (error != -EOPNOTSUPP && error != -EISDIR) return error ? failed(at, -error, "open a file") : 0;
  char name[64];
  std::snprintf(name, sizeof name, ".shmring-%d-%llx", static_cast<int>(calls.gettid()),
                static_cast<unsigned long long>(utc_now_ns()));
  error = open_at(at.dir.get(), name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0600, out.fd);
  if (error) return failed(at, -error, "open a file");
  out.temporary = name;
  return 0;
}

int no_space(const Target& at, u64 bytes, int fd, int error) {
  struct statfs fs {};
  const u64 free = calls.fstatfs(fd, &fs) == 0 ? u64{fs.f_bavail} * static_cast<u64>(fs.f_bsize) : 0;
  return fail(ENOSPC,
              "ring %s: %.200s cannot hold it (%s): %llu bytes needed, %llu free: take fewer slots or lanes, or "
              "enlarge it (mount -o remount,size=512m, docker --shm-size)",
              at.ring.c_str(), at.directory.c_str(), std::strerror(error), static_cast<unsigned long long>(bytes),
              static_cast<unsigned long long>(free));
}

// On a tmpfs, the kernel would kill the application past the limit of a control group.
int fits_limit(const Target& at, u64 bytes, int fd) {
  struct statfs fs {};
  if (calls.fstatfs(fd, &fs) != 0 || fs.f_type != TMPFS_MAGIC) return 0;
  const MemoryLimit limit = memory_limit();
  if (limit.left >= bytes) return 0;
  return fail(ENOMEM,
              "ring %s: %llu bytes needed, but the control group's limit for memory leaves %llu: raise %.200s (docker "
              "--memory), or take fewer slots or lanes",
              at.ring.c_str(), static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(limit.left),
              limit.file.c_str());
}

// Reserves all memory of the file, so that no later store can find the filesystem full.
int reserve(const Target& at, u64 bytes, int fd) {
  rlimit limit{};
  // Past this limit the kernel would kill the application with SIGXFSZ.
  if (calls.getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes) {
    return fail(ENOSPC,
                "ring %s: %llu bytes needed, but the limit for a file's size is %llu: raise it (ulimit -f), or take "
                "fewer slots or lanes",
                at.ring.c_str(), static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(limit.rlim_cur));
  }
  if (const int error = fits_limit(at, bytes, fd)) return error;
  // A tmpfs that is interrupted begins again from the start, so under a profiler's timer it might never end.
  constexpr int tries = 64;
  int error = EINTR;
  for (int i = 0; i < tries && error == EINTR; ++i) error = calls.posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  if (error == ENOSPC || error == ENOMEM || error == EDQUOT) return no_space(at, bytes, fd, error);
  return error ? failed(at, error, "reserve its memory") : 0;
}

// Reserved memory is not yet present: the pages of a disk filesystem, and this process's page tables, come with the first
// store.
void touch(std::byte* base, u64 bytes) {
  for (u64 at = 0; at < bytes; at += ring::page_bytes) *static_cast<volatile std::byte*>(base + at) = std::byte{0};
}

// Fills in everything except identity and incarnation_base. Entries, lanes and slots are right as zeros.
void fill(ring::Header& header, std::byte* base, const Target& at, const ring::Geometry& geometry) {
  const MachineId host = this_machine();
  const Sample now = take_sample(static_cast<ring::Clock>(geometry.clock));
  const ring::Places places = ring::plan(geometry);
  header.magic = ring::magic;
  header.version = ring::version;
  header.word_bytes = sizeof(void*);
  header.fingerprint = ring::layout_fingerprint();
  std::memcpy(header.boot_id, host.boot_id, sizeof header.boot_id);
  header.pid_namespace = host.pid_namespace;
  header.time_namespace = host.time_namespace;
  header.created_utc_ns = now.utc_ns;
  header.geometry = geometry;
  header.entries = reinterpret_cast<ring::Entry*>(base + places.entries);
  header.lanes = reinterpret_cast<ring::Lane*>(base + places.lanes);
  header.slots = reinterpret_cast<ring::Slot*>(base + places.slots);
  header.created_ticks = now.ticks;
  header.created_monotonic_ns = now.monotonic_ns;
  header.creator_pid = static_cast<u32>(calls.getpid());
  header.creator_uid = static_cast<u32>(calls.geteuid());
  std::memcpy(header.ring, at.ring.data(), at.ring.size());
  header.state.store(static_cast<u32>(ring::SegmentState::open), std::memory_order_relaxed);  // nobody has it yet
}

// Returns seconds since 2025 << 22, with the part of the second in the low bits, one step per 512 ns (below 2^21). A ring that
// is created later, even in the same second, begins above every number that the earlier ring gave out. The earlier ring gave
// out at most one number for each place in its table (256), and as many again each time a collector freed places, some ten
// times a second, while the base grows by 1 953 125 a second. Removing a ring, and reserving and touching the next one, takes
// longer than the 131 us of the first 256. This needs a wall clock that is not set back.
u64 incarnation_base(u64 utc_ns) {
  const u64 seconds = utc_ns / second_ns > seconds_until_2025 ? utc_ns / second_ns - seconds_until_2025 : 0;
  return (seconds << 22) + (utc_ns % second_ns >> 9);
}

int give_rights(const Target& at, int fd, const CreateOptions& options) {
  if (options.has_group && calls.fchown(fd, static_cast<uid_t>(-1), options.group) != 0)
    return failed(at, errno, "give it to the group (are you a member?)");
  // Sets the mode whatever the umask is. It comes after fchown, which may take bits away.
  return calls.fchmod(fd, options.mode) != 0 ? failed(at, errno, "set its mode") : 0;
}

// Draws a ring's own identity. It is never all zero, which stands for none.
int draw(u64 (&identity)[2]) {
  auto* const bytes = reinterpret_cast<std::byte*>(identity);
  for (std::size_t done = 0; done < sizeof identity;) {
    const ssize_t got = calls.getrandom(bytes + done, sizeof identity - done, 0);
    if (got < 0 && errno != EINTR) return -errno;
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  identity[0] |= 1;
  return 0;
}

int build(const Target& at, const CreateOptions& options, const Draft& draft) {
  const ring::Geometry& geometry = options.geometry;
  if (const int error = reserve(at, geometry.size, draft.fd.get())) return error;
  boost::interprocess::mapped_region region;
  if (const int error = map(draft.fd.get(), geometry.size, boost::interprocess::read_write, region))
    return failed(at, -error, "map it");
  std::byte* const base = static_cast<std::byte*>(region.get_address());
  touch(base, geometry.size);
  ring::Header& header = *new (base) ring::Header{};
  fill(header, base, at, geometry);
  if (const int error = draw(header.identity)) return failed(at, -error, "draw random bytes for its identity");
  if (const int error = give_rights(at, draft.fd.get(), options)) return error;
  header.incarnation_base = incarnation_base(utc_now_ns());  // as late as possible: see its comment
  return 0;
}

int publish(const Target& at, const Draft& draft) {
  int linked;
  if (draft.temporary.empty()) {
    const std::string link = "/proc/self/fd/" + std::to_string(draft.fd.get());
    linked = calls.linkat(AT_FDCWD, link.c_str(), at.dir.get(), at.file.c_str(), AT_SYMLINK_FOLLOW);
  } else {
    linked = calls.linkat(at.dir.get(), draft.temporary.c_str(), at.dir.get(), at.file.c_str(), 0);
  }
  if (linked == 0) return 0;
  return errno == EEXIST ? exists(at) : failed(at, errno, "give it its name (is /proc mounted?)");
}

}  // namespace

int create(std::string_view ring, const shmring_create_options* asked) {
  Target at;
  at.ring = ring;
  CreateOptions options;
  if (const int error = resolve(at.ring, asked, options)) return error;
  at.file = file_name(at.ring);
  if (const int error = open_directory(at.ring, at.directory, at.dir)) return error;
  // linkat decides. This check only saves the memory when the answer is already clear.
  struct stat status;
  if (calls.fstatat(at.dir.get(), at.file.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return exists(at);
  Draft draft;
  if (const int error = open_draft(at, draft)) return error;
  int error = build(at, options, draft);
  if (error == 0) error = publish(at, draft);
  at.remove(draft);
  return error;
}

}  // namespace shmring::os
