// The collector's log under kills, rotations and reloads, at each level of durability; and what it tells those who wait.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/mode.hpp"
#include "tests/support/oracle.hpp"
#include "tests/support/worker.hpp"

using namespace shmring::test;

namespace {

constexpr const char* levels[] = {"write", "interval", "every"};

// Waits for each of its records; returns 0 if each was told to be durable.
int pay(Journal& journal, u64 records) {
  shmring_producer* handle = attach(Workplace::ring, journal, SHMRING_LANE_AUTO);
  for (u64 i = 0; i < records; ++i) {
    write_noted(handle, journal);
    const int told = shmring_wait_durable(handle, shmring_sequence(handle), 20'000'000'000);
    if (told != 0) return std::fprintf(stderr, "%d: %s\n", told, shmring_strerror(told)), 1;
  }
  detach(handle, journal);
  return 0;
}

// Two producers under load, one in each kind of lane.
struct Pair {
  explicit Pair(Workplace& place) : journals{&place.journal(records), &place.journal(records)} {}

  const u64 records = by_mode<u64>(20'000, 40'000, 200'000);
  Journal* const journals[2];
  Child one{[this] { return produce(Workplace::ring, *journals[0], {SHMRING_LANE_AUTO, records, 8, 100}); }};
  Child other{[this] { return produce(Workplace::ring, *journals[1], {SHMRING_LANE_SHARED, records, 8, 100}); }};
};

// Kills the collector, and waits until the next one collects.
void replace(Daemon& daemon) {
  REQUIRE(daemon.process.kill() == -SIGKILL);
  daemon.start();
  REQUIRE_MESSAGE(daemon.collects(), daemon.said());
}

}  // namespace

TEST_CASE("15: rotations, reloads and kills under load leave no hole and no line twice, at each level") {
  for (const char* level : levels) {
    CAPTURE(level);
    Workplace place;
    Daemon daemon(place, {"--slots", "1024", "--durability", level, "--file-bytes", "64 KiB"});
    REQUIRE(daemon.collects());
    Pair writers(place);
    int kills = 0;
    while (writers.one.running() || writers.other.running()) {
      for (int i = 0; i < 4; ++i) {
        ::usleep(2'000);
        daemon.process.signal(i % 2 == 0 ? SIGUSR1 : SIGHUP);
      }
      if (kills == by_mode(8, 20, 100)) continue;
      replace(daemon);
      ++kills;
    }
    CHECK(writers.one.wait() == 0);
    CHECK(writers.other.wait() == 0);
    CHECK(all_closed());
    CHECK(daemon.end() == 0);
    CHECK(kills >= 2);  // the writers do not wait for a slow machine's collectors
    const Findings found = consult(place.log, place.journals);
    CHECK_MESSAGE(found.problems.empty(), found.text());
    CHECK(log_files(place.log).size() > 4);
    report("level %s: %d kills, %zu files", level, kills, log_files(place.log).size());
  }
}

TEST_CASE("who waits is told by a new collector when the one before was killed") {
  for (const char* level : {"interval", "every"}) {
    CAPTURE(level);
    Workplace place;
    Daemon daemon(place, {"--durability", level});
    REQUIRE(daemon.collects());
    Journal& journal = place.journal(500);
    Child payer([&] { return pay(journal, 500); });
    for (int kills = 0; kills < 10 && payer.running(); ++kills) {
      ::usleep(20'000);
      replace(daemon);
    }
    CHECK(payer.wait() == 0);
    CHECK(daemon.end() == 0);
    const Findings found = consult(place.log, place.journals);
    CHECK_MESSAGE(found.problems.empty(), found.text());
  }
}

TEST_CASE("a log with a limit stays within it under load and kills, and says exactly what is left of it") {
  constexpr u64 limit = 512 << 10, file = 64 << 10;
  const auto bytes = [](const std::string& dir) {
    u64 sum = 0;
    for (const std::string& name : log_files(dir)) {
      std::error_code gone;  // between the listing and this
      const auto size = std::filesystem::file_size(name, gone);
      sum += gone ? 0 : size;
    }
    return sum;
  };
  for (const char* level : levels) {
    CAPTURE(level);
    Workplace place;
    Daemon daemon(place, {"--slots", "1024", "--durability", level, "--file-bytes", "64 KiB", "--retain-bytes", "512 KiB"});
    REQUIRE(daemon.collects());
    Pair writers(place);
    int kills = 0;
    while (writers.one.running() || writers.other.running()) {
      ::usleep(static_cast<useconds_t>(3'000 * (kills % 7)));  // before, amid and behind what a new collector removes
      if (kills == by_mode(12, 30, 150)) continue;
      replace(daemon);
      ++kills;
    }
    CHECK(writers.one.wait() == 0);
    CHECK(writers.other.wait() == 0);
    CHECK(all_closed());
    CHECK(eventually([&] { return bytes(place.log) <= limit + file; }));
    CHECK(daemon.end() == 0);
    const Findings found = consult(place.log, place.journals, {.retained = true});
    CHECK_MESSAGE(found.problems.empty(), found.text());
    CHECK(first_index_of(log_files(place.log).front()) > 0);
    CHECK(found.lines.contains("retain"));
    report("level %s: %d kills, %llu bytes left", level, kills, static_cast<unsigned long long>(bytes(place.log)));
  }
}
