// Every system call of create, attach, detach, look, list and unlink fails once, with each error that is plausible for it.
#include <doctest/doctest.h>

#include <filesystem>

#include "lib/include/shmring/shmring.h"
#include "lib/inspect/aside.hpp"
#include "lib/os/error.hpp"
#include "lib/os/segment.hpp"
#include "lib/ring/account.hpp"
#include "tests/io/scenario.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/mode.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;

namespace {

shmring_create_options small_options() {
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = 64, options.slot_bytes = 128, options.lanes = 2;
  return options;
}

int open_tmpfile_unsupported(int dir, const char* path, int flags, mode_t mode) {
  if ((flags & O_TMPFILE) == O_TMPFILE) return errno = EOPNOTSUPP, -1;
  return Replaced<&os::Calls::openat>::real(dir, path, flags, mode);
}

void clear(const Sandbox& box) {
  for (const auto& entry : std::filesystem::directory_iterator(box.path)) std::filesystem::remove(entry.path());
}

int create() {
  const auto options = small_options();
  return shmring_create("audit", &options);
}

// Attach, three records, detach.
int use(const shmring_create_options* create = nullptr) {
  shmring_producer* producer = nullptr;
  const shmring_attach_options options{sizeof options, SHMRING_LANE_AUTO, "p", nullptr, create, 0, 0};
  if (const int error = shmring_attach("audit", &options, &producer); error != 0) return error;
  for (int i = 0; i < 3; ++i) CHECK(shmring_write(producer, nullptr, "record", 6) == 0);
  shmring_detach(producer);
  return 0;
}

// Places taken of the producer table: those of refused attaches are none.
int places_taken() {
  os::Segment segment;
  REQUIRE(os::attach("audit", segment) == 0);
  int taken = 0;
  for (ring::u32 i = 0; i < segment.ring.geometry.producers; ++i)
    taken += ring::owner_seen<ring::HardwareMemory>(segment.ring.entries[i]).state != ring::OwnerState::free;
  return taken;
}

void fail_create(const Sandbox& box, const char* name) {
  fail_each_call({name, "audit", [&] { clear(box); }, create,
                  [&](int result) {
                    if (result != 0) {
                      REQUIRE(box.empty());
                      REQUIRE(create() == 0);
                    }
                    CHECK(use() == 0);
                  }});
}

// A process that creates is killed before each of its system calls in turn. What it leaves is a whole ring, or nothing that is
// in the way of the next.
void kill_create(const Sandbox& box) {
  clear(box);
  std::array<int, Failing::kinds> calls{};
  {
    Failing counting;
    REQUIRE(create() == 0);
    calls = counting.counts();
  }
  ring::u64 kills = 0;
  for (std::size_t kind = 0; kind < calls.size(); ++kind)
    for (int n = 0; n < calls[kind]; ++n) {
      CAPTURE(call_kinds()[kind].name);
      CAPTURE(n);
      clear(box);
      Child victim([&] {
        Failing killing({kind, n, killed});
        return create();
      });
      REQUIRE(victim.wait() == -SIGKILL);
      ++kills;
      const int again = create();
      REQUIRE((again == 0 || again == -EEXIST));
      REQUIRE(use() == 0);
    }
  CHECK(kills > 10);
  tried(kills, "kills inside create");
}

}  // namespace

TEST_CASE("a create that is killed before any of its system calls leaves a whole ring, or none, and create works after") {
  Sandbox box;
  kill_create(box);
  Replaced<&os::Calls::openat> old_filesystem(open_tmpfile_unsupported);
  kill_create(box);
}

TEST_CASE("whichever system call of create fails, there is a whole ring or no name, nothing is held, and create works after") {
  Sandbox box;
  fail_create(box, "create");
}

TEST_CASE("the same on a filesystem that has no files without a name") {
  Sandbox box;
  Replaced<&os::Calls::openat> old_filesystem(open_tmpfile_unsupported);
  fail_create(box, "create by a temporary name");
}

TEST_CASE("the same for a ring that is given to a group") {
  const group* own = ::getgrgid(::getegid());
  REQUIRE(own != nullptr);
  const std::string name = own->gr_name;
  Sandbox box;
  const auto create_shared = [&] {
    auto options = small_options();
    options.group = name.c_str();
    return shmring_create("audit", &options);
  };
  fail_each_call({"create for a group", "audit", [&] { clear(box); }, create_shared,
                  [&](int result) {
                    REQUIRE(box.empty() == (result != 0));
                    if (result != 0) REQUIRE(create_shared() == 0);
                  }});
}

TEST_CASE("whichever system call of attach, write, detach fails, no place is taken, nothing is held, and attach works after") {
  Sandbox box;
  fail_each_call({"attach, write, detach", "audit",
                  [&] {
                    clear(box);
                    REQUIRE(create() == 0);
                  },
                  [] { return use(); },
                  [](int result) {
                    CHECK(places_taken() == (result == 0));
                    CHECK(use() == 0);
                  }});
}

// Every file is that user's, and so is the directory, into which others may write.
constexpr uid_t nobody = 65534;
int nobody_owns(int fd, struct stat* out) {
  const int result = Replaced<&os::Calls::fstat>::real(fd, out);
  out->st_uid = nobody;
  if (S_ISDIR(out->st_mode)) out->st_mode = S_IFDIR | 01777;
  return result;
}

int attach_to(const char* owner) {
  os::Segment segment;
  return os::attach("audit", segment, owner);
}

TEST_CASE("whichever system call fails that asks whose a ring is, nothing is held, and no stranger's ring is taken for ours") {
  Sandbox box;
  const auto prepare = [&] {
    clear(box);
    REQUIRE(create() == 0);
  };
  Replaced<&os::Calls::fstat> squatted(nobody_owns);
  Replaced<&os::Calls::geteuid> somebody([]() -> uid_t { return 4242; });
  fail_each_call({"attach by its owner's name", "audit", prepare, [] { return attach_to("nobody"); },
                  [](int) { CHECK(attach_to("nobody") == 0); }});
  fail_each_call({"a stranger's ring", "audit", prepare,
                  [] {
                    const int result = attach_to("daemon");
                    CHECK(result != 0);
                    const bool named = std::string_view(os::last_error()).find("uid 65534") != std::string_view::npos;
                    return result == -EPERM && named ? 0 : result;
                  },
                  [](int) { CHECK(attach_to("daemon") == -EPERM); }});
}

// Attach, write until one waits in vain for room, detach.
int wait_for_room() {
  shmring_producer* producer = nullptr;
  const shmring_attach_options options{sizeof options, SHMRING_LANE_SHARED, "p", nullptr, nullptr, 0, 0};
  if (const int error = shmring_attach("audit", &options, &producer); error != 0) return error;
  int written = 0, result = 0;
  while ((result = shmring_write(producer, nullptr, "record", 6)) == 0) ++written;
  CHECK(result == SHMRING_TIMEOUT);
  CHECK(written == 64);
  shmring_detach(producer);
  return 0;
}

TEST_CASE("whichever system call of a write that waits for room fails, it comes back at its deadline, and it is counted") {
  Sandbox box;
  const auto prepare = [&] {
    clear(box);
    auto options = small_options();
    options.on_full = SHMRING_POLICY_WAIT, options.wait_us = 2'000;
    REQUIRE(shmring_create("audit", &options) == 0);
  };
  prepare();
  {
    Failing counting;
    REQUIRE(wait_for_room() == 0);
    CHECK(call_kinds().back().name == std::string("futex"));
    CHECK(counting.counts().back() > 0);
  }
  fail_each_call(
      {"a write that waits", "audit", prepare, wait_for_room, [](int result) { CHECK(places_taken() == (result == 0)); }});
}

TEST_CASE("whichever system call of an attach that creates fails, there is a whole ring or none, and attach works after") {
  Sandbox box;
  const auto options = small_options();
  fail_each_call({"attach that creates", "audit", [&] { clear(box); }, [&] { return use(&options); },
                  [&](int result) {
                    const bool made = std::filesystem::exists(box.file("audit"));
                    CHECK((made || (result != 0 && box.empty())));
                    if (made) CHECK(places_taken() == (result == 0));
                    CHECK(use(&options) == 0);
                  }});
}

TEST_CASE("whichever system call of unlink, list or a look fails, nothing is held, and a ring that stays is usable") {
  Sandbox box;
  const auto prepare = [&] {
    clear(box);
    REQUIRE(create() == 0);
  };
  fail_each_call({"unlink", "audit", prepare, [] { return shmring_unlink("audit"); },
                  [&](int result) {
                    REQUIRE(box.empty() == (result == 0));
                    if (result != 0) CHECK(use() == 0);
                  }});
  fail_each_call({"unlink, unless it is needed", "audit", prepare,
                  [] { return os::unlink("audit", false, nullptr, nullptr, os::Unneeded::by_anybody); },
                  [&](int result) {
                    REQUIRE(box.empty() == (result == 0));
                    if (result != 0) CHECK(use() == 0);
                  }});
  fail_each_call({"attach to what was left retired", "audit",
                  [&] {
                    prepare();
                    box.poke("audit", offsetof(ring::Header, state), static_cast<ring::u32>(ring::SegmentState::retired));
                  },
                  [] { return use(); }, [](int) { CHECK(use() == 0); }});
  fail_each_call({"look", "audit", prepare,
                  [] {
                    os::Segment segment;
                    std::vector<std::string> findings;
                    const int error = os::open_readonly("audit", segment, findings);
                    return error != 0 || findings.empty() || segment.ring.entries == nullptr ? error : 0;
                  },
                  [](int) { CHECK(use() == 0); }});
  fail_each_call({"move aside", "audit",
                  [&] {
                    prepare();
                    box.poke("audit", offsetof(ring::Header, boot_id), 0x1234ull);
                  },
                  [] {
                    inspect::Aside aside;
                    const int error = inspect::move_aside("audit", nullptr, -ESTALE, aside);
                    return error == -ESTALE ? 0 : error;  // it could not be told whose boot it is of
                  },
                  [&](int result) {
                    std::vector<std::string> rings;
                    REQUIRE(os::list(rings) == 0);
                    REQUIRE(rings.size() == 1);
                    CHECK((rings[0] == "audit" || result == 0));
                  }});
  std::vector<std::string> rings;
  fail_each_call({"list", box.path, prepare, [&] { return os::list(rings); }, [](int) {}});
}
