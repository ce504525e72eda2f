// The log's directory removed, moved or replaced while it is written: noticed, said, and nothing released that is not stored.
//
// The oracle here is the count of each sequence over both logs: in the one that was moved, up to where the new one goes on.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/oracle.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring::test;
namespace fs = std::filesystem;

namespace {

u64 count(const std::string& log, const Journal& journal, std::vector<int>& times) {
  times.resize(journal->begun + 1);
  return count_sequences(log, journal.name(), times);
}

bool has_event(const std::string& log, const Journal& journal) {
  return log_text(log).find("\"producer\":\"" + journal.name() + "\",\"inc\"") != std::string::npos;
}

// A producer under load, and a daemon that has logged some of it.
struct Busy {
  Workplace place;
  Daemon daemon{place};
  Journal& journal = place.journal(1 << 20);
  Shared<std::atomic<bool>> stop;
  Child writer;

  Busy() {
    REQUIRE(daemon.collects());
    writer = Child([this] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, ~u64{0}, 16, 2'000, &*stop}); });
    View view;
    REQUIRE(eventually([&] { return view.status().logged > 0; }));  // a batch of it is stored for good
  }
  bool says(const char* text) {
    return eventually([&] { return daemon.said().find(text) != std::string::npos; });
  }
  void end() {
    const u64 begun = journal->begun;
    CHECK(eventually([&] { return journal->begun > begun + 100; }));
    *stop = true;
    CHECK(writer.wait() == 0);
    CHECK(all_closed());
    CHECK(daemon.end() == 0);
    CHECK(proven(place.log));
  }
  // The new log holds all after its `from`, once; with `old`, that one holds all up to it, once.
  void check_each_once(const std::string& old = "") {
    std::vector<int> times;
    const u64 from = count(place.log, journal, times);
    CHECK(from > 0);
    CHECK(std::all_of(times.begin(), times.begin() + static_cast<long>(from) + 1, [](int n) { return n == 0; }));
    if (!old.empty()) CHECK(count(old, journal, times) == 0);
    const u64 first = old.empty() ? from + 1 : 1;
    CHECK(std::all_of(times.begin() + static_cast<long>(first), times.end(), [](int n) { return n == 1; }));
  }
};

// A process with so many handles, each with a journal: it writes three records with each, whenever it is told to.
struct Crowd {
  std::vector<Journal*> journals;
  Shared<std::atomic<u64>> rounds, done;
  Child process;

  Crowd(Workplace& place, u64 handles) {
    for (u64 i = 0; i < handles; ++i) journals.push_back(&place.journal(100));
    process = Child([this]() -> int {
      std::vector<shmring_producer*> producers;
      for (Journal* journal : journals) producers.push_back(attach(Workplace::ring, *journal, SHMRING_LANE_SHARED));
      for (;; ::usleep(1'000))
        for (; *done < *rounds; ++*done)
          for (std::size_t i = 0; i < journals.size(); ++i)
            for (int n = 0; n < 3; ++n) write_noted(producers[i], *journals[i]);
    });
    write_once();
  }
  void write_once() {
    ++*rounds;
    CHECK(eventually([&] { return *done == *rounds; }));
  }
};

}  // namespace

TEST_CASE("with fewer descriptors than producers a log that is moved away is begun anew, and each producer's end is logged") {
  Workplace place;
  Daemon daemon(place, {"--slots", "1024"}, false);
  daemon.start([] {
    const rlimit few{64, 128};
    ::setrlimit(RLIMIT_NOFILE, &few);
  });
  REQUIRE(daemon.collects());
  rlimit limit{};
  CHECK(::prlimit(daemon.process.pid(), RLIMIT_NOFILE, nullptr, &limit) == 0);
  CHECK(limit.rlim_cur == 128);
  Crowd first(place, 75), second(place, 75);
  View view;
  CHECK(eventually([&] { return view.status().logged == 150 * 3; }));
  const std::string old = place.home + "/old";
  fs::rename(place.log, old);
  CHECK(eventually([&] { return daemon.said().find("a new log begins") != std::string::npos; }));
  first.process.kill();
  second.write_once();
  CHECK(eventually([&] { return has_event(place.log, *second.journals.back()); }));
  second.process.kill();
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  CHECK(daemon.said().find("releases nothing") == std::string::npos);
  CHECK(proven(old));
  CHECK(proven(place.log));
  for (const Crowd* crowd : {&first, &second})
    for (const Journal* journal : crowd->journals) {
      std::vector<int> times;
      count(old, *journal, times);
      count(place.log, *journal, times);
      CHECK(std::all_of(times.begin() + 1, times.end(), [](int n) { return n == 1; }));
    }
  const std::string text = log_text(place.log);
  u64 died = 0;
  for (std::size_t at = 0; (at = text.find("\"kind\":\"died\"", at)) != text.npos; ++at) ++died;
  CHECK(died == 150);
}

TEST_CASE("23: a log that is moved away while it is written: it is whole, and a new one goes on exactly where it ends") {
  for (int round = 0; round < by_mode(2, 4, 100); ++round) {
    Busy busy;
    const std::string old = busy.place.home + "/old";
    fs::rename(busy.place.log, old);
    CHECK(busy.says("removed, moved or replaced"));
    CHECK(eventually([&] { return has_event(busy.place.log, busy.journal); }));
    CHECK(eventually([&] { return log_text(busy.place.log).find("\"code\":\"log_lost\"") != std::string::npos; }));
    busy.end();
    CHECK(proven(old));
    busy.check_each_once(old);
  }
  report("a log moved away under load, %d times: each record is in it or in the new one, once", by_mode(2, 4, 100));
}

TEST_CASE("standard error that nobody reads holds nothing up, and its reader is told how many messages were not written") {
  Workplace place;
  const SmallPipe pipe;
  pipe.fill();
  Daemon daemon(place, {"--slots", "1024"}, false);
  daemon.start([&] { pipe.become_standard_error(); });
  REQUIRE(daemon.collects());
  const auto begun_anew = [&] { return eventually([&] { return !log_files(place.log).empty(); }); };
  fs::rename(place.log, place.home + "/first");
  REQUIRE(begun_anew());
  Journal& journal = place.journal(100);
  CHECK(Child([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, 100}); }).wait() == 0);
  REQUIRE(all_closed());
  CHECK(pipe.drain() == "");
  fs::rename(place.log, place.home + "/second");
  REQUIRE(begun_anew());
  const std::string unwritten = "shmringd: 2 messages were not written: standard error was full\n";  // of the start, too
  std::string said;  // the second warning of its kind may have to wait for a second
  CHECK(eventually([&] { return (said += pipe.drain()).find("a new log begins") != said.npos; }));
  CHECK(said.starts_with(unwritten + "shmringd: log " + place.log));
  pipe.fill();
  fs::rename(place.log, place.home + "/third");
  std::ofstream(place.log) << "a file";
  CHECK(daemon.end() == 7);
  pipe.drain();
  const std::string logs[] = {place.home + "/first", place.home + "/second", place.home + "/third"};
  std::vector<int> times;
  for (const std::string& log : logs) {
    CHECK(proven(log));
    count(log, journal, times);
  }
  CHECK(std::all_of(times.begin() + 1, times.end(), [](int n) { return n == 1; }));
}

TEST_CASE("23: a log that is removed while it is written: said, and a new one has all that the old one had not") {
  for (int round = 0; round < by_mode(2, 4, 200); ++round) {
    Busy busy;
    if (round % 2 == 0) fs::remove_all(busy.place.log);
    if (round % 2 == 1) fs::remove(log_files(busy.place.log).back());
    CHECK(busy.says("a new log begins in its place"));
    CHECK(eventually([&] { return has_event(busy.place.log, busy.journal); }));
    busy.end();
    busy.check_each_once();
  }
}

TEST_CASE("a log of which only the last file is moved away is not gone on with: nothing is released until it is whole again") {
  Workplace place;
  fs::create_directories(place.log);
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Journal& first = place.journal(1'000);
  CHECK(Child([&] { return produce(Workplace::ring, first, {SHMRING_LANE_AUTO, 1'000}); }).wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const std::string whole = log_files(place.log).back();
  const std::string text = log_text(place.log);
  const std::size_t half = text.find('\n', text.size() / 2) + 1;
  daemon.start();
  REQUIRE(daemon.collects());
  std::ofstream(place.home + "/half") << text.substr(0, half);
  fs::create_hard_link(whole, place.home + "/whole");
  fs::rename(place.home + "/half", whole);  // at no moment is there none
  const auto says = [&](const char* what) { return eventually([&] { return daemon.said().find(what) != std::string::npos; }); };
  CHECK(says("its end is gone"));
  fs::rename(place.home + "/whole", whole);
  CHECK(says("a new log begins in its place"));
  Journal& second = place.journal(1'000);
  CHECK(Child([&] { return produce(Workplace::ring, second, {SHMRING_LANE_AUTO, 1'000}); }).wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
}

TEST_CASE("a log that is removed while nothing is written is noticed, too") {
  Busy busy;
  *busy.stop = true;
  CHECK(busy.writer.wait() == 0);
  CHECK(all_closed());
  fs::remove_all(busy.place.log);
  CHECK(busy.says("a new log begins in its place"));
  CHECK(eventually([&] { return !log_files(busy.place.log).empty(); }));
  CHECK(busy.daemon.end() == 0);
  CHECK(proven(busy.place.log));
}

TEST_CASE("what is odd about the ring is said in a log that is begun anew, too") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Journal& journal = place.journal(10);
  shmring_producer* producer = attach(Workplace::ring, journal, SHMRING_LANE_AUTO);
  REQUIRE(producer != nullptr);
  for (int i = 0; i < 10; ++i) write_noted(producer, journal);
  CHECK(shmring_unlink(Workplace::ring) == 0);
  const auto told = [&] { return log_text(place.log).find("the ring was unlinked: producers see") != std::string::npos; };
  CHECK(eventually(told));
  const std::string old = place.home + "/old";
  fs::rename(place.log, old);
  CHECK(eventually(told, std::chrono::seconds(20)));
  detach(producer, journal);
  CHECK(daemon.process.wait() == 0);
  CHECK(proven(old));
  CHECK(proven(place.log));
}

TEST_CASE("a log is not gone on with for another ring of that name while its own is there; then it is") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Journal& journal = place.journal(30);
  shmring_producer* producer = attach(Workplace::ring, journal, SHMRING_LANE_AUTO);
  REQUIRE(producer != nullptr);
  for (int i = 0; i < 10; ++i) write_noted(producer, journal);
  CHECK(daemon.end() == 0);

  const std::string before = log_text(place.log), other = place.home + "/other", same = place.home + "/same";
  fs::create_directory(other);
  const auto elsewhere = [&] { ::setenv("SHMRING_DIR", other.c_str(), 1); };
  daemon.start(elsewhere);
  CHECK(daemon.process.wait() == 6);
  CHECK(daemon.said().find("its ring is " + place.file() + ", which is still there") != std::string::npos);
  CHECK(fs::is_empty(other));
  CHECK(log_text(place.log) == before);

  fs::create_directory_symlink(place.rings, same);  // another path to the same one
  daemon.start([&] { ::setenv("SHMRING_DIR", same.c_str(), 1); });
  REQUIRE(daemon.collects());
  for (int i = 0; i < 10; ++i) write_noted(producer, journal);
  detach(producer, journal);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());

  // What is no ring there, or none any more, keeps nobody out.
  fs::rename(place.file(), place.rings + "/aside");
  std::ofstream(place.file()) << "a file";
  elsewhere();
  daemon.start();
  REQUIRE(daemon.collects());
  CHECK(daemon.end() == 0);
  CHECK(fs::read_symlink(place.log + "/segment") == other + "/shmring.r");
  CHECK(proven(place.log));
  fs::rename(place.rings + "/aside", place.file());
}

TEST_CASE(
    "23: a log in whose place something else stands: nothing is released, no writer waits, until there is a place again") {
  for (const bool restarted : {false, true}) {
    Busy busy;
    const std::string old = busy.place.home + "/old";
    std::ofstream(old) << "a file";
    REQUIRE(::renameat2(AT_FDCWD, busy.place.log.c_str(), AT_FDCWD, old.c_str(), RENAME_EXCHANGE) == 0);
    REQUIRE(busy.says("releases nothing until it succeeds"));
    const u64 begun = busy.journal->begun;
    CHECK(eventually([&] { return busy.journal->begun > begun + 2'000; }));  // more than the ring holds
    if (restarted) CHECK(busy.daemon.end() == 7);
    fs::remove(busy.place.log);
    if (restarted) busy.daemon.start();
    CHECK(eventually([&] { return has_event(busy.place.log, busy.journal); }));
    busy.end();
    CHECK(proven(old));
    busy.check_each_once(old);
  }
}
