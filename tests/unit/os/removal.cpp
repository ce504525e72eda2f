// os/removal.cpp, os/remover_lock.cpp: who comes while a ring is removed, is killed as he removes it, or waits for him.
#include <doctest/doctest.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <cstring>
#include <filesystem>
#include <functional>

#include "lib/include/shmring/shmring.h"
#include "lib/os/error.hpp"
#include "lib/os/process.hpp"
#include "lib/os/segment.hpp"
#include "lib/ring/remover.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;

namespace {

using Memory = ring::HardwareMemory;
constexpr auto retired = static_cast<ring::u32>(ring::SegmentState::retired);

bool says(const char* text) { return std::strstr(os::last_error(), text) != nullptr; }

int create() {
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = 64, options.slot_bytes = 128, options.lanes = 2;
  return shmring_create("audit", &options);
}

// A sandbox with a small ring "audit", and one that looks at it.
struct Box : Sandbox {
  Box() {
    REQUIRE(create() == 0);
    REQUIRE(os::attach("audit", looker) == 0);
  }
  bool is_retired() const { return ring::is_retired<Memory>(*looker.ring.header); }
  void leave_retired() const { ring::retire<Memory>(*looker.ring.header); }  // as one that was killed
  bool has_name() const { return std::filesystem::exists(file("audit")); }
  os::Segment looker;
};

shmring_producer* attach() {
  shmring_producer* producer = nullptr;
  shmring_attach("audit", nullptr, &producer);
  return producer;
}

void write_and_leave() {
  shmring_producer* producer = attach();
  REQUIRE(producer != nullptr);
  CHECK(shmring_write(producer, nullptr, "record", 6) == 0);
  shmring_detach(producer);
}

// What happens right before a name is removed: `probed` when the kernel is asked, `removed` when it is done; and what either
// fails with.
struct AtUnlink {
  static inline std::function<void()> probed, removed;
  static inline int probe_error, error;
  Replaced<&os::Calls::unlinkat> replaced{[](int dir, const char* name, int flags) {
    const auto& now = flags == AT_REMOVEDIR ? probed : removed;
    if (now) now();
    if (const int refused = flags == AT_REMOVEDIR ? probe_error : error) return errno = refused, -1;
    return Replaced<&os::Calls::unlinkat>::real(dir, name, flags);
  }};
  ~AtUnlink() { probed = removed = nullptr, probe_error = error = 0; }
};

int unlink(os::Unneeded unneeded) { return os::unlink("audit", false, nullptr, nullptr, unneeded); }

// A clock that only sleepers move on; `slept` after each sleep.
struct SlowTime {
  static inline timespec now;
  static inline int sleeps;
  static inline std::function<void()> slept;
  Replaced<&os::Calls::clock_gettime> clock{[](clockid_t, timespec* out) { return *out = now, 0; }};
  Replaced<&os::Calls::clock_nanosleep> sleep{[](clockid_t, int, const timespec* request, timespec*) {
    now.tv_nsec += request->tv_nsec;
    now.tv_sec += now.tv_nsec / 1'000'000'000, now.tv_nsec %= 1'000'000'000;
    ++sleeps;
    if (slept) slept();
    return 0;
  }};
  SlowTime() { now = {1000, 0}, sleeps = 0; }
  ~SlowTime() { slept = nullptr; }
};

// Somebody who is removing it, as far as the lock goes.
struct Remover {
  os::Fd fd;
  explicit Remover(const Box& box) : fd(::open(box.file("audit").c_str(), O_RDWR | O_CLOEXEC)) {
    REQUIRE(::flock(fd.get(), LOCK_EX | LOCK_NB) == 0);
  }
};

}  // namespace

TEST_CASE("a producer that attached since the ring was judged keeps it") {
  Box box;
  AtUnlink at;
  shmring_producer* late = nullptr;
  AtUnlink::probed = [&] { late = attach(); };
  for (const os::Unneeded unneeded : {os::Unneeded::by_anybody, os::Unneeded::by_the_living}) {
    CHECK(unlink(unneeded) == -EBUSY);
    CHECK(says(("process " + std::to_string(::getpid()) + " has attached").c_str()));
    CHECK(box.has_name());
    CHECK_FALSE(box.is_retired());
    CHECK(shmring_write(late, nullptr, "x", 1) == 0);
    shmring_detach(late);
  }
}

TEST_CASE("a record that was written since the ring was judged keeps it, unless it may be lost") {
  Box box;
  AtUnlink at;
  AtUnlink::probed = write_and_leave;
  CHECK(unlink(os::Unneeded::by_anybody) == -EBUSY);
  CHECK(says("are in no log, 1 by now"));
  CHECK(box.has_name());
  CHECK_FALSE(box.is_retired());
  CHECK(unlink(os::Unneeded::by_the_living) == 0);
  CHECK(box.is_retired());
  CHECK(box.empty());
}

TEST_CASE("a collector that took the ring since it was judged keeps it") {
  Box box;
  AtUnlink at;
  AtUnlink::probed = [&] { CHECK(os::take_lease(box.looker) == 0); };
  CHECK(unlink(os::Unneeded::by_anybody) == -EBUSY);
  CHECK(says("a collector has just taken it"));
  CHECK(box.has_name());
  CHECK_FALSE(box.is_retired());
}

TEST_CASE("nobody is asked by the owner's will: the ring is retired before its name goes, and who is attached sees it") {
  Box box;
  AtUnlink at;
  shmring_producer* producer = attach();
  bool was_retired = false;
  AtUnlink::removed = [&] { was_retired = box.is_retired(); };
  CHECK(shmring_unlink("audit") == 0);
  CHECK(was_retired);
  CHECK(shmring_write(producer, nullptr, "x", 1) == SHMRING_RETIRED);
  shmring_detach(producer);
}

TEST_CASE("a ring whose name may not be removed is never retired; one whose removal fails is opened again") {
  Box box;
  bool was_retired = false;
  AtUnlink at;
  AtUnlink::probed = [&] { was_retired |= box.is_retired(); };
  for (const int refused : {EPERM, EACCES, EROFS})
    for (const bool late : {false, true}) {
      AtUnlink::error = refused, AtUnlink::probe_error = late ? 0 : refused;
      CHECK(unlink(os::Unneeded::unasked) == -refused);
      CHECK(says("cannot remove"));
      CHECK_FALSE(was_retired);
      CHECK_FALSE(box.is_retired());
    }
}

TEST_CASE("a user who may not remove the name is told so by the kernel before anything is retired") {
  if (::geteuid() != 0) return;
  Box box;
  ::chmod(box.path.c_str(), 01777);
  ::chown(box.path.c_str(), 0, 0);
  ::chmod(box.file("audit").c_str(), 0660);
  ::chown(box.file("audit").c_str(), 0, 4300);
  const std::string said = in_child([&]() -> std::string {
    if (::setegid(4300) != 0 || ::setresuid(4301, 4301, 4301) != 0) return "no such user";
    AtUnlink at;
    std::string first = "nothing";
    AtUnlink::removed = [&] { first = "retired"; };
    const int error = os::unlink("audit");
    return std::to_string(error) + " " + first;
  });
  CHECK(said == std::to_string(-EPERM) + " nothing");
  CHECK_FALSE(box.is_retired());
}

TEST_CASE("a remover that is killed once the ring is retired leaves a ring that the next one opens again, or removes") {
  for (const bool attaches : {true, false}) {
    Box box;
    const std::string outcome = in_child([]() -> std::string {
      AtUnlink at;
      AtUnlink::removed = [] { ::_exit(1); };
      unlink(os::Unneeded::by_anybody);
      return "it went on";
    });
    REQUIRE(outcome == "died");
    REQUIRE(box.has_name());
    REQUIRE(box.is_retired());
    if (attaches) {
      write_and_leave();
      CHECK_FALSE(box.is_retired());
    } else {
      CHECK(unlink(os::Unneeded::by_anybody) == 0);
      CHECK(box.empty());
    }
  }
}

TEST_CASE("a collector finds an abandoned ring open, before and behind its lease") {
  Box box;
  box.leave_retired();
  os::Segment collector;
  REQUIRE(os::attach("audit", collector) == 0);
  CHECK_FALSE(box.is_retired());
  box.leave_retired();
  CHECK(os::take_lease(collector) == 0);
  CHECK_FALSE(box.is_retired());
}

TEST_CASE("a collector that takes a ring as it loses its name is told to attach anew") {
  Box box;
  os::Segment collector;
  REQUIRE(os::attach("audit", collector) == 0);
  REQUIRE(os::unlink("audit") == 0);
  CHECK(os::take_lease(collector) == -ESTALE);
  CHECK(says("attach anew"));
  CHECK(box.is_retired());
}

TEST_CASE("who attaches waits for whoever removes the ring, not for ever, and changes nothing") {
  Box box;
  box.leave_retired();
  Remover remover(box);
  SlowTime time;
  CHECK(attach() == nullptr);
  CHECK(says("another process is removing it"));
  CHECK(SlowTime::sleeps == 200);
  CHECK(box.is_retired());
  CHECK(os::unlink("audit") == -EBUSY);
  CHECK(says("try again"));
  CHECK(SlowTime::sleeps == 400);
}

TEST_CASE("who waits goes on as soon as the ring is open again, is gone, or is another") {
  Box box;
  box.leave_retired();
  std::optional<Remover> remover(box);
  SlowTime time;
  const auto at_third_sleep = [&](const std::function<void()>& then) {
    SlowTime::sleeps = 0;
    SlowTime::slept = [&remover, then] {
      if (SlowTime::sleeps == 3) then(), remover.reset();
    };
  };
  at_third_sleep([&] { ring::reopen<Memory>(*box.looker.ring.header); });
  write_and_leave();
  CHECK(SlowTime::sleeps == 3);
  box.leave_retired();
  remover.emplace(box);
  at_third_sleep([&] { ::unlink(box.file("audit").c_str()); });
  CHECK(attach() == nullptr);
  CHECK(says("there is no"));
  REQUIRE(create() == 0);
  os::Segment second;
  REQUIRE(os::attach("audit", second) == 0);
  ring::retire<Memory>(*second.ring.header);
  remover.emplace(box);
  at_third_sleep([&] {
    ::unlink(box.file("audit").c_str());
    REQUIRE(create() == 0);
  });
  write_and_leave();
  CHECK(ring::is_retired<Memory>(*second.ring.header));  // it was of no concern any more
}

TEST_CASE("a ring that is retired between open and claim is not written into: who attaches finds it open again, or gone") {
  static const Box* ring;
  static bool unlinks;
  for (const bool gone : {false, true}) {
    Box box;
    ring = &box, unlinks = gone;
    Replaced<&os::Calls::madvise> retires([](void* at, std::size_t bytes, int advice) {
      if (advice == MADV_WIPEONFORK && ring != nullptr) {  // the handle's page: the segment is open and mapped
        ring->leave_retired();
        if (unlinks) ::unlink(ring->file("audit").c_str());
        ring = nullptr;
      }
      return Replaced<&os::Calls::madvise>::real(at, bytes, advice);
    });
    shmring_producer* producer = attach();
    CHECK((producer == nullptr) == gone);
    if (gone) CHECK(says("there is no"));
    CHECK(box.is_retired() == gone);
    shmring_detach(producer);
  }
}

TEST_CASE("a name that was removed by hand as an abandoned ring is opened again: it stays retired, for its collector") {
  Box box;
  static std::string name;
  name = box.file("audit");
  box.leave_retired();
  Replaced<&os::Calls::fstatat> removes([](int dir, const char* path, struct stat* out, int flags) {
    const int result = Replaced<&os::Calls::fstatat>::real(dir, path, out, flags);
    ::unlink(name.c_str());
    return result;
  });
  CHECK(attach() == nullptr);
  CHECK(says("there is no"));
  CHECK(box.is_retired());
}

TEST_CASE("a state that is neither open nor retired is damage, which nobody opens again") {
  Box box;
  box.poke("audit", offsetof(ring::Header, state), 77u);
  os::Segment segment;
  CHECK(os::attach("audit", segment) == -ESTALE);
  CHECK(says("damaged"));
  CHECK(box.looker.ring.header->state == 77);
}

TEST_CASE("a ring that somebody needs, and whose name is removed by hand during the look, stays retired for its collector") {
  Box box;
  static std::string file;
  file = box.file("audit");
  shmring_producer* const producer = attach();
  Replaced<&os::Calls::pidfd_open> at_the_look([](pid_t pid, unsigned flags) {
    std::filesystem::remove(file);
    return Replaced<&os::Calls::pidfd_open>::real(pid, flags);
  });
  CHECK(unlink(os::Unneeded::by_anybody) == -EBUSY);
  CHECK(box.is_retired());
  CHECK(shmring_write(producer, nullptr, "record", 6) == SHMRING_RETIRED);
  shmring_detach(producer);
}

TEST_CASE("a remover that was stopped while the ring was removed by hand and made anew leaves the new one alone") {
  Box box;
  AtUnlink at;
  at.probed = [&] {
    std::filesystem::remove(box.file("audit"));
    REQUIRE(create() == 0);
  };
  CHECK(unlink(os::Unneeded::by_anybody) == -ENOENT);
  CHECK(box.has_name());
  os::Segment anew;
  REQUIRE(os::attach("audit", anew) == 0);
  CHECK(anew.ring.identity != box.looker.ring.identity);
  CHECK_FALSE(ring::is_retired<Memory>(*anew.ring.header));
}
