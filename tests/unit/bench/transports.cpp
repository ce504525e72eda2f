// One suite over libshmring, its alternatives and the floors: what they take comes out whole, in order and once.
//
// Invariants: writers and readers that could hang run in processes with a deadline; nothing here depends on how fast
// anything is.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "tests/support/transport_hands.hpp"
#include "tools/bench/floors.hpp"
#include "tools/bench/kernel_channels.hpp"
#include "tools/bench/locked_ring.hpp"
#include "tools/bench/lockfree_queue.hpp"
#include "tools/bench/message_queue.hpp"
#include "tools/bench/shmring_lanes.hpp"

using namespace shmring::bench;
using namespace shmring::test;
namespace os = shmring::os;

namespace {

using SmallLockfreeQueue = LockfreeQueue<slots, bytes>;
using InPlace = ShmringLane<ExclusiveInPlace>;
using Bare = ShmringLane<SharedBare>;

#define TRANSPORTS                                                                                                  \
  SingleFloor, TimedFloor, SharedFloor, ClaimFloor, TimedClaimFloor, ExclusiveLane, SharedLane, SmallLockfreeQueue, \
      RobustMutexRing, ReaderWriterLockRing, MessageQueue

// They have the room that the kernel grants; that they outlive a writer is the kernel's doing.
#define CHANNELS Pipe, SeqPacket, PosixQueue
#define VARIANTS InPlace, Bare
#define OVERWRITING ExclusiveLane, SharedLane, RobustMutexRing, ReaderWriterLockRing
#define SURVIVING ExclusiveLane, SharedLane, SmallLockfreeQueue, RobustMutexRing

static_assert(Transport<SingleFloor> && Transport<SharedFloor> && Transport<ExclusiveLane> && Transport<SharedLane>);
static_assert(Transport<SmallLockfreeQueue> && Transport<RobustMutexRing> && Transport<ReaderWriterLockRing> &&
              Transport<MessageQueue> && Transport<Pipe> && Transport<SeqPacket> && Transport<PosixQueue>);

template <class T>
constexpr u32 writers_of = std::min(4u, T::max_producers);

// Runs in a process, so that a transport that hangs is a failure and not the end of the tests. What went wrong, or "".
std::string in_process(const std::function<std::string()>& body) {
  struct Text {
    char data[256];
  };
  SharedWithChildren<Text> text;
  Child child([&] {
    for (const int signal : {SIGSEGV, SIGABRT, SIGTERM}) ::signal(signal, SIG_DFL);
    std::string said;
    try {
      said = body();
    } catch (const std::exception& error) {
      said = error.what();
    }
    std::snprintf(text->data, sizeof text->data, "%s", said.c_str());
    return 0;
  });
  const int status = child.wait(os::monotonic_now_ns() + 60'000'000'000);
  if (status == Child::running) return "it hangs";
  return status == 0 ? text->data : "it died: " + std::to_string(status);
}

struct Counts {
  std::atomic<u64> accepted[max_writers], ready, done;
};

// From now on this process is put aside time and again, wherever it is: in the middle of a write, of a read, under a
// lock.
void be_interrupted() {
  struct sigaction action {};
  action.sa_handler = [](int) {
    const int kept = errno;
    const timespec aside{0, 20'000};
    ::nanosleep(&aside, nullptr);
    errno = kept;
  };
  ::sigaction(SIGALRM, &action, nullptr);
  const itimerval often{{0, 1000}, {0, 1000}};
  ::setitimer(ITIMER_REAL, &often, nullptr);
}

u64 sum_of(const Counts& counts) {
  u64 sum = 0;
  for (const auto& accepted : counts.accepted) sum += accepted.load();
  return sum;
}

// What a writer that died may have published without having counted it is one record.
std::string compare(const Counts& counts, const Checker& checker, u64 uncounted) {
  if (!checker.broken.empty()) return checker.broken;
  for (u32 i = 0; i < max_writers; ++i) {
    const u64 accepted = counts.accepted[i], delivered = checker.delivered[i];
    if (delivered < accepted || delivered > accepted + uncounted)
      return "of writer " + std::to_string(i) + " " + std::to_string(accepted) + " records were accepted, " +
             std::to_string(delivered) + " came";
  }
  return "";
}

// Writers of their own processes, the reader here.
template <class T>
std::string several_processes(const std::string& name, bool overwrite, Counts& counts) {
  constexpr u64 wanted = 60'000;  // of each writer
  Drain<T> drain(name);
  std::vector<Child> children;
  for (u32 i = 0; i < writers_of<T>; ++i)
    children.emplace_back([&, i] {
      Hand<T> hand(name, i);
      for (++counts.ready; counts.ready < writers_of<T>;) yield();
      be_interrupted();
      while (counts.accepted[i] < wanted) {
        if (hand.write()) {
          ++counts.accepted[i];
        } else {
          yield();
        }
      }
      ++counts.done;
      return 0;
    });
  be_interrupted();
  const bool ended = drain.until([&] {
    for (Child& child : children)
      if (child.ended() && child.wait(0) != 0) return true;
    return counts.done == writers_of<T> && (overwrite || drain.checker.total >= sum_of(counts));
  });
  if (counts.done != writers_of<T>) return "a writer did not come to its end";
  drain.all();
  if (!overwrite) return ended ? compare(counts, drain.checker, 0) : "not all that was accepted came";
  Hand<T> last(name, max_writers - 1);
  if (!last.write()) return "full, though the oldest should make room";
  if (!drain.until([&] { return drain.checker.last[last.producer] == 1; })) return "the newest record did not come";
  for (u32 i = 0; i < writers_of<T>; ++i)
    if (drain.checker.delivered[i] > counts.accepted[i]) return "more came than was written";
  return drain.checker.broken;
}

// From a page whose neighbour cannot be read: the writer dies in the middle of the copy.
const std::byte* half_a_record() {
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  auto* at = static_cast<std::byte*>(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ::mprotect(at + page, page, PROT_NONE);
  return at + page - bytes / 2;
}

// Four laps through it, after whatever has happened to it: all of them come.
template <class T>
std::string still_works(const std::string& name, Drain<T>& drain, u32 producer, u64 sequence) {
  const u64 before = drain.checker.delivered[producer];
  Child writer([&] {
    Hand<T> hand(name, producer);  // may have to wait until the reader, which is we, has given back what the dead held
    hand.sequence = sequence;
    for (u64 i = 0; i < 4 * slots; ++i)
      if (!hand.write_in_the_end([] { yield(); })) return 1;
    return 0;
  });
  if (!drain.until([&] { return drain.checker.delivered[producer] == before + 4 * slots; })) return "records do not come";
  if (writer.wait(os::monotonic_now_ns() + long_ns) != 0) return "it stays full";
  drain.all();
  return drain.checker.broken;
}

}  // namespace

TYPE_TO_STRING(SingleFloor);
TYPE_TO_STRING(TimedFloor);
TYPE_TO_STRING(ClaimFloor);
TYPE_TO_STRING(TimedClaimFloor);
TYPE_TO_STRING(SharedFloor);
TYPE_TO_STRING(ExclusiveLane);
TYPE_TO_STRING(SharedLane);
TYPE_TO_STRING(SmallLockfreeQueue);
TYPE_TO_STRING(RobustMutexRing);
TYPE_TO_STRING(ReaderWriterLockRing);
TYPE_TO_STRING(MessageQueue);
TYPE_TO_STRING(Pipe);
TYPE_TO_STRING(SeqPacket);
TYPE_TO_STRING(PosixQueue);
TYPE_TO_STRING(InPlace);
TYPE_TO_STRING(Bare);

TEST_CASE_TEMPLATE("records of all sizes come out whole, in order and once, lap after lap", T, TRANSPORTS, CHANNELS, VARIANTS) {
  Made<T> made;
  typename T::Writer writer(made.name);
  Drain<T> drain(made.name);
  for (u64 sequence = 1; sequence <= 5 * slots; ++sequence) {
    const std::size_t size = min_record + sequence % 7 * 8;
    REQUIRE(writer.write(Record(0, sequence, size).data, size));
    if (sequence % 5 == 0) drain.all();
  }
  drain.all();
  CHECK(drain.checker.broken == "");
  CHECK(drain.checker.total == 5 * slots);
  CHECK(drain.once() == 0);
}

TEST_CASE_TEMPLATE("a full one says so, keeps what it took, and takes more once that is read", T, TRANSPORTS) {
  Made<T> made;
  Hand<T> hand(made.name, 0);
  u64 accepted = 0;
  while (accepted <= 2 * slots && hand.write()) ++accepted;
  CHECK(accepted >= slots / 2);
  CHECK(accepted <= slots);
  for (int i = 0; i < 10; ++i) CHECK(!hand.write());
  check_that_it_goes_on(made, hand, accepted);
}

TEST_CASE_TEMPLATE("of several processes exactly what was accepted comes, in each one's order", T, TRANSPORTS, CHANNELS,
                   VARIANTS) {
  Made<T> made;
  SharedWithChildren<Counts> counts;
  CHECK(in_process([&] { return several_processes<T>(made.name, false, *counts); }) == "");
}

TEST_CASE_TEMPLATE("overwriting, the oldest records are lost and the newest are there", T, OVERWRITING) {
  static_assert(T::overwrites);
  Made<T> made(true);
  Hand<T> hand(made.name, 0);
  for (u64 i = 0; i < slots + 100; ++i) REQUIRE(hand.write());
  Drain<T> drain(made.name);
  drain.all();
  CHECK(drain.first == 101);
  CHECK(drain.checker.total == slots);
  CHECK(drain.checker.last[0] == slots + 100);
  CHECK(drain.checker.broken == "");
}

TEST_CASE_TEMPLATE("overwriting by several processes invents nothing, and the newest comes", T, OVERWRITING) {
  static_assert(T::overwrites);
  Made<T> made(true);
  SharedWithChildren<Counts> counts;
  CHECK(in_process([&] { return several_processes<T>(made.name, true, *counts); }) == "");
}

TEST_CASE_TEMPLATE("a writer that dies in the middle of a record takes nothing with it but this one", T, SURVIVING) {
  static_assert(T::survives_death);
  Made<T> made;
  const std::byte* half = half_a_record();
  Child child([&] {
    ::signal(SIGSEGV, SIG_DFL);
    Hand<T> hand(made.name, 0);
    for (int i = 0; i < 10; ++i) hand.write();
    return hand.writer.write(half, bytes) ? 0 : 1;
  });
  CHECK(child.wait(os::monotonic_now_ns() + 60'000'000'000) == -SIGSEGV);
  CHECK(in_process([&]() -> std::string {
          Drain<T> drain(made.name);
          if (const std::string problem = still_works(made.name, drain, 1, 0); !problem.empty()) return problem;
          return drain.checker.delivered[0] == 10 ? "" : "records of the dead writer are missing";
        }) == "");
}

TEST_CASE_TEMPLATE("after twenty writers killed wherever they were all that they wrote is there, and it works on", T,
                   SURVIVING) {
  static_assert(T::survives_death);
  Made<T> made;
  CHECK(in_process([&]() -> std::string {
          Drain<T> drain(made.name);
          constexpr u64 a_life = u64{1} << 32;  // sequences: each life has its own
          for (u32 life = 0; life < 20; ++life) {
            SharedWithChildren<Counts> counts;
            drain.checker.delivered = {};
            const u32 producer = life % max_writers;
            Child child([&] {
              Hand<T> hand(made.name, producer);
              hand.sequence = life * a_life;
              while (hand.sequence < (life + 1) * a_life - 1)
                if (hand.write()) ++counts->accepted[producer];
              return 0;
            });
            if (!drain.until([&] { return drain.checker.delivered[producer] > 300 + 37 * life; })) return "nothing comes";
            child.kill();
            child.wait(os::monotonic_now_ns() + long_ns);
            const bool all = drain.until([&] { return drain.checker.delivered[producer] >= counts->accepted[producer]; });
            drain.all();
            if (!all) return compare(*counts, drain.checker, 1) + ", after life " + std::to_string(life);
            if (const std::string problem = compare(*counts, drain.checker, 1); !problem.empty()) return problem;
          }
          return still_works(made.name, drain, 0, 20 * a_life);
        }) == "");
}
