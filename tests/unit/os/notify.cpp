// What the service manager is told, over a socket of the test's own: paths and abstract names, values that name none, and a
// socket that takes nothing.
#include "lib/os/notify.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "lib/os/error.hpp"
#include "tests/support/sandbox.hpp"

namespace os = shmring::os;

namespace {

// The manager's end. `name` is as in NOTIFY_SOCKET.
struct Manager {
  explicit Manager(const std::string& name) : socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const std::size_t bytes = offsetof(sockaddr_un, sun_path) + name.size() + (name[0] == '@' ? 0 : 1);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(bytes)) == 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Manager() { ::unsetenv("NOTIFY_SOCKET"); }
  // "": nothing came.
  std::string next() const {
    char text[8192];
    const ssize_t bytes = ::recv(socket.get(), text, sizeof text, 0);
    return bytes < 0 ? "" : std::string(text, static_cast<std::size_t>(bytes));
  }
  os::Fd socket;
};

}  // namespace

TEST_CASE("the service manager is told what happens, by a path or an abstract name, as long as the address may be") {
  shmring::test::Sandbox sandbox;
  const std::string path = sandbox.path + "/notify";
  const std::string longest_path = sandbox.path + "/" + std::string(107 - sandbox.path.size() - 1, 'n');
  const std::string abstract = "@shmring-test-" + std::to_string(::getpid());
  for (const std::string& name : {path, longest_path, abstract, abstract + std::string(107 - abstract.size(), 'n')}) {
    const Manager manager(name);
    const int descriptors = shmring::test::open_descriptors();
    {
      os::Notify notify;
      REQUIRE(notify.open() == 0);
      notify.tell("READY=1");
      notify.tell("STATUS=a\nWATCHDOG=1");
    }
    CHECK(manager.next() == "READY=1");
    CHECK(manager.next() == "STATUS=a\nWATCHDOG=1");
    CHECK(manager.next() == "");
    CHECK(shmring::test::open_descriptors() == descriptors);
  }
}

TEST_CASE("a NOTIFY_SOCKET that can name no socket is refused with a text, and nothing is told") {
  os::Notify none;
  ::unsetenv("NOTIFY_SOCKET");
  CHECK(none.open() == 0);
  none.tell("READY=1");
  for (const std::string& name : {std::string(), std::string("/"), std::string("@"), std::string("notify"),
                                  std::string("vsock:2:1"), "/" + std::string(107, 'n'), "@" + std::string(5000, 'n')}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    os::Notify notify;
    CHECK(notify.open() == -EINVAL);
    CHECK(std::string(os::last_error()).find("NOTIFY_SOCKET is \"" + name.substr(0, 120) + "\", expected") == 0);
    notify.tell("READY=1");
  }
  ::unsetenv("NOTIFY_SOCKET");
}

TEST_CASE("a service manager that takes nothing holds nobody up, and is told the rest as soon as it does") {
  const Manager manager("@shmring-test-full-" + std::to_string(::getpid()));
  os::Notify notify;
  REQUIRE(notify.open() == 0);
  const os::Calls kept = os::calls;
  static int refused;
  refused = 0;
  os::calls.sendto = [](int, const void*, std::size_t, int, const sockaddr*, socklen_t) -> ssize_t {
    return ++refused, errno = EAGAIN, -1;
  };
  notify.tell("READY=1");
  notify.tell("WATCHDOG=1");
  os::calls = kept;
  CHECK(refused == 2);
  notify.tell("STATUS=b");
  CHECK(manager.next() == "READY=1\nWATCHDOG=1\nSTATUS=b");
  for (int i = 0; i < 10'000; ++i) notify.tell("WATCHDOG=1");  // its queue is full long before, and this test ends
  int taken = 0;
  while (manager.next() != "") ++taken;
  CHECK(taken > 0);
  notify.tell("STATUS=c");
  const std::string last = manager.next();
  CHECK(last.size() < 8000);  // what waits is bounded
  CHECK(last.ends_with("STATUS=c"));
}
