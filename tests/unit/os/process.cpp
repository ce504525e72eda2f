// os/process.hpp: identity.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"
#include "tests/unit/os/children.hpp"

using namespace shmring;
using namespace shmring::test;
using ring::Owner;
using ring::OwnerState;

TEST_CASE("the start time is field 22, whatever the program's name holds") {
  const std::string rest = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 987654 20 21\n";
  CHECK(os::start_time_in("12 (sh)" + rest) == 987654u);
  CHECK(os::start_time_in("12 (a) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 666 (b)" + rest) == 987654u);
  CHECK(os::start_time_in("12 ()) ))" + rest) == 987654u);
}

TEST_CASE("what is not a whole stat text gives no start time") {
  CHECK_FALSE(os::start_time_in(""));
  CHECK_FALSE(os::start_time_in("12 (sh"));
  CHECK_FALSE(os::start_time_in("12 (sh) S 1 2 3"));
  CHECK_FALSE(os::start_time_in("12 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "));
  CHECK_FALSE(os::start_time_in("12 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 12x 1"));
  CHECK_FALSE(os::start_time_in("12 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99999999999999999999999 1"));
}

TEST_CASE("a process names itself by pid and start time, whatever its name is") {
  OwnerTable table;
  char kept[16];
  ::prctl(PR_GET_NAME, kept, 0, 0, 0);
  ::prctl(PR_SET_NAME, "a) R 1 2 (b", 0, 0, 0);
  const Owner self = os::self(*table.header);
  ::prctl(PR_SET_NAME, kept, 0, 0, 0);
  CHECK(self.pid == static_cast<ring::u32>(::getpid()));
  CHECK(self.start_time == os::start_time_in(stat_of(::getpid())));
  CHECK(self.start_time != 0);
  CHECK(self.state == OwnerState::free);
}

TEST_CASE("in another pid or time namespace than the header's the start time is 0") {
  OwnerTable table;
  table.header->pid_namespace ^= 1;
  CHECK(os::self(*table.header).start_time == 0);
  table.header->pid_namespace ^= 1;
  table.header->time_namespace ^= 1;
  CHECK(os::self(*table.header).start_time == 0);
}

TEST_CASE("the limit for descriptors is raised as far as it may be") {
  const std::string found = in_child([] {
    const rlimit low{64, 128};
    ::setrlimit(RLIMIT_NOFILE, &low);
    rlimit now{};
    const int error = os::raise_descriptor_limit();
    ::getrlimit(RLIMIT_NOFILE, &now);
    return std::to_string(error) + " " + std::to_string(now.rlim_cur) + " " + std::to_string(now.rlim_max);
  });
  CHECK(found == "0 128 128");
  Replaced<&os::Calls::setrlimit> refused([](int, const rlimit*) { return errno = EPERM, -1; });
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  CHECK(os::raise_descriptor_limit() == (limit.rlim_cur == limit.rlim_max ? 0 : -EPERM));
}

TEST_CASE("the program's name becomes a producer name, its path is read") {
  char name[ring::name_bytes];
  char spaced[] = "my prog/x:1";
  char* const kept = program_invocation_short_name;
  program_invocation_short_name = spaced;
  os::program_name(name);
  CHECK(std::string(name) == "my_prog_x_1");
  std::string very_long(200, 'x');
  program_invocation_short_name = very_long.data();
  os::program_name(name);
  CHECK(std::string(name) == std::string(63, 'x'));
  for (char* dots : {very_long.data() + 200, (spaced[0] = '.', spaced[1] = '\0', spaced)}) {
    program_invocation_short_name = dots;
    os::program_name(name);
    CHECK(std::string(name) == "_");
  }
  program_invocation_short_name = kept;
  std::string stat;
  REQUIRE(os::read_small("/proc/self/stat", stat) == 0);
  const ring::u64 start = os::start_time_in(stat).value();
  CHECK(os::exe_path(static_cast<ring::u32>(::getpid()), start) == std::filesystem::read_symlink("/proc/self/exe").string());
  CHECK(os::exe_path(static_cast<ring::u32>(::getpid()), start + 1).empty());  // the pid was another's then
  CHECK(os::exe_path(static_cast<ring::u32>(::getpid()), 0).empty());          // not known: in another namespace
  CHECK(os::exe_path(0, start).empty());
}
