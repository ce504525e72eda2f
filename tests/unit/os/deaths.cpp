// os/process.hpp, Deaths: only a proof counts as death, and a watched process ends a wait.
#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"
#include "tests/unit/os/table.hpp"

using namespace shmring;
using namespace shmring::test;
using ring::Owner;
using ring::OwnerState;

namespace {

constexpr ring::u64 long_enough_ns = 60'000'000'000;

// A child that lives until it is told to go on, or is killed. With `leave_main`, its main thread ends at once.
class Child {
 public:
  explicit Child(bool leave_main = false) {
    REQUIRE(::pipe2(ends_, O_CLOEXEC) == 0);
    pid = ::fork();
    if (pid == 0) live(leave_main);
    ::close(ends_[0]);
    start = os::start_time_in(stat_of(pid)).value_or(0);
    REQUIRE(start != 0);
  }
  ~Child() {
    go_on();
    ::kill(pid, SIGKILL);
    if (!reaped_) ::waitpid(pid, nullptr, 0);
  }
  Child(const Child&) = delete;
  void go_on() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  void reap() {
    ::waitpid(pid, nullptr, 0);
    reaped_ = true;
  }
  ring::u64 word(OwnerState state = OwnerState::attached, ring::u64 later = 0) const {
    return Owner{static_cast<ring::u32>(pid), start + later, state}.bits();
  }

  pid_t pid;
  ring::u64 start;

 private:
  static void* wait_for_end(void* fd) {
    char byte;
    while (::read(*static_cast<int*>(fd), &byte, 1) < 0) {
    }
    ::_exit(0);
  }
  [[noreturn]] void live(bool leave_main) {
    ::close(ends_[1]);
    pthread_t thread;
    // SYS_exit ends this thread only, and unwinds nothing.
    if (leave_main && ::pthread_create(&thread, nullptr, wait_for_end, &ends_[0]) == 0) ::syscall(SYS_exit, 0);
    wait_for_end(&ends_[0]);
    ::_exit(1);
  }
  int ends_[2];
  bool reaped_ = false;
};

char state_of(pid_t pid) {
  const std::string stat = stat_of(pid);
  const std::size_t name_end = stat.rfind(')');
  return name_end == std::string::npos ? '?' : stat[name_end + 2];
}

int no_proc(int dir, const char* path, int flags, mode_t mode) {
  if (std::string_view(path).starts_with("/proc/")) return errno = EACCES, -1;
  return Replaced<&os::Calls::openat>::real(dir, path, flags, mode);
}

// Killed, and not yet reaped by us.
void kill_and_wait(const Child& child) {
  ::kill(child.pid, SIGKILL);
  siginfo_t info;
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOWAIT) == 0);
}

}  // namespace

TEST_CASE("a living process is alive; killed, it is dead before its parent has reaped it") {
  Table table;
  Child child;
  os::Deaths deaths(table.ring);
  REQUIRE(deaths.can_judge());
  CHECK_FALSE(deaths.dead(1, child.word()));
  ::kill(child.pid, SIGKILL);
  CHECK(deaths.wait(long_enough_ns) == 1);
  CHECK(state_of(child.pid) == 'Z');
  CHECK(deaths.dead(1, child.word()));
}

TEST_CASE("a zombie is dead also for who looks at it for the first time, and who is reaped is dead") {
  Table table;
  Child child;
  kill_and_wait(child);
  CHECK(os::Deaths(table.ring).dead(0, child.word()));
  child.reap();
  CHECK(os::Deaths(table.ring).dead(0, child.word()));
}

TEST_CASE("a process whose main thread has ended is in state Z, and alive as long as another thread runs") {
  Table table;
  Child child(true);
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
  Table table;
  Child stranger;
  os::Deaths deaths(table.ring);
  CHECK(deaths.dead(0, stranger.word(OwnerState::attached, 1)));
  CHECK_FALSE(deaths.dead(0, stranger.word()));  // the same entry, then the stranger's own
}

TEST_CASE("start time 0 is never judged dead, nor pid 0, nor an entry that is not there") {
  Table table;
  Child child;
  kill_and_wait(child);
  child.reap();
  os::Deaths deaths(table.ring);
  CHECK_FALSE(deaths.dead(0, Owner{static_cast<ring::u32>(child.pid), 0, OwnerState::attached}.bits()));
  CHECK_FALSE(deaths.dead(0, 0));
  CHECK_FALSE(deaths.dead(3, child.word()));
  CHECK(deaths.dead(2, child.word()));
}

TEST_CASE("a collector in another namespace than the header's judges nobody dead") {
  Table table;
  Child child;
  kill_and_wait(child);
  child.reap();
  table.header->pid_namespace ^= 1;
  os::Deaths deaths(table.ring);
  CHECK_FALSE(deaths.can_judge());
  CHECK_FALSE(deaths.dead(0, child.word()));
}

TEST_CASE("an unreadable /proc proves nothing; the pidfd still does") {
  Table table;
  Child child;
  os::Deaths deaths(table.ring);
  Replaced<&os::Calls::openat> hidden(no_proc);
  REQUIRE_FALSE(deaths.dead(0, child.word()));
  ::kill(child.pid, SIGKILL);
  CHECK(deaths.wait(long_enough_ns) == 1);
  CHECK(deaths.dead(0, child.word()));
}

TEST_CASE("a /proc that shows other pids than ours does not prove a start time different") {
  Table table;
  Child child;
  Replaced<&os::Calls::readlink> foreign([](const char*, char* out, std::size_t) { return *out = '1', ssize_t{1}; });
  os::Deaths deaths(table.ring);
  CHECK_FALSE(deaths.dead(0, child.word(OwnerState::attached, 1)));
}

TEST_CASE("without pidfds a living process is alive, a missing one dead") {
  Table table;
  Child child;
  os::Deaths deaths(table.ring);
  Replaced<&os::Calls::pidfd_open> none_left([](pid_t, unsigned) { return errno = EMFILE, -1; });
  CHECK_FALSE(deaths.dead(0, child.word()));
  kill_and_wait(child);
  CHECK_FALSE(deaths.dead(0, child.word()));  // state Z proves nothing
  child.reap();
  CHECK(deaths.dead(0, child.word()));
}

TEST_CASE("that a process may not be signalled is no proof of its death") {
  Table table;
  Child child;
  os::Deaths deaths(table.ring);
  Replaced<&os::Calls::pidfd_open> none_left([](pid_t, unsigned) { return errno = EMFILE, -1; });
  Replaced<&os::Calls::kill> forbidden([](pid_t, int) { return errno = EPERM, -1; });
  CHECK_FALSE(deaths.dead(0, child.word()));
}

TEST_CASE("one pidfd an owner is held, whatever its state, and none of a dead or forgotten one") {
  Table table;
  Child first, second;
  os::Deaths deaths(table.ring);
  const int before = open_descriptors();
  static int opened;
  opened = 0;
  Replaced<&os::Calls::pidfd_open> counted([](pid_t pid, unsigned flags) {
    ++opened;
    return Replaced<&os::Calls::pidfd_open>::real(pid, flags);
  });
  deaths.dead(0, first.word(OwnerState::attaching));
  deaths.dead(0, first.word(OwnerState::attached));
  deaths.dead(1, second.word());
  CHECK(opened == 2);
  CHECK(open_descriptors() == before + 2);
  kill_and_wait(first);
  CHECK_FALSE(deaths.dead(0, first.word()));  // nobody has looked
  CHECK(deaths.look() == 1);
  CHECK(deaths.dead(0, first.word()));
  CHECK(deaths.dead(0, first.word(OwnerState::left)));
  CHECK(opened == 2);
  CHECK(open_descriptors() == before + 1);
  CHECK(deaths.wait(0) == 0);  // the dead one is watched no more
  deaths.forget(1);
  CHECK(open_descriptors() == before);
}

TEST_CASE("an end that nobody asks about ends one wait, not each one after it") {
  Table table;
  Child child, asked;
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
  Table table;
  os::Deaths deaths(table.ring);
  const int before = open_descriptors();
  for (const ring::u64 scribbled :
       {ring::u64{0}, Owner{77, 0, OwnerState::attached}.bits(), Owner{0, 77, OwnerState::left}.bits()}) {
    Child child;
    REQUIRE_FALSE(deaths.dead(0, child.word()));
    CHECK_FALSE(deaths.dead(0, scribbled));
    kill_and_wait(child);
    CHECK(deaths.wait(0) == 0);
    CHECK(deaths.dead(0, child.word()));
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a pidfd that would be of the spare descriptors is not held, and its owner is judged all the same") {
  const std::string found = in_child([] {
    Table table;
    Child first, second, third;
    const int next = ::dup(0), last = ::dup(0);  // for the epoll set, and for one pidfd
    ::close(next), ::close(last);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = static_cast<rlim_t>(last + 1 + os::spare_descriptors);
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return std::string("no limit");
    os::Deaths deaths(table.ring);
    const int before = open_descriptors();
    bool right = !deaths.dead(0, first.word()) && !deaths.dead(1, second.word()) && !deaths.dead(2, third.word());
    right = right && open_descriptors() == before + 1;
    kill_and_wait(second);
    right = right && deaths.wait(0) == 0 && deaths.dead(1, second.word());  // a zombie: kill() would not tell
    kill_and_wait(first);
    right = right && deaths.look() == 1 && deaths.dead(0, first.word());
    right = right && !deaths.dead(2, third.word()) && open_descriptors() == before + 1;  // there is room for one again
    return std::string(right ? "right" : "wrong");
  });
  CHECK(found == "right");
}

TEST_CASE(
    "without an epoll set, or a place in it, or news from it, nobody is watched and each question finds the proof itself") {
  const auto find_all = [](auto&& deaths) {
    Child child;
    const int before = open_descriptors();
    CHECK_FALSE(deaths.dead(0, child.word()));
    CHECK(deaths.look() == 0);
    CHECK(open_descriptors() <= before);
    kill_and_wait(child);
    CHECK(deaths.wait(0) == 0);
    CHECK(deaths.dead(0, child.word()));
  };
  Table table;
  {
    Replaced<&os::Calls::epoll_create1> none([](int) { return errno = EMFILE, -1; });
    find_all(os::Deaths(table.ring));
  }
  {
    Replaced<&os::Calls::epoll_ctl> full([](int, int, int, epoll_event*) { return errno = ENOSPC, -1; });
    find_all(os::Deaths(table.ring));
  }
  {
    Replaced<&os::Calls::epoll_wait> broken([](int, epoll_event*, int, int) { return errno = EBADF, -1; });
    find_all(os::Deaths(table.ring));
  }
}

TEST_CASE("what the epoll set says proves no death, and a process that a fork has handed the pidfd to ends no wait") {
  Table table;
  Child child, other;
  os::Deaths deaths(table.ring);
  REQUIRE_FALSE(deaths.dead(0, child.word()));
  REQUIRE_FALSE(deaths.dead(1, other.word()));
  {
    Replaced<&os::Calls::epoll_wait> lying([](int, epoll_event* events, int, int) {
      events[0] = {EPOLLIN, {.u32 = 0}};
      return 1;
    });
    CHECK(deaths.look() == 0);
  }
  CHECK_FALSE(deaths.dead(0, child.word()));
  Child holder;  // has a copy of both pidfds
  static int ready;
  Replaced<&os::Calls::ppoll> noted([](pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
    return ready = Replaced<&os::Calls::ppoll>::real(fds, count, timeout, mask);
  });
  kill_and_wait(child);
  CHECK(deaths.look() == 1);
  CHECK(deaths.wait(0) == 0);
  CHECK(ready == 0);
  deaths.forget(1);
  kill_and_wait(other);
  CHECK(deaths.wait(0) == 0);
  CHECK(ready == 0);
}

TEST_CASE("one look sees any number of ends") {
  std::vector<std::unique_ptr<Child>> children;
  Table table(150);
  os::Deaths deaths(table.ring);
  for (ring::u32 i = 0; i < 150; ++i) {
    children.push_back(std::make_unique<Child>());
    REQUIRE_FALSE(deaths.dead(i, children.back()->word()));
  }
  for (const auto& child : children) kill_and_wait(*child);
  CHECK(deaths.look() == 150);
  CHECK(deaths.look() == 0);
}

TEST_CASE("a signal ends the wait") {
  Table table;
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
