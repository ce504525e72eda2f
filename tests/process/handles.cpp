// What an application may do to its own handle: fork, signals, threads, closefrom, umask, exec.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/time.h>

#include <fstream>
#include <span>
#include <thread>

#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/oracle.hpp"

using namespace shmring::test;

namespace {

void check_exact(Workplace& place, Daemon& daemon) {
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
}

// In the forked child: the parent's handle is refused, and may be let go; a new one works.
int use_in_child(shmring_producer* parents, Journal* own) {
  if (shmring_write(parents, nullptr, "x", 1) != SHMRING_FORKED) return 1;
  if (shmring_sequence(parents) != 0 || shmring_incarnation(parents) != 0) return 2;
  if (own != nullptr && produce(Workplace::ring, *own, {SHMRING_LANE_AUTO, 20}) != 0) return 3;
  if (shmring_write(parents, nullptr, "x", 1) != SHMRING_FORKED) return 4;
  shmring_detach(parents);
  return 0;
}

// ------------------------------------------------------------------------------------------------------- signal storm

// What the handler of SIGALRM shares with the code that it interrupts.
struct Storm {
  shmring_producer* producer;
  Journal* journal;
  u64 calls;  // the handler's
  u64 nested;
  u64 sequences[1 << 20];  // that the handler's calls took, …
  int results[1 << 20];    // … and what they returned
  u64 taken;
};
Storm* storm;

constexpr u64 handlers_keys = u64{1} << 31;  // keys of records that the handler writes

void write_in_handler(int) {
  if (storm->taken == std::size(storm->sequences)) return;  // no room to note what another call would take
  Record record;
  make_record(storm->journal->producer, handlers_keys + storm->calls + 1, room, record);
  const int result = shmring_write(storm->producer, &record.meta, record.payload, record.bytes);
  ++storm->calls;
  if (result == SHMRING_NESTED) {
    ++storm->nested;
  } else {
    storm->sequences[storm->taken] = shmring_sequence(storm->producer);
    storm->journal->set_key(storm->sequences[storm->taken], handlers_keys + storm->calls);
    storm->results[storm->taken++] = result;
  }
}

// Returns where this process has mapped the segment.
std::span<std::byte> mapped_segment() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/shmring." + std::string(Workplace::ring)) == std::string::npos) continue;
    std::size_t end = 0;
    const u64 from = std::stoull(line, &end, 16), to = std::stoull(line.substr(end + 1), nullptr, 16);
    return {reinterpret_cast<std::byte*>(from), to - from};
  }
  return {};
}

// Write until the handler was refused often enough; then sort out which sequence was whose. A signal is delivered when the
// kernel returns to the process. So that it mostly does so inside a write, the write finds the segment's pages unmapped, and
// each first access of a page is a fault.
int write_in_storm(Journal& journal, u32 lane, u64 refusals) {
  static Storm memory;
  storm = &memory;
  storm->producer = attach(Workplace::ring, journal, lane);
  storm->journal = &journal;
  if (storm->producer == nullptr) return 1;
  struct sigaction action {};
  action.sa_handler = write_in_handler;
  ::sigaction(SIGALRM, &action, nullptr);
  const std::span<std::byte> segment = mapped_segment();
  if (segment.empty()) return 4;
  std::vector<std::uint8_t> results;
  results.reserve(journal.capacity());  // before the storm: the allocator may fill it, a fault a page
  const itimerval often{{0, 30}, {0, 30}}, never{};
  ::setitimer(ITIMER_REAL, &often, nullptr);
  Record record;
  while (static_cast<volatile u64&>(storm->nested) < refusals && results.size() < journal.capacity() / 2 &&
         results.size() < 4'000 * refusals) {
    make_record(journal.producer, results.size() + 1, room, record);
    if (::madvise(segment.data(), segment.size(), MADV_DONTNEED) != 0) return 5;
    results.push_back(static_cast<std::uint8_t>(shmring_write(storm->producer, &record.meta, record.payload, record.bytes)));
  }
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::signal(SIGALRM, SIG_IGN);
  const u64 last = shmring_sequence(storm->producer);
  if (last != results.size() + storm->taken) return 2;
  u64 handlers = 0, mains = 0;
  for (u64 n = 1; n <= last; ++n) {
    journal.begin(n);
    if (handlers < storm->taken && storm->sequences[handlers] == n) {
      journal.end(n, storm->results[handlers++]);
    } else {
      journal.end(n, results[mains++]);
      journal.set_key(n, mains);
    }
  }
  journal->nested = storm->nested;
  detach(storm->producer, journal);
  return storm->nested >= refusals && handlers == storm->taken ? 0 : 3;
}

// ------------------------------------------------------------------------------------------------- one handle, by mistake

// Each thread counts what it gets; all begin at once, and write records of one slot and of several. A busy machine may let them
// run one after the other: then all write again.
int write_from_threads(Journal& journal, u32 lane, int threads, u64 attempts, std::atomic<u64>& begun) {
  shmring_producer* handle = attach(Workplace::ring, journal, lane);
  if (handle == nullptr) return 1;
  constexpr int most_rounds = 1'000;
  for (int round = 0; journal->nested == 0; ++round) {
    if (round == most_rounds) return 5;
    std::atomic<int> waiting = threads;
    std::vector<std::jthread> writers;
    for (int t = 0; t < threads; ++t)
      writers.emplace_back([&, t] {
        Record record;
        --waiting;
        while (waiting > 0) __builtin_ia32_pause();
        for (u64 n = 0; n < attempts; ++n) {
          make_record(journal.producer, static_cast<u64>(t) << 24 | (n + 1), journal.max_record, record);
          const int result = shmring_write(handle, &record.meta, record.payload, record.bytes);
          if (result == SHMRING_NESTED) ++journal->nested;
          if (result < 0 || result == SHMRING_FORKED || result == SHMRING_RETIRED) ++journal->wrong;
        }
        begun += attempts;
      });
  }
  detach(handle, journal);
  return 0;
}

}  // namespace

TEST_CASE("a forked child that uses its parent's handle is refused, and its parent is undisturbed") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  const int forks = by_mode<int>(60, 250, static_cast<int>(part_of(10'000)));
  Journal &parents = place.journal(1 << 24), &threads = place.journal(1 << 26);
  std::vector<Journal*> own(static_cast<std::size_t>(forks));
  for (int i = 0; i < forks; i += 10) own[static_cast<std::size_t>(i)] = &place.journal(64);
  Child parent([&] {
    shmring_producer* handle = attach(Workplace::ring, parents, SHMRING_LANE_SHARED);
    Shared<std::atomic<bool>> stop;
    std::thread writer([&] { produce(Workplace::ring, threads, {SHMRING_LANE_EXCLUSIVE, 1 << 26, 64, 0, &*stop}); });
    int failed = 0;
    {
      std::vector<Child> children;
      for (int i = 0; i < forks; ++i) {
        write_noted(handle, parents);
        children.emplace_back([&, i] { return use_in_child(handle, own[static_cast<std::size_t>(i)]); });
        for (int k = 0; k < 5; ++k) failed += write_noted(handle, parents) == SHMRING_FORKED;
        if (children.size() < 4) continue;
        failed += children.front().wait() != 0;
        children.erase(children.begin());
      }
      for (Child& child : children) failed += child.wait() != 0;
    }
    *stop = true;
    writer.join();
    detach(handle, parents);
    return failed == 0 ? 0 : 1;
  });
  CHECK(parent.wait(std::chrono::minutes(5)) == 0);
  CHECK(parents->forked == 0);
  CHECK(parents->begun == static_cast<u64>(forks) * 6);
  check_exact(place, daemon);
  report("%d forks while two threads write: each child refused, every tenth attached anew", forks);
}

TEST_CASE("a write in a signal handler that interrupts a write is refused and counted, and nothing is torn") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  const u64 refusals = by_mode<u64>(30, 150, part_of(200'000));
  for (const u32 lane : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE}) {
    Journal& journal = place.journal(1 << 27);
    Child writer([&] { return write_in_storm(journal, lane, refusals); });
    CHECK(writer.wait(std::chrono::minutes(5)) == 0);
    CHECK(journal->nested >= refusals);
    report("%lu nested writes refused and counted among %lu writes, %s lane", journal->nested.load(), journal->begun.load(),
           lane == SHMRING_LANE_SHARED ? "shared" : "exclusive");
  }
  check_exact(place, daemon);
}

// What is true of a handle that several threads use, as shmring.h says it: nothing crashes or hangs, the log verifies,
// `nested` is exact, and who keeps to a handle of its own is not touched. What became of these threads' records nobody knows.
TEST_CASE("one handle that four threads use by mistake: what is refused is counted exactly, and nobody else is harmed") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  const u64 attempts = by_mode<u64>(50'000, 100'000, part_of(20'000'000));
  Shared<std::atomic<bool>> stop;
  Journal& others = place.journal(1 << 26);
  Child other([&] { return produce(Workplace::ring, others, {SHMRING_LANE_SHARED, 1 << 26, 64, 0, &*stop}); });
  REQUIRE(eventually([&] { return others->begun > 0; }));
  for (const u32 lane : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE}) {
    Journal& journal = place.journal(1);
    journal.judged = false;
    Shared<std::atomic<u64>> begun;
    Child child([&] { return write_from_threads(journal, lane, 4, attempts, *begun); });
    CHECK(child.wait(std::chrono::minutes(5)) == 0);
    CHECK(journal->wrong == 0);
    report("%lu of %lu writes refused and counted as four threads used one handle, %s lane", journal->nested.load(),
           begun->load(), lane == SHMRING_LANE_SHARED ? "shared" : "exclusive");
  }
  *stop = true;
  CHECK(other.wait() == 0);
  check_exact(place, daemon);
}

TEST_CASE("an application that closes every descriptor writes on") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Journal& journal = place.journal(100);
  Child writer([&] {
    shmring_producer* handle = attach(Workplace::ring, journal, SHMRING_LANE_AUTO);
    for (int i = 0; i < 10; ++i) write_noted(handle, journal);
    ::closefrom(0);
    int last = -1;
    while (last < 63) last = ::open("/dev/null", O_RDWR);  // every number that attach may have had is somebody else's now
    for (int i = 0; i < 10; ++i) write_noted(handle, journal);
    detach(handle, journal);
    for (; last >= 0 && ::fcntl(last, F_GETFD) >= 0; --last) {
    }
    return last < 0 ? 0 : 1;  // detach has closed nothing of theirs
  });
  CHECK(writer.wait() == 0);
  CHECK(journal->begun == 20);
  check_exact(place, daemon);
}

TEST_CASE("umask 0 opens nothing: ring and log are for their owner only") {
  Workplace place;
  const mode_t before = ::umask(0);
  {
    Daemon daemon(place);
    CHECK(daemon.collects());
    Journal& journal = place.journal(100);
    Child writer([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, 100}); });
    CHECK(writer.wait() == 0);
    auto mode = [](const std::string& path) {
      struct stat status {};
      return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
    };
    CHECK(mode(place.file()) == 0600);
    CHECK(mode(place.log) == 0700);
    REQUIRE(log_files(place.log).size() == 1);
    CHECK(mode(log_files(place.log)[0]) == 0600);
    check_exact(place, daemon);
  }
  ::umask(before);
}

TEST_CASE("after exec without detach the entry stays until that process ends") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  View view;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  Journal& journal = place.journal(100);
  Child child([&] {
    shmring_producer* handle = attach(Workplace::ring, journal, SHMRING_LANE_EXCLUSIVE);
    for (int i = 0; i < 10; ++i) write_noted(handle, journal);
    ::dup2(ends[0], 0);
    ::execl("/bin/cat", "exec-ed", static_cast<char*>(nullptr));
    return 1;
  });
  const std::string comm = "/proc/" + std::to_string(child.pid()) + "/comm";
  CHECK(eventually([&] { return contents(comm) == "cat\n"; }));
  const int entry = view.entry_of(child.pid());
  CHECK(entry >= 0);
  for (int i = 0; i < 10; ++i) {  // while ten others come, go, and give back their places
    Journal& other = place.journal(10);
    Child passer([&] { return produce(Workplace::ring, other, {SHMRING_LANE_EXCLUSIVE, 10}); });
    CHECK(passer.wait() == 0);
    CHECK(eventually([&] { return view.entry_of(passer.pid()) < 0; }));
  }
  CHECK(view.entry_of(child.pid()) == entry);
  CHECK(child.running());
  ::close(ends[0]), ::close(ends[1]);
  CHECK(child.wait() == 0);
  CHECK(eventually([&] { return view.entry_of(child.pid()) < 0; }));
  check_exact(place, daemon);
  const Findings found = consult(place.log, place.journals);
  REQUIRE(found.of(journal) != nullptr);
  CHECK(found.of(journal)->closing == "died");
  CHECK(found.of(journal)->through == 10);
}
