// The life of a ring: attached to before its collector comes, removed under its users, made anew.
#include <doctest/doctest.h>

#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/oracle.hpp"

using namespace shmring::test;

namespace {

// Writes until the ring is retired under it, then detaches.
int write_until_retired(shmring_producer* handle, Journal& journal) {
  if (handle == nullptr) return 1;
  while (!journal.full() && write_noted(handle, journal) != SHMRING_RETIRED) ::usleep(20);
  detach(handle, journal);
  return journal->retired == 1 ? 0 : 2;
}

void remove_under_users(const std::function<int(Workplace&)>& remove) {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  std::vector<Child> producers;
  for (int i = 0; i < 4; ++i) {
    Journal& journal = place.journal(1 << 20);
    producers.emplace_back([&] { return write_until_retired(attach(Workplace::ring, journal, SHMRING_LANE_AUTO), journal); });
  }
  for (const auto& journal : place.journals) CHECK(eventually([&] { return (*journal)->begun > 100; }));
  Child remover([&] { return remove(place); });
  CHECK(remover.wait() == 0);
  for (Child& producer : producers) CHECK(producer.wait() == 0);
  CHECK(daemon.process.wait() == 0);  // drained to its end, nobody asked it to stop
  const Findings old = consult(place.log, place.journals);
  CHECK_MESSAGE(old.problems.empty(), old.text());
  CHECK(old.last_kind == "stop");
  daemon.start();
  REQUIRE(daemon.collects());
  Journal& journal = place.journal(100);
  Child next([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, 100}); });
  CHECK(next.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  for (const auto& before : place.journals)
    CHECK((before->producer == journal.producer || (*before)->incarnation < journal->incarnation));
}

}  // namespace

TEST_CASE("a ring unlinked by another process: producers see retired, the collector drains it and ends with status 0") {
  remove_under_users([](Workplace&) { return shmring_unlink(Workplace::ring); });
}

TEST_CASE("a ring whose file somebody removed: the same") {
  remove_under_users([](Workplace& place) { return ::unlink(place.file().c_str()); });
}

TEST_CASE("a ring made anew while its collector is dead: the old accounts end with gone, incarnations go on growing") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Journal &old = place.journal(1 << 20), &next = place.journal(100);
  Child producer([&] { return write_until_retired(attach(Workplace::ring, old, SHMRING_LANE_AUTO), old); });
  const std::string event = "\"producer\":\"" + old.name() + "\",\"inc\":";
  CHECK(eventually([&] { return log_text(place.log).find(event) != std::string::npos && old->begun > 1000; }));
  daemon.process.kill();
  CHECK(shmring_unlink(Workplace::ring) == 0);
  CHECK(producer.wait() == 0);
  daemon.start();
  REQUIRE(daemon.collects());
  Child writer([&] { return produce(Workplace::ring, next, {SHMRING_LANE_AUTO, 100}); });
  CHECK(writer.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  REQUIRE(found.of(old) != nullptr);
  CHECK(found.of(old)->closing == "gone");
  CHECK(next->incarnation > old->incarnation);
}

TEST_CASE("a producer that comes before any collector makes the ring, and all that it wrote is logged later") {
  Workplace place;
  Journal& journal = place.journal(500);
  Child first([&] {
    shmring_create_options options{};
    options.struct_size = sizeof options;
    options.slots = 256, options.max_record = room;
    shmring_producer* handle = attach(Workplace::ring, journal, SHMRING_LANE_AUTO, &options);
    if (handle == nullptr) return 1;
    for (int i = 0; i < 200; ++i) write_noted(handle, journal);
    View view;
    if (!eventually([&] { return view.collector() != 0; })) return 2;
    for (int i = 0; i < 200; ++i) write_noted(handle, journal);
    detach(handle, journal);
    return 0;
  });
  CHECK(eventually([&] { return journal->begun == 200; }));
  Daemon daemon(place);
  CHECK(first.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  REQUIRE(found.of(journal) != nullptr);
  CHECK(found.of(journal)->through == 400);
}

TEST_CASE("a ring that a killed remover has left retired is opened again by its collector") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Journal& journal = place.journal(1 << 20);
  Shared<std::atomic<bool>> stop;
  Child writer([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, ~u64{0}, 1, 1000, &*stop}); });
  CHECK(eventually([&] { return journal->begun > 10; }));
  {
    shmring::os::Segment segment;
    REQUIRE(shmring::os::attach(Workplace::ring, segment) == 0);
    shmring::ring::retire<View::Memory>(*segment.ring.header);  // and here it is killed
  }
  const View view;
  CHECK(eventually([&] { return !shmring::ring::is_retired<View::Memory>(*view.ring().header); }));
  const u64 before = journal->begun;
  CHECK(eventually([&] { return journal->begun > before + 10; }));
  *stop = true;
  CHECK(writer.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
}
