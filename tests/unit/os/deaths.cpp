// os/process.hpp, Deaths: only a proof counts as death, and a watched process ends a wait.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "tests/support/failing_calls.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox.hpp"
#include "tests/unit/os/children.hpp"

using namespace shmring;
using namespace shmring::test;
using ring::Owner;
using ring::OwnerState;

namespace {

constexpr ring::u64 long_enough_ns = 60'000'000'000;

int no_proc(int dir, const char* path, int flags, mode_t mode) {
  if (std::string_view(path).starts_with("/proc/")) return errno = EACCES, -1;
  return Replaced<&os::Calls::openat>::real(dir, path, flags, mode);
}

}  // namespace

TEST_CASE("a living process is alive; killed, it is dead before its parent has reaped it") {
  OwnerTable table;
  BareChild child;
  os::Deaths deaths(table.ring);
  REQUIRE(deaths.can_judge());
  CHECK_FALSE(deaths.dead(1, child.word()));
  ::kill(child.pid, SIGKILL);
  CHECK(deaths.wait(long_enough_ns) == 1);
  CHECK(state_of(child.pid) == 'Z');
  CHECK(deaths.dead(1, child.word()));
}

TEST_CASE("a zombie is dead also for who looks at it for the first time, and who is reaped is dead") {
  OwnerTable table;
  BareChild child;
  kill_and_wait(child);
  CHECK(os::Deaths(table.ring).dead(0, child.word()));
  child.reap();
  CHECK(os::Deaths(table.ring).dead(0, child.word()));
}

TEST_CASE("a process whose main thread has ended is in state Z, and alive as long as another thread runs") {
  OwnerTable table;
  BareChild child(true);
  while (state_of(child.pid) != 'Z') ::sched_yield();
  os::Deaths deaths(table.ring);
  REQUIRE_FALSE(deaths.dead(2, child.word()));
  CHECK(deaths.wait(0) == 0);
  CHECK_FALSE(deaths.dead(2, child.word()));
  child.go_on();
  CHECK(deaths.wait(long_enough_ns) == 1);
  CHECK(deaths.dead(2, child.word()));
}

TEST_CASE("a pid that a later process has got is dead: the start time differs") {
  OwnerTable table;
  BareChild stranger;
  os::Deaths deaths(table.ring);
  CHECK(deaths.dead(0, stranger.word(OwnerState::attached, 1)));
  CHECK_FALSE(deaths.dead(0, stranger.word()));  // the same entry, then the stranger's own
}

TEST_CASE("start time 0 is never judged dead, nor pid 0, nor an entry that is not there") {
  OwnerTable table;
  BareChild child;
  kill_and_wait(child);
  child.reap();
  os::Deaths deaths(table.ring);
  CHECK_FALSE(deaths.dead(0, Owner{static_cast<ring::u32>(child.pid), 0, OwnerState::attached}.bits()));
  CHECK_FALSE(deaths.dead(0, 0));
  CHECK_FALSE(deaths.dead(3, child.word()));
  CHECK(deaths.dead(2, child.word()));
}

TEST_CASE("a collector in another namespace than the header's judges nobody dead") {
  OwnerTable table;
  BareChild child;
  kill_and_wait(child);
  child.reap();
  table.header->pid_namespace ^= 1;
  os::Deaths deaths(table.ring);
  CHECK_FALSE(deaths.can_judge());
  CHECK_FALSE(deaths.dead(0, child.word()));
}

TEST_CASE("an unreadable /proc proves nothing; the pidfd still does") {
  OwnerTable table;
  BareChild child;
  os::Deaths deaths(table.ring);
  Replaced<&os::Calls::openat> hidden(no_proc);
  REQUIRE_FALSE(deaths.dead(0, child.word()));
  ::kill(child.pid, SIGKILL);
  CHECK(deaths.wait(long_enough_ns) == 1);
  CHECK(deaths.dead(0, child.word()));
}

TEST_CASE("a /proc that shows other pids than ours does not prove a start time different") {
  OwnerTable table;
  BareChild child;
  Replaced<&os::Calls::readlink> foreign([](const char*, char* out, std::size_t) { return *out = '1', ssize_t{1}; });
  os::Deaths deaths(table.ring);
  CHECK_FALSE(deaths.dead(0, child.word(OwnerState::attached, 1)));
}

TEST_CASE("without pidfds a living process is alive, a missing one dead") {
  OwnerTable table;
  BareChild child;
  os::Deaths deaths(table.ring);
  Replaced<&os::Calls::pidfd_open> none_left([](pid_t, unsigned) { return errno = EMFILE, -1; });
  CHECK_FALSE(deaths.dead(0, child.word()));
  kill_and_wait(child);
  CHECK_FALSE(deaths.dead(0, child.word()));  // state Z proves nothing
  child.reap();
  CHECK(deaths.dead(0, child.word()));
}

TEST_CASE("that a process may not be signalled is no proof of its death") {
  OwnerTable table;
  BareChild child;
  os::Deaths deaths(table.ring);
  Replaced<&os::Calls::pidfd_open> none_left([](pid_t, unsigned) { return errno = EMFILE, -1; });
  Replaced<&os::Calls::kill> forbidden([](pid_t, int) { return errno = EPERM, -1; });
  CHECK_FALSE(deaths.dead(0, child.word()));
}

TEST_CASE("an end that nobody asks about ends one wait, not each one after it") {
  OwnerTable table;
  BareChild child, asked;
  os::Deaths deaths(table.ring);
  REQUIRE_FALSE(deaths.dead(0, child.word()));
  REQUIRE_FALSE(deaths.dead(1, asked.word()));
  kill_and_wait(child);
  CHECK(deaths.wait(long_enough_ns) == 1);
  CHECK(deaths.wait(0) == 0);
  CHECK_FALSE(deaths.dead(1, asked.word()));
  CHECK(deaths.wait(0) == 0);
  kill_and_wait(asked);
  CHECK(deaths.wait(long_enough_ns) == 1);  // the others are still watched
  CHECK(deaths.dead(1, asked.word()));
  CHECK(deaths.dead(0, child.word()));
}

TEST_CASE("an entry that names somebody else by now, or nobody that can be judged, is not watched for who was there before") {
  OwnerTable table;
  os::Deaths deaths(table.ring);
  const int before = open_descriptors();
  for (const ring::u64 scribbled :
       {ring::u64{0}, Owner{77, 0, OwnerState::attached}.bits(), Owner{0, 77, OwnerState::left}.bits()}) {
    BareChild child;
    REQUIRE_FALSE(deaths.dead(0, child.word()));
    CHECK_FALSE(deaths.dead(0, scribbled));
    kill_and_wait(child);
    CHECK(deaths.wait(0) == 0);
    CHECK(deaths.dead(0, child.word()));
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a signal ends the wait") {
  OwnerTable table;
  os::Deaths deaths(table.ring);
  struct sigaction action {};
  action.sa_handler = [](int) {};
  struct sigaction kept;
  ::sigaction(SIGUSR1, &action, &kept);
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  ::raise(SIGUSR1);  // pending: the wait itself lets it in
  CHECK(deaths.wait(long_enough_ns, &before) == -EINTR);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::sigaction(SIGUSR1, &kept, nullptr);
}
