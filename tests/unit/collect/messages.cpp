// What shmringd says where standard error takes no more.
#include "lib/collect/messages.hpp"

#include <doctest/doctest.h>
#include <limits.h>

#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;
using collect::Priority;

namespace {

std::uint64_t now_ns;
constexpr std::uint64_t millisecond = 1'000'000, second = 1'000 * millisecond;

// What comes out on standard error while this runs.
template <class Function>
std::string said(Function&& function) {
  return in_child([&] {
    ::alarm(30);
    const SmallPipe pipe;
    pipe.become_standard_error();
    now_ns = second;
    collect::Messages messages([] { return now_ns; });
    function(messages);
    return pipe.drain();
  });
}

}  // namespace

TEST_CASE("of the warnings of a kind one is written in a second; the last of the others follows, with their number") {
  CHECK(said([](collect::Messages& messages) {
          messages.warn("full", "full 0\n");
          messages.warn("gone", "gone\n");
          for (int i = 1; i <= 20; ++i) {
            now_ns += 49 * millisecond;
            messages.warn("full", "full " + std::to_string(i) + "\n");
            messages.tell_held_back();
          }
          now_ns += 20 * millisecond;
          messages.tell_held_back();
          messages.tell_held_back();
          now_ns += 999 * millisecond;
          messages.warn("full", "full 21\n");
          messages.tell_held_back();
          now_ns += millisecond;
          messages.tell_held_back();
        }) == "full 0\ngone\nfull 20\nshmringd: 19 messages like this one were left out before it\nfull 21\n");
}

TEST_CASE("what was held back is told before the next one of its kind, and at the end") {
  CHECK(said([](collect::Messages& messages) {
          for (const char* text : {"one\n", "two\n", "three\n"}) messages.warn("kind", text);
          now_ns += second;
          messages.warn("kind", "four\n");
          messages.warn("kind", "five\n");
          messages.end();
        }) == "one\nthree\nshmringd: 1 message like this one was left out before it\nfour\nfive\n");
}

TEST_CASE("each line carries its priority if standard error is the journal's, and otherwise does not") {
  for (const bool is_journal : {true, false}) {
    CHECK(said([&](collect::Messages& messages) {
            struct stat status {};
            ::fstat(2, &status);
            const std::string name = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino + !is_journal);
            ::setenv("JOURNAL_STREAM", name.c_str(), 1);
            messages.write(Priority::error, "why\nwhat\n");
            messages.write(Priority::info, "that\n");
            messages.warn("kind", "beware\n");
          }) == (is_journal ? "<3>why\n<3>what\n<6>that\n<4>beware\n" : "why\nwhat\nthat\nbeware\n"));
  }
}

TEST_CASE("a message that a full pipe does not take is counted, and the count is told before the next one that it takes") {
  const std::string found = in_child([] {
    ::alarm(30);
    const SmallPipe pipe;
    pipe.become_standard_error();
    collect::Messages messages;
    pipe.fill();
    messages.write(Priority::error, "one\n");
    messages.write(Priority::error, "two\n");
    if (pipe.drain() != "") return std::string("the pipe was not full");
    messages.write(Priority::error, "three\n");
    messages.write(Priority::error, "four\n");
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
    messages.write(Priority::error, std::string(3 * PIPE_BUF, 'y'));
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
    collect::messages.write(Priority::error, "text");
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
