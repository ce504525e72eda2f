// os/create.cpp and os/options.cpp: what a new ring is, and that a failure leaves nothing behind.
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "lib/os/error.hpp"
#include "lib/os/process.hpp"
#include "lib/os/segment.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/mode.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;

namespace {

shmring_create_options small_options() {
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = 64;
  options.slot_bytes = 128;
  options.lanes = 2;
  return options;
}

bool says(const char* text) { return std::strstr(os::last_error(), text) != nullptr; }

unsigned mode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

int open_tmpfile_unsupported(int dir, const char* path, int flags, mode_t mode) {
  if ((flags & O_TMPFILE) == O_TMPFILE) return errno = EOPNOTSUPP, -1;
  return Replaced<&os::Calls::openat>::real(dir, path, flags, mode);
}

ring::u64 fixed_utc_ns = 0;
int fixed_clock(clockid_t clock, timespec* out) {
  if (clock != CLOCK_REALTIME) return Replaced<&os::Calls::clock_gettime>::real(clock, out);
  *out = {static_cast<time_t>(fixed_utc_ns / 1'000'000'000), static_cast<long>(fixed_utc_ns % 1'000'000'000)};
  return 0;
}

ring::u64 base_of_a_ring_created_at(ring::u64 utc_ns) {
  fixed_utc_ns = utc_ns;
  Replaced<&os::Calls::clock_gettime> fixed(fixed_clock);
  const auto options = small_options();
  REQUIRE(os::create("audit", &options) == 0);
  os::Segment segment;
  REQUIRE(os::attach("audit", segment) == 0);
  REQUIRE(os::unlink("audit") == 0);
  return segment.ring.header->incarnation_base;
}

}  // namespace

TEST_CASE("without options a ring has the documented defaults") {
  Sandbox box;
  os::CreateOptions options;
  REQUIRE(os::resolve("audit", nullptr, options) == 0);
  CHECK(options.geometry.slots == 16384);
  CHECK(options.geometry.slot_bytes == 256);
  CHECK(options.geometry.lanes == 8);
  CHECK(options.geometry.producers == 256);
  CHECK(options.geometry.max_record == 65536);
  CHECK(options.geometry.on_full == SHMRING_POLICY_DROP);
  CHECK(options.geometry.wait_us == 100'000);
  CHECK(options.geometry.flags == (ring::with_tripwire | ring::with_timestamp));
  CHECK(options.geometry.size < 34u << 20);
  CHECK(options.mode == 0600);
}

TEST_CASE("max_record is by default a quarter of a lane where that is less than 64 KiB") {
  auto options = small_options();
  os::CreateOptions resolved;
  REQUIRE(os::resolve("audit", &options, resolved) == 0);
  CHECK(resolved.geometry.max_record == 16 * 64);
}

TEST_CASE("an option out of its range is EINVAL, and the text names it with what was expected") {
  struct {
    uint32_t shmring_create_options::*field;
    uint32_t value;
    int error;
    const char *name, *expected;
  } const cases[] = {
      {&shmring_create_options::slots, 32, -EINVAL, "slots is 32", "at least 64"},
      {&shmring_create_options::slots, 1000, -EINVAL, "slots is 1000", "power of two"},
      {&shmring_create_options::slot_bytes, 64, -EINVAL, "slot_bytes is 64", "at least 128"},
      {&shmring_create_options::lanes, 65, -EINVAL, "lanes is 65", "at most 64"},
      {&shmring_create_options::max_record, 2000, -EINVAL, "max_record is 2000", "at most 1024"},
      {&shmring_create_options::mode, 0666, -EINVAL, "mode is 0666", "0660"},
      {&shmring_create_options::flags, 4, -EINVAL, "flags are 0x4", "0x3"},
      {&shmring_create_options::on_full, 4, -EINVAL, "on_full is 4", "SHMRING_POLICY_HYBRID"},
  };
  Sandbox box;
  for (const auto& c : cases) {
    CAPTURE(c.name);
    auto options = small_options();
    options.*c.field = c.value;
    CHECK(os::create("audit", &options) == c.error);
    CHECK(says("audit"));
    CHECK(says(c.name));
    CHECK(says(c.expected));
    CHECK(box.empty());
  }
}

TEST_CASE("each policy can be asked for, and a wait has a deadline of its own or the policy's default") {
  struct {
    uint32_t on_full, wait_us, expected_us;
  } const cases[] = {{SHMRING_POLICY_DROP, 0, 100'000}, {SHMRING_POLICY_OVERWRITE, 0, 100'000},
                     {SHMRING_POLICY_WAIT, 0, 100'000}, {SHMRING_POLICY_HYBRID, 0, 1'000},
                     {SHMRING_POLICY_WAIT, 77, 77},     {SHMRING_POLICY_HYBRID, 77, 77}};
  for (const auto& c : cases) {
    Sandbox box;
    CAPTURE(c.on_full);
    auto options = small_options();
    options.on_full = c.on_full, options.wait_us = c.wait_us;
    REQUIRE(os::create("audit", &options) == 0);
    os::Segment segment;
    REQUIRE(os::attach("audit", segment) == 0);
    CHECK(segment.ring.geometry.on_full == c.on_full);
    CHECK(segment.ring.geometry.wait_us == c.expected_us);
  }
}

TEST_CASE("a group that does not exist is EINVAL") {
  auto options = small_options();
  options.group = "no-such-group-here";
  CHECK(os::create("audit", &options) == -EINVAL);
  CHECK(says("no-such-group-here"));
}

TEST_CASE("a name is 1 to 63 plain characters, and not . or ..") {
  for (const char* good : {"a", "payments", "A-Z_09.x", "...", "-"}) CHECK(os::valid_name(good));
  CHECK(os::valid_name(std::string(63, 'x')));
  CHECK_FALSE(os::valid_name(std::string(64, 'x')));
  CHECK_FALSE(os::valid_name(std::string_view("a\0b", 3)));
  for (const char* bad : {"", ".", "..", "a/b", "../x", "a b", "ä", "a\n"}) {
    CHECK_FALSE(os::valid_name(bad));
    CHECK(os::create(bad, nullptr) == -EINVAL);
    CHECK(says("cannot name a ring"));
  }
}

TEST_CASE("a smaller options struct leaves the rest at its default; a larger one must be zero beyond what we know") {
  struct {
    shmring_create_options known{};
    uint64_t later = 0;
  } grown;
  grown.known = small_options();
  os::CreateOptions out;
  grown.known.struct_size = 16;
  grown.known.max_record = 12345;  // beyond the caller's struct
  REQUIRE(os::resolve("audit", &grown.known, out) == 0);
  CHECK(out.geometry.slots == 64);
  CHECK(out.geometry.max_record == 1024);

  grown.known = small_options();
  grown.known.struct_size = sizeof grown;
  CHECK(os::resolve("audit", &grown.known, out) == 0);
  grown.later = 1;
  CHECK(os::resolve("audit", &grown.known, out) == -EINVAL);
  CHECK(says("upgrade"));
  for (uint32_t never_set : {0u, 4u, 17u, 1u << 20}) {
    grown.known.struct_size = never_set;
    CHECK(os::resolve("audit", &grown.known, out) == -EINVAL);
    CHECK(says("struct_size"));
  }
}

TEST_CASE("a new ring is open, names its host and its creator, and all its tables are zero") {
  Sandbox box;
  const auto options = small_options();
  REQUIRE(os::create("audit", &options) == 0);
  os::Segment segment;
  REQUIRE(os::attach("audit", segment) == 0);
  const ring::Header& header = *segment.ring.header;
  const os::MachineId host = os::this_machine();
  CHECK(std::string(header.ring) == "audit");
  CHECK(header.state.load() == static_cast<ring::u32>(ring::SegmentState::open));
  CHECK(std::memcmp(header.boot_id, host.boot_id, sizeof host.boot_id) == 0);
  CHECK((host.boot_id[0] != 0 && host.boot_id[1] != 0 && host.pid_namespace != 0));
  CHECK(header.pid_namespace == host.pid_namespace);
  CHECK(header.time_namespace == host.time_namespace);
  CHECK(header.creator_pid == static_cast<ring::u32>(::getpid()));
  CHECK(header.creator_uid == ::geteuid());
  CHECK((header.created_ticks > 0 && header.created_monotonic_ns > 0 && header.created_utc_ns > 0));
  const auto* tables = reinterpret_cast<const unsigned char*>(segment.ring.entries);
  const auto* end = reinterpret_cast<const unsigned char*>(&header) + segment.ring.geometry.size;
  CHECK(std::find_if(tables, end, [](unsigned char byte) { return byte != 0; }) == end);
}

TEST_CASE("all memory of a new ring is there: no later store can meet a full filesystem") {
  Sandbox box;
  const auto options = small_options();
  REQUIRE(os::create("audit", &options) == 0);
  struct stat status {};
  REQUIRE(::stat(box.file("audit").c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 >= status.st_size);
}

TEST_CASE("every page of a new ring is stored to, also where the filesystem only says that it has reserved it") {
  Sandbox box;
  const auto options = small_options();
  Replaced<&os::Calls::posix_fallocate> lazy([](int fd, off_t, off_t bytes) { return ::ftruncate(fd, bytes); });
  REQUIRE(os::create("audit", &options) == 0);
  struct stat status {};
  REQUIRE(::stat(box.file("audit").c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 >= status.st_size);
}

TEST_CASE("an existing ring is EEXIST, and stays as it is") {
  Sandbox box;
  const auto options = small_options();
  REQUIRE(os::create("audit", &options) == 0);
  struct stat before {
  }, after{};
  ::stat(box.file("audit").c_str(), &before);
  CHECK(os::create("audit", &options) == -EEXIST);
  CHECK(says("audit"));
  ::stat(box.file("audit").c_str(), &after);
  CHECK(before.st_ino == after.st_ino);
}

TEST_CASE("a name that appears while the ring is being made is EEXIST too") {
  Sandbox box;
  const auto options = small_options();
  REQUIRE(os::create("audit", &options) == 0);
  // As if the first look had come before the other creator.
  Replaced<&os::Calls::fstatat> blind([](int, const char*, struct stat*, int) { return errno = ENOENT, -1; });
  CHECK(os::create("audit", &options) == -EEXIST);
  CHECK(says("shmring stat audit"));
}

TEST_CASE("a ring with a group belongs to it") {
  Sandbox box;
  auto options = small_options();
  // Root may give it to any group; others to one of theirs, if they have a second one.
  ::setgrent();
  for (const group* other; (other = ::getgrent());) {
    if (other->gr_gid == ::getegid() || (::geteuid() != 0 && !::group_member(other->gr_gid))) continue;
    const gid_t wanted = other->gr_gid;
    const std::string name = other->gr_name;
    options.group = name.c_str();
    REQUIRE(os::create("shared", &options) == 0);
    struct stat status {};
    ::stat(box.file("shared").c_str(), &status);
    CHECK(status.st_gid == wanted);
    break;
  }
  ::endgrent();
}

TEST_CASE("the mode is what was asked for under any umask: 0600, with a group 0660") {
  for (mode_t mask : {mode_t{0}, mode_t{077}, mode_t{0777}}) {
    Sandbox box;
    const mode_t kept = ::umask(mask);
    auto options = small_options();
    CHECK(os::create("plain", &options) == 0);
    const group* own = ::getgrgid(::getegid());
    REQUIRE(own);
    options.group = own->gr_name;
    CHECK(os::create("shared", &options) == 0);
    ::umask(kept);
    CHECK(mode_of(box.file("plain")) == 0600);
    CHECK(mode_of(box.file("shared")) == 0660);
  }
}

TEST_CASE("on a filesystem without O_TMPFILE the temporary name is gone after create") {
  Sandbox box;
  Replaced<&os::Calls::openat> old_filesystem(open_tmpfile_unsupported);
  const auto options = small_options();
  REQUIRE(os::create("audit", &options) == 0);
  CHECK(std::filesystem::exists(box.file("audit")));
  std::filesystem::remove(box.file("audit"));
  CHECK(box.empty());
}

TEST_CASE("a full tmpfs is ENOSPC at create, and the text says how much is needed and how much is free") {
  const std::string outcome = in_child([]() -> std::string {
    const bool root = ::geteuid() == 0;
    const std::string user = "0 " + std::to_string(::geteuid()) + " 1", group = "0 " + std::to_string(::getegid()) + " 1";
    if (::unshare(CLONE_NEWNS | (root ? 0 : CLONE_NEWUSER)) != 0) return "no namespace";
    if (!root) {
      std::ofstream("/proc/self/setgroups") << "deny";
      std::ofstream("/proc/self/uid_map") << user;
      std::ofstream("/proc/self/gid_map") << group;
    }
    Sandbox box;
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (::mount("tmpfs", box.path.c_str(), "tmpfs", 0, "size=256k") != 0) return "no tmpfs";
    auto options = small_options();
    options.slots = 4096;
    std::string text = std::to_string(os::create("audit", &options)) + (box.empty() ? " empty " : " left ") + os::last_error();
    options.slots = 64;
    text += " small: " + std::to_string(os::create("small", &options));
    ::umount2(box.path.c_str(), MNT_DETACH);
    return text;
  });
  if (outcome == "no namespace" || outcome == "no tmpfs") {
    skipped("a full tmpfs: may not mount one here");
    return;
  }
  CAPTURE(outcome);
  CHECK(outcome.starts_with("-28 empty "));
  CHECK(outcome.find("bytes needed, 262144 free") != std::string::npos);
  CHECK(outcome.ends_with("small: 0"));
}

TEST_CASE("a limit for file sizes is ENOSPC at create, not a signal") {
  const std::string outcome = in_child([]() -> std::string {
    Sandbox box;
    const rlimit limit{65536, 65536};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto options = small_options();
    return std::to_string(os::create("audit", &options)) + (box.empty() ? " empty " : " left ") + os::last_error();
  });
  CHECK(outcome.starts_with("-28 empty "));
  CHECK(outcome.find("ulimit -f") != std::string::npos);
}

TEST_CASE("a reservation that signals interrupt again and again ends with EINTR, and nothing is left of the ring") {
  Sandbox box;
  static int calls;
  calls = 0;
  Replaced<&os::Calls::posix_fallocate> interrupted([](int, off_t, off_t) { return ++calls > 1'000'000 ? ENOTSUP : EINTR; });
  const auto options = small_options();
  CHECK(os::create("audit", &options) == -EINTR);
  CHECK(says("reserve its memory"));
  CHECK(box.empty());
}

TEST_CASE("SHMRING_DIR must be absolute and there") {
  ::setenv("SHMRING_DIR", "relative", 1);
  CHECK(os::create("audit", nullptr) == -EINVAL);
  CHECK(says("expected an absolute path"));
  ::setenv("SHMRING_DIR", "/no/such/directory", 1);
  CHECK(os::create("audit", nullptr) == -ENOENT);
  CHECK(says("/no/such/directory"));
  ::unsetenv("SHMRING_DIR");
}

TEST_CASE("incarnations start at the second of creation << 22, and higher within it: a new ring never repeats an old one's") {
  Sandbox box;
  constexpr ring::u64 second = 1'000'000'000, start_of_2025 = 1'735'689'600 * second;
  CHECK(base_of_a_ring_created_at(start_of_2025) == 0);
  CHECK(base_of_a_ring_created_at(start_of_2025 + 7 * second) == ring::u64{7} << 22);
  CHECK(base_of_a_ring_created_at(start_of_2025 + 7 * second + 512 * 1000) == (ring::u64{7} << 22) + 1000);
  CHECK(base_of_a_ring_created_at(start_of_2025 + 8 * second - 1) < (ring::u64{7} << 22) + (1u << 21));
  CHECK(base_of_a_ring_created_at(start_of_2025 + 60ull * 365 * 86400 * second) < ring::u64{1} << 53);
}
