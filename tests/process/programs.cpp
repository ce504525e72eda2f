// Which program a producer was: its path where that is known to be its own, and else none; and what it called itself.
//
// Where a namespace or a pid cannot be made (no permission), the test says so and proves nothing.
#include <doctest/doctest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <filesystem>

#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"

using namespace shmring::test;
namespace fs = std::filesystem;

namespace {

struct Program {
  std::string exe, claimed;
};

// As the attach line of that producer has it.
Program program_of(const Workplace& place, const Journal& journal) {
  Program program{"no attach line", ""};
  const std::string text = log_text(place.log);
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    const Object line(std::string_view(text).substr(at, end - at));
    if (line.plain("kind") == "attach" && line.plain("producer") == journal.name())
      program = {std::string(line.plain("exe")), std::string(line.plain("claimed"))};
  }
  return program;
}

int write_once(Journal& journal) {
  shmring_producer* const handle = attach(Workplace::ring, journal, SHMRING_LANE_SHARED);
  return handle == nullptr || write_noted(handle, journal) != 0;
}

// Another program that gets this pid, which must be free. −1: may not.
pid_t other_program(pid_t pid) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<u64>(&pid), arguments.set_tid_size = 1;
  const long child = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child != 0) return static_cast<pid_t>(child);
  ::execl("/bin/sleep", "sleep", "60", static_cast<char*>(nullptr));
  ::_exit(127);
}

// Start times are counted in these: who gets a pid within the same one is taken for who had it.
u64 clock_ticks() {
  timespec now;
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const auto a_second = static_cast<u64>(::sysconf(_SC_CLK_TCK));
  return static_cast<u64>(now.tv_sec) * a_second + static_cast<u64>(now.tv_nsec) * a_second / 1'000'000'000;
}

const std::string own = fs::read_symlink("/proc/self/exe").string(), own_name = fs::path(own).filename().string();

}  // namespace

TEST_CASE("a producer that runs is named by its program's path, and by what it calls itself") {
  Workplace place;
  make_default_ring();
  Journal& journal = place.journal(10);
  Child producer([&] { return write_once(journal) != 0 ? 1 : ::pause(); });
  REQUIRE(eventually([&] { return journal->begun == 1; }));
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  CHECK(daemon.end() == 0);
  const Program program = program_of(place, journal);
  CHECK(program.exe == own);
  CHECK(program.claimed == own_name.substr(0, 55));
}

TEST_CASE("a producer that has ended before a collector came has no path, and neither has one whose pid is another's by now") {
  Workplace place;
  make_default_ring();
  Journal &ended = place.journal(10), &replaced = place.journal(10);
  CHECK(Child([&] { return write_once(ended); }).wait() == 0);
  pid_t pid = 0;
  {
    Child producer([&] { return write_once(replaced); });
    pid = producer.pid();
    CHECK(producer.wait() == 0);
  }
  const u64 ended_at = clock_ticks();
  CHECK(eventually([&] { return clock_ticks() > ended_at; }));
  const pid_t stranger = other_program(pid);
  if (stranger == -1) skipped("a pid that is used again: may not choose one here");
  CHECK(eventually([&] { return stranger == -1 || fs::read_symlink("/proc/" + std::to_string(pid) + "/exe") != own; }));
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  CHECK(daemon.end() == 0);
  if (stranger != -1) ::kill(stranger, SIGKILL), ::waitpid(stranger, nullptr, 0);
  for (const Journal* journal : {&ended, &replaced}) {
    const Program program = program_of(place, *journal);
    CHECK(program.exe == "");
    CHECK(program.claimed == own_name.substr(0, 55));
  }
}

TEST_CASE("a producer in another pid namespace has no path, though its pid is somebody's here") {
  Workplace place;
  make_default_ring();
  Journal& journal = place.journal(10);
  Shared<std::atomic<bool>> refused;
  Child outside([&] {
    if (::unshare(CLONE_NEWPID) != 0) return *refused = true, 1;
    if (::fork() == 0) {  // only children are in it
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      write_once(journal);
      while (true) ::pause();
    }
    return ::pause();
  });
  REQUIRE(eventually([&] { return journal->begun == 1 || *refused; }));
  if (*refused) return skipped("a producer in another pid namespace: may not make one here");
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  CHECK(daemon.end() == 0);
  const Program program = program_of(place, journal);
  CHECK(program.exe == "");
  CHECK(program.claimed == own_name.substr(0, 55));
}
