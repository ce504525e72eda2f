// os/process.hpp: identity, and that only a proof counts as death.
#include "lib/os/process.hpp"

#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;
using ring::Owner;
using ring::OwnerState;

namespace {

constexpr ring::u64 long_enough_ns = 60'000'000'000;

// A segment of this process's namespaces with room for three producers.
struct Table {
  Table() : header(std::make_unique<ring::Header>()) {
    const os::MachineId host = os::this_machine();
    header->pid_namespace = host.pid_namespace;
    header->time_namespace = host.time_namespace;
    ring.header = header.get();
    ring.geometry.producers = 3;
  }
  std::unique_ptr<ring::Header> header;
  ring::Ring ring;
};

std::string stat_of(pid_t pid) {
  std::string text;
  os::read_small(("/proc/" + std::to_string(pid) + "/stat").c_str(), text);
  return text;
}

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
  Table table;
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
  Table table;
  table.header->pid_namespace ^= 1;
  CHECK(os::self(*table.header).start_time == 0);
  table.header->pid_namespace ^= 1;
  table.header->time_namespace ^= 1;
  CHECK(os::self(*table.header).start_time == 0);
}

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
  const int before = open_descriptors();
  os::Deaths deaths(table.ring);
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
  CHECK(deaths.dead(0, first.word()));
  CHECK(deaths.dead(0, first.word(OwnerState::left)));
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
  const int before = open_descriptors();
  os::Deaths deaths(table.ring);
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
    const int next = ::dup(0);
    ::close(next);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = static_cast<rlim_t>(next + 1 + os::spare_descriptors);
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return std::string("no limit");
    const int before = open_descriptors();
    os::Deaths deaths(table.ring);
    bool right = !deaths.dead(0, first.word()) && !deaths.dead(1, second.word()) && !deaths.dead(2, third.word());
    right = right && open_descriptors() == before + 1;
    kill_and_wait(second);
    right = right && deaths.wait(0) == 0 && deaths.dead(1, second.word());  // a zombie: kill() would not tell
    kill_and_wait(first);
    right = right && deaths.dead(0, first.word());
    right = right && !deaths.dead(2, third.word()) && open_descriptors() == before + 1;  // there is room for one again
    return std::string(right ? "right" : "wrong");
  });
  CHECK(found == "right");
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
