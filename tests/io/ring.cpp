// Every system call of create, attach, detach, look, list and unlink fails once, with each error that is plausible for it.
//
// Each scenario is run once unfailing to count its calls; then once for each of them and each error. After each: no crash,
// nothing held that was not held before, an error with a text that names the ring, and the same scenario works.
#include <doctest/doctest.h>

#include "lib/include/shmring/shmring.h"
#include "lib/os/error.hpp"
#include "lib/os/segment.hpp"
#include "lib/ring/account.hpp"
#include "tests/support/failing_calls.hpp"

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

// A result that this error may become: itself, or what a caller of the library can act on.
bool fits(int result, const Fault& fault) {
  if (fault.error == ENOMEM || fault.error == EDQUOT || fault.error == ENOSPC) return result == -fault.error || result == -ENOSPC;
  return result == -fault.error;
}

// The ring, or where it lies.
bool names_its_place() {
  const std::string said = os::last_error();
  return said.find("audit") != said.npos || said.find(std::getenv("SHMRING_DIR")) != said.npos;
}

void clear(const Sandbox& box) {
  for (const auto& entry : std::filesystem::directory_iterator(box.path)) std::filesystem::remove(entry.path());
}

// `prepare` makes the world, `run` is what fails, `after` looks at what is left; `run` returns 0 or −errno.
struct Scenario {
  std::string name;
  std::function<void()> prepare;
  std::function<int()> run;
  std::function<void(int)> after;
};

void fail_each_call(const Scenario& scenario) {
  std::array<int, Failing::kinds> counts{};
  for (int round = 0; round < 2; ++round) {  // the first one warms caches
    scenario.prepare();
    Failing counting;
    REQUIRE(scenario.run() == 0);
    counts = counting.counts();
  }
  int refused = 0;
  const std::vector<Fault> faults = every_fault(counts);
  REQUIRE(faults.size() > 5);
  for (const Fault& fault : faults) {
    CAPTURE(scenario.name);
    CAPTURE(fault.text());
    scenario.prepare();
    os::fail(0, "%s", "");
    const Holdings before;
    int result;
    bool fired;
    {
      Failing failing(fault);
      result = scenario.run();
      fired = failing.fired();
    }
    const Holdings after;
    CHECK_MESSAGE(before == after, before.text(), "; then ", after.text());
    CHECK(fired);
    refused += result != 0;
    if (result != 0) {
      CHECK_MESSAGE(fits(result, fault), result, ": ", std::string(os::last_error()));
      CHECK_MESSAGE(names_its_place(), std::string(os::last_error()));
    }
    scenario.after(result);
  }
  std::printf("REPORT io %s: %zu failing calls, %d refused, the others did not matter\n", scenario.name.c_str(), faults.size(), refused);
}

int create() {
  const auto options = small_options();
  return shmring_create("audit", &options);
}

// Attach, three records, detach.
int use(const shmring_create_options* create = nullptr) {
  shmring_producer* producer = nullptr;
  const shmring_attach_options options{sizeof options, "p", SHMRING_LANE_AUTO, 0, create};
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
  fail_each_call({name, [&] { clear(box); }, create, [&](int result) {
                    if (result != 0) {
                      REQUIRE(box.empty());
                      REQUIRE(create() == 0);
                    }
                    CHECK(use() == 0);
                  }});
}

}  // namespace

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
  fail_each_call({"create for a group", [&] { clear(box); }, create_shared, [&](int result) {
                    REQUIRE(box.empty() == (result != 0));
                    if (result != 0) REQUIRE(create_shared() == 0);
                  }});
}

TEST_CASE("whichever system call of attach, write, detach fails, no place is taken, nothing is held, and attach works after") {
  Sandbox box;
  fail_each_call({"attach, write, detach",
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

TEST_CASE("whichever system call of an attach that creates fails, there is a whole ring or none, and attach works after") {
  Sandbox box;
  const auto options = small_options();
  fail_each_call({"attach that creates", [&] { clear(box); }, [&] { return use(&options); },
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
  fail_each_call({"unlink", prepare, [] { return shmring_unlink("audit"); }, [&](int result) {
                    REQUIRE(box.empty() == (result == 0));
                    if (result != 0) CHECK(use() == 0);
                  }});
  fail_each_call({"look", prepare,
                  [] {
                    os::Segment segment;
                    std::vector<std::string> findings;
                    const int error = os::open_readonly("audit", segment, findings);
                    return error != 0 || findings.empty() || segment.ring.entries == nullptr ? error : 0;
                  },
                  [](int) { CHECK(use() == 0); }});
  std::vector<std::string> rings;
  fail_each_call({"list", prepare, [&] { return os::list(rings); }, [](int) {}});
}
