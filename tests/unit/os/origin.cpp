// os/origin.cpp: the link from a log to its ring, what it keeps out, and what it does not.
#include "lib/os/origin.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "lib/os/error.hpp"
#include "lib/os/segment.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;
namespace fs = std::filesystem;

namespace {

// Two directories with a ring r in each, and a log.
struct Places {
  Places() {
    for (const std::string& directory : {other, log}) fs::create_directory(directory);
    make_ring();
    in_other([&] { make_ring(); });
  }
  static void make_ring(const char* name = "r") {
    shmring_create_options options{};
    options.struct_size = sizeof options;
    options.slots = 64;
    REQUIRE(os::create(name, &options) == 0);
  }
  template <class Body>
  void in_other(const Body& body) const {
    ::setenv("SHMRING_DIR", other.c_str(), 1);
    body();
    ::setenv("SHMRING_DIR", rings.path.c_str(), 1);
  }
  void link_to(const std::string& target) const {
    fs::remove(link);
    fs::create_symlink(target, link);
  }

  Sandbox rings;
  std::string other = rings.path + "/other", log = rings.path + "/log";
  std::string link = log + "/segment", here = rings.file("r"), there = other + "/shmring.r";
};

bool says(const std::string& text) { return std::strstr(os::last_error(), text.c_str()) != nullptr; }

int renames_nothing(int, const char*, int, const char*) { return errno = ENOSPC, -1; }

}  // namespace

TEST_CASE("a log is of the ring that its collector recorded, and of no other of that name that is there") {
  const Places at;
  CHECK(os::check_origin(at.log, "r") == 0);
  REQUIRE(os::record_origin(at.log, "r") == 0);
  CHECK(fs::read_symlink(at.link) == at.here);
  CHECK(os::check_origin(at.log, "r") == 0);
  at.in_other([&] {
    CHECK(os::check_origin(at.log, "r") == -EINVAL);
    CHECK(says("is still there"));
    CHECK(says("SHMRING_DIR=" + at.rings.path + ","));
    fs::remove(at.here);
    CHECK(os::check_origin(at.log, "r") == 0);
    CHECK(os::record_origin(at.log, "r") == 0);
    CHECK(fs::read_symlink(at.link) == at.there);
  });
}

TEST_CASE("a link that no collector wrote for a ring of this name keeps nobody out, and is replaced") {
  const Places at;
  at.in_other([] { Places::make_ring("s"); });
  for (const std::string& target : {at.other + "/shmring.s", fs::relative(at.there).string(), at.other, std::string("/")}) {
    CAPTURE(target);
    at.link_to(target);
    CHECK(os::check_origin(at.log, "r") == 0);
    CHECK(os::record_origin(at.log, "r") == 0);
    CHECK(fs::read_symlink(at.link) == at.here);
  }
}

TEST_CASE("a ring that may be there, but cannot be seen, keeps its log") {
  const Places at;
  at.link_to(at.there);
  fs::permissions(at.log, fs::perms(0755));
  fs::permissions(at.other, fs::perms(::geteuid() == 0 ? 0700 : 0));
  const std::string found = in_child([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return std::string("no setuid");
    const int error = os::check_origin(at.log, "r");
    return std::to_string(error) + (says("may still be there") ? " may be" : os::last_error());
  });
  fs::permissions(at.other, fs::perms(0700));
  CHECK(found == "-22 may be");
}

TEST_CASE("what cannot be recorded is said, and the link that was there stays") {
  const Places at;
  at.link_to(at.other + "/shmring.none/shmring.r");
  {
    const Replaced<&os::Calls::renameat> full(renames_nothing);
    CHECK(os::record_origin(at.log, "r") == -ENOSPC);
    CHECK(says(at.log + ": cannot make the link"));
  }
  CHECK(fs::read_symlink(at.link) == at.other + "/shmring.none/shmring.r");
  CHECK(fs::is_symlink(at.link + ".next"));  // as of one who died here
  CHECK(os::record_origin(at.log, "r") == 0);
  CHECK(fs::read_symlink(at.link) == at.here);
  CHECK_FALSE(fs::is_symlink(at.link + ".next"));

  fs::remove(at.link);
  std::ofstream(at.link) << "a file";
  CHECK(os::check_origin(at.log, "r") == 0);
  CHECK(os::record_origin(at.log, "r") == -EINVAL);
  CHECK(fs::is_regular_file(at.link));
}
