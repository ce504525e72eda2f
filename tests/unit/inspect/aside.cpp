// inspect/aside.cpp: what may be moved out of the way of a new ring, and that nothing of it is lost.
#include "lib/inspect/aside.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "lib/os/error.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;
using inspect::Aside;

namespace {

constexpr ring::u64 morning = 1'796'033'700'000'000'000;  // 2026-11-30 10:15:00 UTC
const std::string first_name = "audit.old-20261130T101500Z";

bool says(const char* text) { return std::strstr(os::last_error(), text) != nullptr; }

// A sandbox with a small ring "audit", whose creator has ended, in the morning.
struct Box : Sandbox {
  Box() {
    passed = each_look = 0;
    Child([] {
      shmring_create_options options{};
      options.struct_size = sizeof options;
      options.slots = 64, options.slot_bytes = 128, options.lanes = 1;
      return os::create("audit", &options) == 0 ? 0 : 1;
    }).wait();
    REQUIRE(names() == std::vector<std::string>{"audit"});
  }
  static std::vector<std::string> names() {
    std::vector<std::string> rings;
    REQUIRE(os::list(rings) == 0);
    return rings;
  }
  void of_another_boot() const { poke("audit", offsetof(ring::Header, boot_id), 0x1234ull); }
  // It is empty: its arrays are zeros, wherever they lie.
  void of_version_1() const {
    const ring::OlderVersion& older = ring::older_versions[0];
    ring::Geometry geometry;
    std::memcpy(&geometry, contents(file("audit")).data() + offsetof(ring::Header, geometry), sizeof geometry);
    const ring::Places at = ring::plan(geometry, older.header_bytes);
    geometry.size = at.size;
    poke("audit", offsetof(ring::Header, version), older.version);
    poke("audit", offsetof(ring::Header, fingerprint), older.fingerprint);
    poke("audit", offsetof(ring::Header, geometry), geometry);
    poke("audit", offsetof(ring::Header, entries), at.entries - offsetof(ring::Header, entries));
    poke("audit", offsetof(ring::Header, lanes), at.lanes - offsetof(ring::Header, lanes));
    poke("audit", offsetof(ring::Header, slots), at.slots - offsetof(ring::Header, slots));
    std::filesystem::resize_file(file("audit"), at.size);
  }
  void created_by(pid_t pid, const char* ring = "audit") const {
    poke(ring, offsetof(ring::Header, creator_pid), static_cast<ring::u32>(pid));
  }

  static inline time_t passed, each_look;  // seconds
  Replaced<&os::Calls::clock_gettime> clock{[](clockid_t, timespec* out) {
    *out = {static_cast<time_t>(morning / 1'000'000'000) + (passed += each_look), 0};
    return 0;
  }};
};

int move(Aside& aside) {
  os::Segment segment;
  const int refused = os::attach("audit", segment);
  REQUIRE((refused == -ESTALE || refused == -EPROTO));
  return inspect::move_aside("audit", nullptr, refused, aside);
}

}  // namespace

TEST_CASE("the name of a ring that is moved aside says when, and can name a ring, however long its first name is") {
  CHECK(inspect::name_aside("payments", morning, 1) == "payments.old-20261130T101500Z");
  CHECK(inspect::name_aside("payments", morning, 2) == "payments.old-20261130T101500Z-2");
  for (std::size_t length = 1; length < ring::name_bytes; ++length)
    for (const ring::u32 attempt : {1u, 2u, 99u})
      CHECK(os::valid_name(inspect::name_aside(std::string(length, 'x'), morning, attempt)));
  CHECK(inspect::name_aside(std::string(63, 'x'), morning, 99).size() == 63);
}

TEST_CASE("a ring of another boot is moved aside as it is, and its name is free") {
  Box box;
  box.of_another_boot();
  const std::string before = contents(box.file("audit"));
  Aside aside;
  REQUIRE(move(aside) == 0);
  CHECK(aside.name == first_name);
  CHECK(aside.why == "it is of another boot");
  CHECK(box.names() == std::vector<std::string>{first_name});
  CHECK(contents(box.file(first_name)) == before);
  REQUIRE(os::create("audit", nullptr) == 0);
}

TEST_CASE("it gets a name that nothing has, or none") {
  Box box;
  box.of_another_boot();
  for (ring::u32 attempt = 1; attempt <= 2; ++attempt)
    std::ofstream(box.file(inspect::name_aside("audit", morning, attempt))) << "taken";
  Aside aside;
  REQUIRE(move(aside) == 0);
  CHECK(aside.name == first_name + "-3");
  for (const std::string& name : {first_name, first_name + "-2"}) CHECK(contents(box.file(name)) == "taken");
  std::filesystem::rename(box.file(aside.name), box.file("audit"));
  for (ring::u32 attempt = 3; attempt <= 99; ++attempt)
    std::ofstream(box.file(inspect::name_aside("audit", morning, attempt))) << "taken";
  CHECK(move(aside) == -EEXIST);
  CHECK(box.names().size() == 100);
}

TEST_CASE("a ring of an older version is moved only when every owner is proven dead; else the text names the living") {
  Box box;
  box.of_version_1();
  box.created_by(::getpid());
  Aside aside;
  CHECK(move(aside) == -EPROTO);
  for (const std::string& text : {"process " + std::to_string(::getpid()), std::string("its version is 1, expected exactly 4"),
                                  std::string("let shmringd 0.1 drain it")})
    CHECK(says(text.c_str()));
  CHECK(box.names() == std::vector<std::string>{"audit"});
  Child ended([] { return 0; });
  REQUIRE(ended.wait() == 0);
  box.created_by(ended.pid());
  REQUIRE(move(aside) == 0);
  CHECK(aside.why == "it was made by libshmring 0.1");
  CHECK(box.names() == std::vector<std::string>{first_name});
}

TEST_CASE("one of an older version that is damaged, or of another namespace, stays: nobody can be judged") {
  for (const std::size_t at : {offsetof(ring::Header, geometry), offsetof(ring::Header, pid_namespace)}) {
    Box box;
    box.of_version_1();
    box.poke("audit", at, 7ull);
    Aside aside;
    CHECK(move(aside) == -EPROTO);
    CHECK(box.names() == std::vector<std::string>{"audit"});
  }
}

TEST_CASE("it gets its name back if somebody is seen to use it once it is moved") {
  static Box* here;
  static int renames;
  Box box;
  here = &box, renames = 0;
  box.of_version_1();
  Replaced<&os::Calls::renameat2> raced([](int from_dir, const char* from, int to_dir, const char* to, unsigned flags) {
    const int result = Replaced<&os::Calls::renameat2>::real(from_dir, from, to_dir, to, flags);
    if (renames++ == 0) here->created_by(::getpid(), first_name.c_str());
    return result;
  });
  Aside aside;
  CHECK(move(aside) == -EPROTO);
  CHECK(says(("process " + std::to_string(::getpid())).c_str()));
  CHECK(renames == 2);
  CHECK(box.names() == std::vector<std::string>{"audit"});
}

TEST_CASE("what is refused for another reason is refused again, with the same text") {
  Box box;
  // Retired, and whoever removes it holds the lock.
  box.poke("audit", offsetof(ring::Header, state), static_cast<ring::u32>(ring::SegmentState::retired));
  Replaced<&os::Calls::flock> held([](int, int) { return errno = EWOULDBLOCK, -1; });
  Box::each_look = 1;
  Aside aside;
  CHECK(move(aside) == -ESTALE);
  CHECK(says("was retired"));
  CHECK(box.names() == std::vector<std::string>{"audit"});
}

TEST_CASE("what somebody has put in its place meanwhile is left alone") {
  static std::string name;
  for (const bool anew : {false, true}) {
    Box box;
    box.of_another_boot();
    name = box.file("audit");
    static bool put;
    put = anew;
    Replaced<&os::Calls::flock> raced([](int, int) {
      std::filesystem::remove(name);
      if (put) std::ofstream(name) << "new";
      return 0;
    });
    Aside aside;
    CHECK(move(aside) == 0);
    CHECK(aside.name == "");
    CHECK(box.names().size() == (anew ? 1 : 0));
  }
  Box box;
  os::Segment segment;
  REQUIRE(os::attach("audit", segment) == 0);
  Aside aside;
  CHECK(inspect::move_aside("audit", nullptr, -ESTALE, aside) == 0);  // somebody else did it, and made the new one
  CHECK(aside.name == "");
  CHECK(box.names() == std::vector<std::string>{"audit"});
}

TEST_CASE("a ring that somebody else moves or removes at this moment is EBUSY; a stranger's is EPERM") {
  Box box;
  box.of_another_boot();
  {
    Replaced<&os::Calls::flock> held([](int, int) { return errno = EWOULDBLOCK, -1; });
    Aside aside;
    CHECK(move(aside) == -EBUSY);
  }
  os::Segment segment;
  const int refused = os::attach("audit", segment);
  Replaced<&os::Calls::fstat> squatted([](int fd, struct stat* out) {
    const int result = Replaced<&os::Calls::fstat>::real(fd, out);
    out->st_uid = 4242, out->st_mode |= S_IWOTH * S_ISDIR(out->st_mode);
    return result;
  });
  Aside aside;
  CHECK(inspect::move_aside("audit", nullptr, refused, aside) == -EPERM);
  CHECK(says("belongs to uid 4242"));
  CHECK(box.names() == std::vector<std::string>{"audit"});
}
