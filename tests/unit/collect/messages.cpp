// What shmringd says where standard error takes no more.
#include "lib/collect/messages.hpp"

#include <doctest/doctest.h>
#include <limits.h>

#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;

TEST_CASE("a message that a full pipe does not take is counted, and the count is told before the next one that it takes") {
  const std::string found = in_child([] {
    ::alarm(30);
    const SmallPipe pipe;
    pipe.become_standard_error();
    collect::Messages messages;
    pipe.fill();
    messages.write("one\n");
    messages.write("two\n");
    if (pipe.drain() != "") return std::string("the pipe was not full");
    messages.write("three\n");
    messages.write("four\n");
    messages.end();
    return pipe.drain();
  });
  CHECK(found == "shmringd: 2 messages were not written: standard error was full\nthree\nfour\n");
}

TEST_CASE(
    "what was not written is told at the end, too, and of a message that is longer than a pipe nobody waits for the rest") {
  const std::string found = in_child([] {
    ::alarm(30);
    const SmallPipe pipe;
    pipe.become_standard_error();
    collect::Messages messages;
    messages.write(std::string(3 * PIPE_BUF, 'y'));
    if (pipe.drain() != std::string(2 * PIPE_BUF, 'y')) return std::string("not as much as there was room for");
    messages.end();
    return pipe.drain();
  });
  CHECK(found == "shmringd: 1 message was not written: standard error was full\n");
}

TEST_CASE("what standard error takes is written whole, also behind a signal, and its flags stay as they are") {
  const std::string found = in_child([] {
    const SmallPipe pipe;
    pipe.become_standard_error();
    const int flags = ::fcntl(2, F_GETFL);
    collect::messages.write("text");
    const bool same = ::fcntl(2, F_GETFL) == flags && pipe.drain() == "text";
    Replaced<&os::Calls::ppoll> interrupted([](pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
      static int calls;
      if (calls++ == 0) return errno = EINTR, -1;
      return Replaced<&os::Calls::ppoll>::real(fds, count, timeout, mask);
    });
    ::dup2(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), 2);
    const std::string much(10 * PIPE_BUF, 'y');
    const bool all = os::write_without_waiting(2, much.data(), much.size()) == 0 && ::lseek(2, 0, SEEK_END) == 10 * PIPE_BUF;
    return std::string(same && all ? "right" : "wrong");
  });
  CHECK(found == "right");
}
