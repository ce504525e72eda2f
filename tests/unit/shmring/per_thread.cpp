// PerThread over a real ring: each thread has a handle of its own, whatever threads, forks and rings do; nobody gets FORKED,
// and the table of producers has no more of them than there were threads at one time.
#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/failing_calls.hpp"
#include "tests/support/process.hpp"
#include "tests/support/ring_box.hpp"
#include "tests/support/worker.hpp"

using namespace shmring;
using namespace shmring::test;
using ring::OwnerState;

namespace {

struct Box : RingBox {
  explicit Box(std::uint32_t producers = 16, OnFull on_full = OnFull::drop)
      : RingBox(
            {.slots = 16384, .slot_bytes = 128, .lanes = 2, .on_full = on_full, .max_record = 1024, .producers = producers}) {}
};

thread_local std::uint64_t allocations;

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes);
}
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (void* memory = operator new(bytes, std::nothrow)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE("nothing is attached before the first use, a thread keeps its handle, and another one has its own") {
  Box box;
  PerThread audit("audit", {.name = "api"}, {{7, "seven"}});
  CHECK(box.facts().producers.empty());
  CHECK(audit.write("first", {.type = 7}));
  const auto mine = audit.producer().incarnation();
  CHECK(audit.write_json("2"));
  CHECK(audit.fields().add("k", 3).commit());
  CHECK(audit.claim(8).commit(8));
  CHECK(audit.producer().sequence() == 4);
  CHECK(audit.producer().incarnation() == mine);
  in_thread([&] {
    CHECK(audit.write("other"));
    CHECK(audit.producer().incarnation() != mine);
    CHECK(audit.producer().sequence() == 1);
  });
  REQUIRE(box.facts().types.size() == 1);
  CHECK(box.facts().types[0].name == "seven");
  CHECK(std::string(box.facts().producers.at(0).identity.name) == "api");
  CHECK(audit.last_error() == "");
}

TEST_CASE("thousands of short threads get by with as many handles as there are threads at one time") {
  constexpr int at_once = 4;
  const int each = by_mode(500, 2'500, 2'500);
  Box box(at_once);
  PerThread audit("audit");
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> spawners;
    for (int s = 0; s < at_once; ++s)
      spawners.emplace_back([&] {
        for (int i = 0; i < each; ++i)
          in_thread([&, i] {
            void* slot = nullptr;
            const bool written = bool(audit.write("a short life"));
            refused += !written;
            if (written && i % 10 == 9) refused += shmring_claim(audit.producer().c(), 8, &slot) != 0;  // and it ends with that
          });
      });
  }
  CHECK(refused == 0);
  CHECK(box.attached() <= at_once);
  for (const auto& producer : box.facts().producers) CHECK(producer.account.finished);
  CHECK(box.aborted() == std::uint64_t(at_once * each / 10));
  CHECK(box.attempted() == std::uint64_t(at_once) * each + box.aborted());
  tried(std::uint64_t(at_once) * each, "short threads");
}

TEST_CASE("threads that take handles out of the pool at one moment take different ones") {
  constexpr int at_once = 4;
  Box box;
  PerThread audit("audit");
  std::atomic<int> refused = 0;
  for (int round = 0; round < by_mode(100, 500, 2'000); ++round) {
    std::atomic<int> here = 0, wrote = 0;
    const auto all = [](std::atomic<int>& count) {
      for (++count; count < at_once;) std::this_thread::yield();
    };
    std::vector<std::jthread> threads;
    for (int t = 0; t < at_once; ++t)
      threads.emplace_back([&] {
        all(here);
        for (int i = 0; i < 20; ++i) refused += audit.write("x").code == SHMRING_NESTED;
        all(wrote);
      });
  }
  CHECK(refused == 0);
  CHECK(box.attached() == at_once);
}

TEST_CASE("after the first use a write allocates nothing") {
  Box box;
  PerThread audit("audit");
  CHECK(audit.write("first"));
  const auto before = allocations;
  bool written = true;
  for (int i = 0; i < 100; ++i) written = written && audit.write("again") && audit.fields().add("i", i).commit();
  CHECK(allocations == before);
  CHECK(written);
}

TEST_CASE("a forked child attaches anew by itself, and never sees FORKED") {
  Box box;
  PerThread audit("audit");
  CHECK(audit.write("parent"));
  in_thread([&] { CHECK(audit.write("leaves its handle to the pool")); });
  const auto mine = audit.producer().incarnation();
  auto open = audit.fields();
  const std::string child = in_child([&] {
    const auto childs = audit.producer().incarnation();
    std::string codes = childs != mine && childs != 0 ? "new" : "same";
    for (const int code : {audit.write("child").code, audit.write_json("1").code, audit.fields().commit().code,
                           audit.claim(8).commit(8).code, open.commit().code})
      codes += " " + std::to_string(code);
    return codes + (audit.producer().incarnation() == childs ? "" : " changed");
  });
  CHECK(child == "new 0 0 0 0 -22");
  CHECK(open.add("k", 1).commit());
  CHECK(audit.producer().incarnation() == mine);
  CHECK(box.attempted() == 2 + 1 + 4);
}

TEST_CASE("forks while threads come and go: each child writes") {
  const int forks = by_mode(50, 200, 2'000);
  Box box(static_cast<std::uint32_t>(forks) + 8, OnFull::overwrite);  // the threads may fill it before the last fork
  PerThread audit("audit");
  std::atomic<bool> stop = false;
  std::vector<std::jthread> churn;
  for (int i = 0; i < 2; ++i)
    churn.emplace_back([&] {
      while (!stop) in_thread([&] { static_cast<void>(audit.write("short")); });
    });
  int written = 0;
  for (int i = 0; i < forks; ++i) written += Child([&] { return audit.write("child") ? 0 : 1; }).wait() == 0;
  stop = true;
  CHECK(written == forks);
}

TEST_CASE("after a ring was made anew, every thread and every handle of the pool goes over to it") {
  Box box;
  PerThread audit("audit", {}, {{1, "one"}});
  CHECK(audit.write("old"));
  const RingId old = audit.producer().ring_id();
  Claim open = audit.claim(8);
  Worker stays;
  {
    Worker gone[3];
    for (Worker* worker : {&stays, &gone[0], &gone[1], &gone[2]}) worker->run([&] { CHECK(audit.write("old")); });
  }
  CHECK(box.attached() == 5);
  shmring::unlink("audit");
  create("audit", {.slots = 64, .slot_bytes = 128, .lanes = 1});
  CHECK(audit.write("new"));
  Claim second = audit.claim(8);
  CHECK(open.commit(8).code == -EINVAL);  // the second claim of a handle that is gone, as this is
  CHECK(second.commit(8));
  CHECK(audit.producer().ring_id() != old);
  stays.run([&] { CHECK(audit.fields().commit()); });
  in_thread([&] { CHECK(audit.write("new")); });
  in_thread([&] { CHECK(audit.producer().ring_id() != old); });
  CHECK(box.attempted() == 4);
  CHECK(box.attached() == 3);
  CHECK(box.facts().types.size() == 1);
}

namespace {

std::atomic<int> looks;  // at the ring's name in its directory
int count_looks(int dir, const char* path, int flags, mode_t mode) {
  looks += std::strcmp(path, "shmring.audit") == 0;
  return Replaced<&os::Calls::openat>::real(dir, path, flags, mode);
}

}  // namespace

TEST_CASE("where there is no ring a write says so, and looks for it once a second") {
  Box box;
  shmring::unlink("audit");
  PerThread audit("audit");
  looks = 0;
  const Replaced<&os::Calls::openat> counted(count_looks);
  const auto begin = Steady::now();
  for (int i = 0; i < 20'000; ++i) REQUIRE(audit.write("x").code == -ENOENT);
  in_thread([&] { CHECK(audit.write("x").code == -ENOENT); });
  CHECK(audit.claim(8).result().code == -ENOENT);
  CHECK(audit.fields().commit().code == -ENOENT);
  CHECK(looks >= 1);
  CHECK(looks <= 1 + milliseconds_since(begin) / 1000);
  CHECK(audit.last_error().find("audit") != std::string::npos);
  try {
    audit.producer();
    FAIL("there is a producer");
  } catch (const Error& error) {
    CHECK(error.code() == -ENOENT);
    CHECK(error.what() == audit.last_error());
  }
  create("audit", {.slots = 64, .slot_bytes = 128, .lanes = 1});
  CHECK(eventually([&] { return bool(audit.write("there it is")); }));
  CHECK(audit.last_error() == "");
  shmring::unlink("audit");
  const int before = looks;
  CHECK(audit.write("retired").code == -ENOENT);
  CHECK(looks == before + 1);
  for (int i = 0; i < 1'000; ++i) REQUIRE(audit.write("x").code == -ENOENT);
  CHECK(looks <= before + 2);
}

TEST_CASE("create: whoever comes first makes the ring") {
  Box box;
  shmring::unlink("audit");
  auto sizes = std::make_unique<CreateOptions>(CreateOptions{.slots = 128, .slot_bytes = 128, .lanes = 1});
  PerThread audit("audit", {.create = sizes.get()});
  sizes.reset();
  CHECK(audit.write("x"));
  REQUIRE(box.facts().lanes.size() == 1);
  CHECK(box.facts().lanes[0].slots == 128);
}

TEST_CASE("several rings: each has its own handle of each thread") {
  Box box;
  create("other", {.slots = 64, .slot_bytes = 128, .lanes = 1});
  PerThread audit("audit"), other("other");
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 2; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 10; ++i) refused += !audit.write("a"), refused += !other.write("o");
        refused += audit.producer().ring_id() == other.producer().ring_id();
      });
  }
  CHECK(refused == 0);
  CHECK(box.attempted() == 20);
  os::Segment segment;
  std::vector<std::string> findings;
  REQUIRE(os::open_readonly("other", segment, findings) == 0);
  std::uint64_t attempted = 0;
  for (const auto& producer : inspect::read_segment(segment, findings, false).producers)
    attempted += producer.account.attempted;
  CHECK(attempted == 20);
}

TEST_CASE("an object that goes while threads live: their handles go when they end, or when they look for another") {
  Box box;
  std::optional<PerThread> audit(std::in_place, "audit");
  Worker ends, goes_on;
  const auto write = [&audit] { CHECK(audit->write("x")); };
  ends.run(write), goes_on.run(write);
  write();
  in_thread(write);
  CHECK(box.attached() == 4);
  audit.reset();
  CHECK(box.attached() == 2);
  CHECK(box.entries(OwnerState::left) == 2);
  audit.emplace("audit");
  goes_on.run(write);
  CHECK(box.entries(OwnerState::left) == 3);
  ends.end();
  CHECK(box.entries(OwnerState::left) == 4);
  CHECK(box.attached() == 1);
  goes_on.end();
  CHECK(box.attached() == 1);  // it is in the pool
  write();
  CHECK(box.facts().producers.size() == 5);
  audit.reset();
  CHECK(box.attached() == 0);
}

TEST_CASE("destructors of a thread that has given its handle back still write") {
  Box box;
  PerThread audit("audit");
  static PerThread* its;
  its = &audit;
  struct Last {
    ~Last() {
      CHECK(its->write("ends"));
      CHECK(its->write("has ended"));
      CHECK(its->claim(8).result().code == -ECANCELED);
      CHECK_THROWS_AS(its->producer(), Error);
    }
  };
  in_thread([&] {
    static thread_local Last last;  // made first, destroyed last
    static_cast<void>(last);
    CHECK(audit.write("begins"));
  });
  CHECK(box.attached() == 1);
  CHECK(box.records() == std::vector<std::string>{"0 \"begins\"", "0 \"ends\"", "0 \"has ended\""});
}

TEST_CASE("a process may end in any order: a thread outlives the object, and a static object writes at its end") {
  Box box;
  static std::atomic<bool> gone;
  struct Late {  // made before the object, destroyed after it
    std::thread thread;
    ~Late() {
      gone = true;
      thread.join();
    }
  };
  Child child([] {
    static Late late;
    static PerThread audit("audit");
    struct Early {
      ~Early() { static_cast<void>(audit.write("main is over")); }
    };
    static Early early;
    std::atomic<bool> wrote = false;
    late.thread = std::thread([&wrote] {
      wrote = bool(audit.write("thread"));
      while (!gone) std::this_thread::yield();
    });
    if (!eventually([&wrote] { return wrote.load(); }) || !audit.write("main")) return 1;
    std::exit(0);
  });
  CHECK(child.wait() == 0);
  CHECK(box.attempted() == 3);
  CHECK(box.entries(OwnerState::left) == 2);
  CHECK(box.attached() == 0);
}

namespace {

PerThread* interrupted;
int inner = 0;
ring::u32 write_within() {
  if (interrupted != nullptr) inner = std::exchange(interrupted, nullptr)->write("inner").code;
  return Replaced<&os::Calls::geteuid>::real();
}

}  // namespace

TEST_CASE("a signal handler that interrupts a thread while it attaches anew is refused") {
  Box box;
  PerThread audit("audit");
  CHECK(audit.write("x"));
  shmring::unlink("audit");
  create("audit", {.slots = 64, .slot_bytes = 128, .lanes = 1});
  interrupted = &audit;
  const Replaced<&os::Calls::geteuid> handler(write_within);  // attach asks for the user
  CHECK(audit.write("outer"));
  CHECK(inner == SHMRING_NESTED);
  CHECK(box.records() == std::vector<std::string>{"0 \"outer\""});
}
