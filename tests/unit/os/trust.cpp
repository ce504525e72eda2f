// os/users.cpp: whose ring is written into. To share a group with somebody is not to trust him.
#include <doctest/doctest.h>

#include <cstring>

#include "lib/os/error.hpp"
#include "lib/os/segment.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;

namespace {

bool says(const char* text) { return std::strstr(os::last_error(), text) != nullptr; }

// A sandbox with a small ring "audit", which a group may write.
struct Box : Sandbox {
  Box() {
    REQUIRE(make() == 0);
    ::chmod(file("audit").c_str(), 0660);
  }
  static int make() {
    shmring_create_options options{};
    options.struct_size = sizeof options;
    options.slots = 64, options.slot_bytes = 128, options.lanes = 1;
    return os::create("audit", &options);
  }
};

// fstat says that each file is a stranger's, and the group ours; and the ring directory as it stands here.
constexpr uid_t stranger = 4242;
struct stat directory {};
int stranger_owns(int fd, struct stat* out) {
  const int result = Replaced<&os::Calls::fstat>::real(fd, out);
  if (S_ISDIR(out->st_mode)) out->st_uid = directory.st_uid, out->st_mode = directory.st_mode;
  if (S_ISREG(out->st_mode)) out->st_uid = stranger, out->st_gid = ::getegid();
  return result;
}

int attach_to(const char* owner) {
  os::Segment segment;
  return os::attach("audit", segment, owner);
}

// For the test's life.
struct Environment {
  explicit Environment(const char* owner) { ::setenv("SHMRING_OWNER", owner, 1); }
  ~Environment() { ::unsetenv("SHMRING_OWNER"); }
};

int attach() { return attach_to(nullptr); }

}  // namespace

TEST_CASE("a stranger's ring is EPERM, also where he shares a group with us; the text says whose it is and how to trust him") {
  Box box;
  directory.st_uid = 0, directory.st_mode = S_IFDIR | 01777;
  Replaced<&os::Calls::fstat> squatted(stranger_owns);
  CHECK(attach() == -EPERM);
  CHECK(says(("belongs to uid 4242, not to us (uid " + std::to_string(::geteuid()) + ")").c_str()));
  for (const char* way : {"--owner 4242", "SHMRING_OWNER=4242", "option `owner`", "SHMRING_DIR"}) CHECK(says(way));
  CHECK_FALSE(says("remove"));
  CHECK_FALSE(says(" rm "));
  CHECK(os::unlink("audit") == -EPERM);
  CHECK_FALSE(box.empty());
  Replaced<&os::Calls::getpwuid_r> known([](uid_t, passwd* out, char*, std::size_t, passwd** found) {
    static char name[] = "mallory";
    out->pw_name = name;
    *found = out;
    return 0;
  });
  CHECK(attach() == -EPERM);
  for (const char* text : {"belongs to mallory (uid 4242)", "--owner mallory", "SHMRING_OWNER=mallory"}) CHECK(says(text));
  directory.st_uid = stranger;  // in which others may put a ring, too
  for (const mode_t mode : {01777u, 0775u, 0757u, 0730u, 0702u}) {
    CAPTURE(mode);
    directory.st_mode = S_IFDIR | mode;
    CHECK(attach() == -EPERM);
  }
}

TEST_CASE("a ring is trusted whose owner the caller names, or who alone may write into the directory of the rings") {
  Box box;
  directory.st_uid = 0, directory.st_mode = S_IFDIR | 01777;
  Replaced<&os::Calls::fstat> squatted(stranger_owns);
  CHECK(attach_to("4242") == 0);
  CHECK(attach_to("4243") == -EPERM);
  CHECK(attach_to("nobody") == -EPERM);
  {
    Environment named("4242");
    CHECK(attach() == 0);
    CHECK(attach_to("4243") == -EPERM);  // what the caller says counts
    CHECK(os::unlink("audit") == 0);
  }
  REQUIRE(Box::make() == 0);
  {
    Replaced<&os::Calls::getpwnam_r> known([](const char* name, passwd* out, char*, std::size_t, passwd** found) {
      out->pw_uid = stranger;
      *found = std::string_view(name) == "collector" ? out : nullptr;
      return 0;
    });
    CHECK(attach_to("collector") == 0);
    CHECK(attach_to("4243") == -EPERM);
  }
  directory.st_uid = stranger;
  for (const mode_t mode : {0755u, 01755u, 0700u}) {
    directory.st_mode = S_IFDIR | mode;
    CHECK(attach() == 0);
  }
  directory.st_uid = 4243;
  CHECK(attach() == -EPERM);
}

TEST_CASE("root's rings are trusted, whoever else may write into their directory") {
  Box box;
  directory.st_uid = stranger, directory.st_mode = S_IFDIR | 01777;
  Replaced<&os::Calls::fstat> roots([](int fd, struct stat* out) {
    const int result = stranger_owns(fd, out);
    if (S_ISREG(out->st_mode)) out->st_uid = 0;
    return result;
  });
  Replaced<&os::Calls::geteuid> somebody([]() -> uid_t { return 4243; });
  CHECK(attach() == 0);
}

TEST_CASE("an owner who is no user is EINVAL, whosever the ring is, and before one is made") {
  Box box;
  for (const char* name : {"no-such-user", "", "-1", "4294967295", "4242x", " 4242"}) {
    CAPTURE(name);
    CHECK(attach_to(name) == -EINVAL);
    CHECK(says(("there is no user \"" + std::string(name) + "\"").c_str()));
    Environment named(name);
    CHECK(attach() == -EINVAL);
    CHECK(says("(from SHMRING_OWNER)"));
  }
  REQUIRE(os::unlink("audit") == 0);
  shmring_create_options create{};
  create.struct_size = sizeof create;
  shmring_attach_options options{};
  options.struct_size = sizeof options, options.owner = "no-such-user", options.create = &create;
  shmring_producer* producer = nullptr;
  CHECK(shmring_attach("audit", &options, &producer) == -EINVAL);
  CHECK(box.empty());
}
