// os/process.hpp, Deaths: pidfds, the epoll set that watches them, and what it does where there is none.
#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <vector>

#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"
#include "tests/unit/os/children.hpp"

using namespace shmring;
using namespace shmring::test;
using ring::OwnerState;

namespace {

constexpr ring::u64 long_enough_ns = 60'000'000'000;

int ready;  // what the last ppoll has returned
int noted_ppoll(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  return ready = Replaced<&os::Calls::ppoll>::real(fds, count, timeout, mask);
}

}  // namespace

TEST_CASE("without an epoll set, a place in it or news from it, each question finds the proof itself") {
  const auto find_all = [](auto&& deaths, int news) {
    BareChild child;
    const int before = open_descriptors();
    CHECK_FALSE(deaths.dead(0, child.word()));
    CHECK(deaths.look() == news);
    CHECK(open_descriptors() == before);
    CHECK_FALSE(deaths.dead(0, child.word()));
    kill_and_wait(child);
    deaths.look();
    CHECK(deaths.dead(0, child.word()));
    CHECK(open_descriptors() == before);
  };
  OwnerTable table;
  {
    Replaced<&os::Calls::epoll_create1> none([](int) { return errno = EMFILE, -1; });
    find_all(os::Deaths(table.ring), 0);
  }
  {
    Replaced<&os::Calls::epoll_ctl> full([](int, int, int, epoll_event*) { return errno = ENOSPC, -1; });
    find_all(os::Deaths(table.ring), 0);
  }
  {
    Replaced<&os::Calls::epoll_wait> broken([](int, epoll_event*, int, int) { return errno = EBADF, -1; });
    find_all(os::Deaths(table.ring), 1);  // the caller shall ask
  }
}

TEST_CASE("an epoll set that failed once is replaced, and an owner is watched again once it was asked for") {
  OwnerTable table;
  BareChild child;
  os::Deaths deaths(table.ring);
  REQUIRE_FALSE(deaths.dead(0, child.word()));
  {
    Replaced<&os::Calls::epoll_wait> broken([](int, epoll_event*, int, int) { return errno = EBADF, -1; });
    CHECK(deaths.look() == 1);
  }
  CHECK(deaths.look() == 0);
  CHECK_FALSE(deaths.dead(0, child.word()));
  kill_and_wait(child);
  CHECK(deaths.wait(long_enough_ns) == 1);
  CHECK(deaths.dead(0, child.word()));
}

TEST_CASE("a pidfd that cannot be taken out of the set ends no wait after that, though a forked process holds it") {
  OwnerTable table;
  BareChild child, other;
  os::Deaths deaths(table.ring);
  REQUIRE_FALSE(deaths.dead(0, child.word()));
  REQUIRE_FALSE(deaths.dead(1, other.word()));
  BareChild holder;
  {
    Replaced<&os::Calls::epoll_ctl> stuck([](int, int, int, epoll_event*) { return errno = ENOMEM, -1; });
    deaths.forget(0);
  }
  kill_and_wait(child);
  Replaced<&os::Calls::ppoll> noted(noted_ppoll);
  CHECK(deaths.wait(0) == 0);
  CHECK(ready == 0);
  CHECK_FALSE(deaths.dead(1, other.word()));
}

TEST_CASE("a look comes to its end, whatever the set and the pidfds say") {
  OwnerTable table(64);
  std::vector<std::unique_ptr<BareChild>> children;
  os::Deaths deaths(table.ring);
  for (ring::u32 i = 0; i < 64; ++i) {
    children.push_back(std::make_unique<BareChild>());
    REQUIRE_FALSE(deaths.dead(i, children.back()->word()));
  }
  for (const auto& child : children) kill_and_wait(*child);
  {
    Replaced<&os::Calls::ppoll> none([](pollfd*, nfds_t, const timespec*, const sigset_t*) { return errno = ENOMEM, -1; });
    static int asked;
    asked = 0;
    Replaced<&os::Calls::epoll_wait> counted([](int epoll, epoll_event* events, int most, int timeout) {
      return ++asked > 10 ? 0 : Replaced<&os::Calls::epoll_wait>::real(epoll, events, most, timeout);
    });
    CHECK(deaths.look() == 0);
    CHECK(asked == 1);
  }
  CHECK(deaths.look() == 64);
}

TEST_CASE("a wait lets a signal in also if a descriptor is ready all the time") {
  const std::string found = in_child([] {
    static volatile std::sig_atomic_t came;
    sigset_t usual, blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR2);
    ::sigprocmask(SIG_BLOCK, &blocked, &usual);
    std::signal(SIGUSR2, [](int) { came = 1; });
    std::raise(SIGUSR2);
    const os::Fd event(::eventfd(1, EFD_CLOEXEC));
    if (came != 0) return std::string("too soon");
    os::Deaths::wait({}, long_enough_ns, &usual, {event.get()});
    return std::string(came != 0 ? "let in" : "kept out");
  });
  CHECK(found == "let in");
}

TEST_CASE("the epoll set is none of the spare descriptors") {
  const std::string found = in_child([] {
    OwnerTable table;
    const int next = ::dup(0);
    ::close(next);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = static_cast<rlim_t>(next + os::spare_descriptors);
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return std::string("no limit");
    const int before = open_descriptors();
    os::Deaths deaths(table.ring);
    return std::to_string(open_descriptors() - before);
  });
  CHECK(found == "0");
}

TEST_CASE("what the epoll set says proves no death, and a process that a fork has handed the pidfd to ends no wait") {
  OwnerTable table;
  BareChild child, other;
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
  BareChild holder;  // has a copy of both pidfds
  Replaced<&os::Calls::ppoll> noted(noted_ppoll);
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
  std::vector<std::unique_ptr<BareChild>> children;
  OwnerTable table(150);
  os::Deaths deaths(table.ring);
  for (ring::u32 i = 0; i < 150; ++i) {
    children.push_back(std::make_unique<BareChild>());
    REQUIRE_FALSE(deaths.dead(i, children.back()->word()));
  }
  for (const auto& child : children) kill_and_wait(*child);
  CHECK(deaths.look() == 150);
  CHECK(deaths.look() == 0);
}

TEST_CASE("a pidfd that would be of the spare descriptors is not held, and its owner is judged all the same") {
  const std::string found = in_child([] {
    OwnerTable table;
    BareChild first, second, third;
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

TEST_CASE("one pidfd an owner is held, whatever its state, and none of a dead or forgotten one") {
  OwnerTable table;
  BareChild first, second;
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
