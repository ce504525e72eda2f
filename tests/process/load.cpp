// Load without a kill: every record that was reported as written is in the log, every other one in a loss line.
#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "lib/log/files/verify.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/oracle.hpp"

using namespace shmring::test;
using shmring::log::Verdict;

namespace {

constexpr u32 lanes[] = {SHMRING_LANE_SHARED,    SHMRING_LANE_EXCLUSIVE, SHMRING_LANE_AUTO,   SHMRING_LANE_SHARED,
                         SHMRING_LANE_EXCLUSIVE, SHMRING_LANE_AUTO,      SHMRING_LANE_SHARED, SHMRING_LANE_AUTO};

u64 count(const Causes& causes) {
  u64 total = 0;
  for (const auto& [name, n] : causes) total += n;
  return total;
}

// Eight producers, all at once, each with `attempts`.
std::vector<Child> eight(Workplace& place, u64 attempts, const std::atomic<bool>* stop = nullptr) {
  std::vector<Child> producers;
  for (const u32 lane : lanes) {
    Journal& journal = place.journal(attempts);
    producers.emplace_back([&journal, lane, attempts, stop] {
      return produce(Workplace::ring, journal, {lane, attempts, 64, 0, stop});
    });
  }
  return producers;
}

u64 attempted(const Workplace& place) {
  u64 total = 0;
  for (const auto& journal : place.journals) total += (*journal)->begun;
  return total;
}

void create_ring(u32 slots) {
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = slots, options.max_record = room;
  REQUIRE(shmring_create(Workplace::ring, &options) == 0);
}

}  // namespace

TEST_CASE("eight producers that overflow the ring: each attempt is in the log exactly once") {
  Workplace place;
  const u64 attempts = by_mode<u64>(10'000, 50'000, 1'000'000);
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  const View view;
  u64 written = 0;
  // Until the ring was used more than once over: in one round the collector may have had no processor.
  for (int round = 0; round < 20 && view.status().logged <= 8 * 1024; ++round, written += 8 * attempts) {
    std::vector<Child> producers = eight(place, attempts);
    for (Child& producer : producers) CHECK(producer.wait() == 0);
    CHECK(all_closed());
  }
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  const u64 lost = count(found.lost), logged = found.lines.contains("event") ? found.lines.at("event") : 0;
  CHECK(logged + lost == written);
  CHECK(logged > 8 * 1024);
  CHECK(lost > 0);  // and it did overflow
  report("8 producers, %lu records, slots 1024: %lu logged, %lu lost in %lu lines", written, logged, lost,
         found.lines.at("loss"));
}

TEST_CASE("without a collector a full ring refuses at once, and the collector that comes later logs all of it") {
  Workplace place;
  create_ring(256);
  const u64 attempts = 3 * 256;
  std::vector<Child> producers = eight(place, attempts);
  Journal& victim = place.journal(attempts);
  Child killed([&] { return produce(Workplace::ring, victim, {SHMRING_LANE_SHARED, attempts - 1}) + ::pause(); });
  for (Child& producer : producers) CHECK(producer.wait(std::chrono::seconds(20)) == 0);
  CHECK(eventually([&] { return victim->detached != 0; }));
  killed.kill();
  Daemon daemon(place);
  CHECK(daemon.collects());
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(found.lost.contains("full"));
  CHECK(found.lines.at("event") >= 256);
  report("no collector: %lu attempts returned, %lu of them FULL or too big, all in the log of a later one", attempted(place),
         count(found.lost));
}

TEST_CASE("a stopped collector holds nobody up, and when it goes on the loss is exact") {
  Workplace place;
  const auto seconds = std::chrono::seconds(by_mode(1, 5, 60));
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Shared<std::atomic<bool>> stop;
  const u64 most = 400'000'000;
  std::vector<Child> producers = eight(place, most, &*stop);
  CHECK(eventually([&] { return attempted(place) > 100'000; }));
  daemon.process.stop();
  const u64 before = attempted(place);
  std::this_thread::sleep_for(seconds);  // the fault itself: full load for so long
  const u64 meanwhile = attempted(place) - before;
  CHECK(meanwhile > 8 * 1024 * 8);  // more than the ring can hold: nobody waited
  daemon.process.go_on();
  const u64 resumed = attempted(place);
  CHECK(eventually([&] { return attempted(place) > resumed + 100'000; }));
  *stop = true;
  for (Child& producer : producers) CHECK(producer.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  report("collector stopped for %ld s: %lu attempts meanwhile, %lu in all, %lu lost", static_cast<long>(seconds.count()),
         meanwhile, attempted(place), count(found.lost));
}

TEST_CASE("entries are used again, and incarnations never") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  const int lives = by_mode(200, 1000, 20'000);
  for (int i = 0; i < lives; ++i) place.journal(4);
  Child producer([&] {
    u64 last = 0;
    for (const auto& journal : place.journals) {
      shmring_producer* handle = attach(Workplace::ring, *journal, SHMRING_LANE_AUTO);
      if (handle == nullptr || (*journal)->incarnation <= last) return 1;
      last = (*journal)->incarnation;
      for (u64 n = journal->producer % 4; n > 0; --n) write_noted(handle, *journal);
      detach(handle, *journal);
    }
    return 0;
  });
  CHECK(producer.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals, {.lossless = false});
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(found.accounts.size() == static_cast<std::size_t>(lives));
  report("%d attachments of one process in a table of 256 entries", lives);
}

TEST_CASE("a collector's memory stays as it is, however many records come") {
  Workplace place;
  const u64 records = by_mode<u64>(1'500'000, 3'000'000, 100'000'000);
  std::vector<std::string> options{"--slots",  "65536",        "--on-full", "wait",           "--wait-us",
                                   "10000000", "--file-bytes", "16777216",  "--retain-bytes", "134217728"};
  if (mode() != "long") options.insert(options.end(), {"--unsynced-max", "16777216"});  // as much as it takes is soon reached
  Daemon daemon(place, options);
  REQUIRE(daemon.collects());
  const View view;
  Child producer([&] {
    shmring_attach_options attached{};
    attached.struct_size = sizeof attached;
    shmring_producer* handle = nullptr;
    if (shmring_attach(Workplace::ring, &attached, &handle) != 0) return 1;
    const std::string text(64, 'x');
    for (u64 n = 0; n < records; ++n)
      if (shmring_write(handle, nullptr, text.data(), text.size()) != 0) return 2;
    shmring_detach(handle);
    return 0;
  });
  u64 least = ~u64{0}, most = 0;
  constexpr u64 looks = 20;
  for (u64 n = looks / 2; n <= looks; ++n) {
    REQUIRE(eventually([&] { return view.status().logged >= n * records / looks; }, std::chrono::seconds(300)));
    const u64 kib = own_memory_kib(daemon.process.pid());
    least = std::min(least, kib), most = std::max(most, kib);
  }
  CHECK(producer.wait() == 0);
  CHECK(daemon.end() == 0);
  CHECK(least > 0);
  CHECK(most <= least + 2'048);
  Verdict verdict;
  CHECK(shmring::log::verify(place.log, verdict) == 0);
  CHECK(verdict.proven);
  report("%lu records, and the collector's memory was from %lu to %lu KiB", records, least, most);
  tried(records, "records");
}
