// Rings that lost their name while somebody writes into them: drained beside the ring that has the name now, also where no
// collector ran as it went, and named where that cannot be.
#include <doctest/doctest.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "lib/log/files/verify.hpp"
#include "lib/os/ghost.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/oracle.hpp"

using namespace shmring::test;

namespace {

// Attaches, and writes as many records as it is told to, whenever it is told; ends when it is told to, with a detach.
struct Writer {
  Journal& journal;
  Shared<std::atomic<u64>> wanted;
  Shared<std::atomic<bool>> over;
  Child process;

  explicit Writer(Workplace& place) : journal(place.journal(10'000)) {
    process = Child([this] {
      shmring_producer* const handle = attach(Workplace::ring, journal, SHMRING_LANE_AUTO);
      if (handle == nullptr) return 1;
      for (; !*over; ::usleep(100))
        while (journal->begun + journal->retired < *wanted) write_noted(handle, journal);
      detach(handle, journal);
      return 0;
    });
    write(10);
  }
  void write(u64 records) {
    *wanted += records;
    CHECK(eventually([&] { return journal->begun + journal->retired == *wanted; }));
  }
  int end() {
    *over = true;
    return process.wait();
  }
};

bool has(const Workplace& place, const std::string& text) {
  return eventually([&] { return log_text(place.log).find(text) != std::string::npos; });
}

// So many of the producer's records are in the log.
bool logged(const Workplace& place, const Writer& writer, u64 sequence) {
  const std::string inc = "\"inc\":" + std::to_string(writer.journal->incarnation);
  return has(place, inc + ",\"seq\":" + std::to_string(sequence) + ",");
}

// The collector dies, the ring's file is removed, and its producer goes on.
struct Ghost {
  Workplace place;
  Daemon daemon{place};
  std::unique_ptr<Writer> writer;

  Ghost() {
    REQUIRE(daemon.collects());
    writer = std::make_unique<Writer>(place);
    REQUIRE(logged(place, *writer, 10));
    daemon.process.kill();
    REQUIRE(::unlink(place.file().c_str()) == 0);
    writer->write(50);
  }
  void end() {
    CHECK(daemon.end() == 0);
    const Findings found = consult(place.log, place.journals);
    CHECK_MESSAGE(found.problems.empty(), found.text());
  }
};

bool proven(const Workplace& place) {
  shmring::log::Verdict verdict;
  return shmring::log::verify(place.log, verdict) == 0 && verdict.proven;
}

// The ring that the log's first start line names.
shmring::ring::RingId ring_id_in(const std::string& text) {
  shmring::ring::RingId id{};
  const std::size_t start = text.find("\"kind\":\"start\""), at = text.find("\"ring_id\":\"", start);
  if (at != text.npos) shmring::log::ring_id_of(std::string_view(text).substr(at + 11, 32), id);
  return id;
}

int write_for_ever(Journal& journal) {
  shmring_producer* const handle = attach(Workplace::ring, journal, SHMRING_LANE_SHARED);
  return handle == nullptr || write_noted(handle, journal) != 0 ? 1 : ::pause();
}

int write_from_outside(Journal& journal, std::atomic<bool>& refused) {
  if (::unshare(CLONE_NEWPID) != 0) return refused = true, 1;
  if (::fork() != 0) return ::pause();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return write_for_ever(journal);
}

int write_without_first_thread(Journal& journal) {
  static Journal* own;
  own = &journal;
  pthread_t thread;
  if (::pthread_create(
          &thread, nullptr, [](void*) -> void* { return write_for_ever(*own), nullptr; }, nullptr) != 0)
    return 1;
  return static_cast<int>(::syscall(SYS_exit, 0));  // of this thread alone, and without unwinding
}

// A ring that lost its name, with an idle producer, and the one that was made in its place: both are drained.
struct TwoRings {
  Workplace place;
  Daemon daemon{place};
  std::unique_ptr<Writer> idle, next;

  TwoRings() {
    REQUIRE(daemon.collects());
    idle = std::make_unique<Writer>(place);
    REQUIRE(logged(place, *idle, 10));
    REQUIRE(shmring_unlink(Workplace::ring) == 0);
    make_default_ring();
    next = std::make_unique<Writer>(place);
    REQUIRE(logged(place, *next, 10));
  }
};

const std::string drained = "\"reason\":\"the ring was unlinked, and is drained to its end\"";

}  // namespace

TEST_CASE("a ring that lost its name, with one idle producer, is drained beside the ring that was made in its place") {
  TwoRings rings;
  Workplace& place = rings.place;
  Daemon& daemon = rings.daemon;
  Writer &idle = *rings.idle, &next = *rings.next;
  idle.write(1);
  CHECK(idle.journal->retired == 1);
  next.write(1000);
  CHECK(logged(place, next, 1010));
  CHECK(log_text(place.log).find(drained) == std::string::npos);
  CHECK(idle.end() == 0);
  CHECK(has(place, drained));
  next.write(10);
  CHECK(next.end() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
}

TEST_CASE("a collector that dies with two rings is followed by one that drains both") {
  TwoRings rings;
  Workplace& place = rings.place;
  Daemon& daemon = rings.daemon;
  Writer &idle = *rings.idle, &next = *rings.next;
  for (int life = 0; life < 3; ++life) {
    daemon.process.kill();
    idle.write(1), next.write(20);
    daemon.start();
    REQUIRE(daemon.collects());
    CHECK(logged(place, next, next.journal->begun));
  }
  CHECK(idle.end() == 0);
  CHECK(has(place, drained));
  CHECK(next.end() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
}

TEST_CASE("a ring whose file was removed while no collector ran is drained by the next one, and its producers are told") {
  Ghost ghost;
  Writer& writer = *ghost.writer;
  ghost.daemon.start();
  REQUIRE(ghost.daemon.collects());
  CHECK(logged(ghost.place, writer, 60));
  CHECK(has(ghost.place, "from a writer's memory\",\"pid\":" + std::to_string(writer.process.pid())));
  writer.write(1);
  CHECK(writer.journal->retired == 1);
  Writer next(ghost.place);
  CHECK(logged(ghost.place, next, 10));
  CHECK(writer.end() == 0);
  CHECK(has(ghost.place, drained));
  CHECK(next.end() == 0);
  CHECK(all_closed());
  ghost.end();
}

TEST_CASE("where that ring cannot be opened, an incident names who writes into it, and its accounts end") {
  Ghost ghost;
  Writer& writer = *ghost.writer;
  ghost.daemon.start([] {
    ::prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN);
    ::prctl(PR_CAPBSET_DROP, CAP_CHECKPOINT_RESTORE);
  });
  REQUIRE(ghost.daemon.collects());
  const std::string pid = std::to_string(writer.process.pid());
  CHECK(has(ghost.place, "what these processes write into it is in no log\",\"pids\":[" + pid + "],\"why\":"));
  CHECK(ghost.daemon.said().find("is in no log: " + pid + ". Restart them, so that they attach to the present ring.") !=
        std::string::npos);
  CHECK(writer.end() == 0);
  CHECK(ghost.daemon.end() == 0);
  const Findings found = consult(ghost.place.log, ghost.place.journals, {.complete = false});
  CHECK_MESSAGE(found.problems.empty(), found.text());
  REQUIRE(found.of(writer.journal) != nullptr);
  CHECK(found.of(writer.journal)->closing == "gone");
  CHECK(found.of(writer.journal)->through == 10);
}

TEST_CASE("several whose ring cannot be opened are named in one incident, behind which the log goes on") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Writer one(place), two(place);
  REQUIRE((logged(place, one, 10) && logged(place, two, 10)));
  daemon.process.kill();
  REQUIRE(::unlink(place.file().c_str()) == 0);
  for (int life = 0; life < 2; ++life) {
    daemon.start([] {
      ::prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN);
      ::prctl(PR_CAPBSET_DROP, CAP_CHECKPOINT_RESTORE);
    });
    REQUIRE(daemon.collects());
    CHECK(daemon.end() == 0);
  }
  CHECK((one.end() == 0 && two.end() == 0));
  const pid_t less = std::min(one.process.pid(), two.process.pid()), more = std::max(one.process.pid(), two.process.pid());
  CHECK(log_text(place.log).find("\"pids\":[" + std::to_string(less) + "," + std::to_string(more) + "]") != std::string::npos);
  CHECK(proven(place));
}

TEST_CASE("a producer whose process has another first thread by now, and one that is in another pid namespace") {
  for (const bool foreign : {false, true}) {
    Workplace place;
    Daemon daemon(place);
    REQUIRE(daemon.collects());
    Journal& journal = place.journal(100);
    Shared<std::atomic<bool>> refused;
    Child producer([&] { return foreign ? write_from_outside(journal, *refused) : write_without_first_thread(journal); });
    REQUIRE(eventually([&] { return journal->begun == 1 || *refused; }));
    if (*refused) return skipped("a producer in another pid namespace: may not make one here");
    const std::string event = "\"inc\":" + std::to_string(journal->incarnation) + ",\"seq\":1,";
    REQUIRE(has(place, event));
    daemon.process.kill();
    REQUIRE(::unlink(place.file().c_str()) == 0);
    daemon.start();
    REQUIRE(daemon.collects());
    const std::string unknown = "whether these producers still run: what they write into it is in no log\",\"incs\":[",
                      drained_from = "from a writer's memory\",\"pid\":";
    const std::string wanted =
        foreign ? unknown + std::to_string(journal->incarnation) + "]" : drained_from + std::to_string(producer.pid());
    CHECK(has(place, wanted));
    producer.kill();
    CHECK(daemon.end() == 0);
    CHECK(proven(place));
  }
}

TEST_CASE("a ring whose file got another name is one that lost its own") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Writer idle(place);
  REQUIRE(logged(place, idle, 10));
  REQUIRE(::rename(place.file().c_str(), (place.rings + "/other").c_str()) == 0);
  make_default_ring();
  Writer next(place);
  CHECK(logged(place, next, 10));
  idle.write(1);
  CHECK(idle.journal->retired == 1);
  daemon.process.kill();
  daemon.start();
  REQUIRE(daemon.collects());
  next.write(10);
  CHECK(logged(place, next, 20));
  CHECK((idle.end() == 0 && next.end() == 0));
  CHECK(has(place, drained));
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
}

TEST_CASE("a log that is moved away while two rings are drained is begun anew for both") {
  TwoRings rings;
  Workplace& place = rings.place;
  Daemon& daemon = rings.daemon;
  Writer &idle = *rings.idle, &next = *rings.next;
  REQUIRE(::rename(place.log.c_str(), (place.home + "/elsewhere").c_str()) == 0);
  next.write(20);
  CHECK(logged(place, next, 30));
  daemon.process.kill();
  daemon.start();
  REQUIRE(daemon.collects());
  next.write(10);
  CHECK(logged(place, next, 40));
  CHECK((idle.end() == 0 && next.end() == 0));
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  CHECK(proven(place));
}

TEST_CASE("a ring whose lease somebody holds is waited for by not starting, and nothing is written meanwhile") {
  Ghost ghost;
  Writer& writer = *ghost.writer;
  const std::string before = log_text(ghost.place.log);
  Shared<std::atomic<bool>> holds;
  Child holder([&] {
    shmring::os::Segment segment;
    const auto pid = static_cast<u32>(writer.process.pid());
    if (shmring::os::open_ghost(Workplace::ring, ring_id_in(before), pid, segment) != 0) return 1;
    *holds = shmring::os::take_lease_unnamed(segment) == 0;
    return ::pause();
  });
  REQUIRE(eventually([&] { return holds->load(); }));
  ghost.daemon.start();
  CHECK(ghost.daemon.process.wait() == 8);
  CHECK(log_text(ghost.place.log) == before);
  holder.kill();
  ghost.daemon.start();
  REQUIRE(ghost.daemon.collects());
  CHECK(logged(ghost.place, writer, 60));
  CHECK(writer.end() == 0);
  CHECK(has(ghost.place, drained));
  ghost.end();
}

TEST_CASE("a new ring that is refused is said, and is the collector's status once the old one is drained") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Writer writer(place);
  REQUIRE(logged(place, writer, 10));
  REQUIRE(shmring_unlink(Workplace::ring) == 0);
  make_default_ring();
  REQUIRE(::chmod(place.file().c_str(), 0666) == 0);
  const char* const said = "the ring that had this name before is drained to its end";
  CHECK(eventually([&] { return daemon.said().find(said) != std::string::npos; }));
  CHECK(writer.end() == 0);
  CHECK(daemon.process.wait() == 4);
  CHECK(proven(place));
}

TEST_CASE("an accounts line behind the last lines of a ring has the accounts of the next one, which is gone on with") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  constexpr int many = 200;  // their gone lines are one batch, behind which an accounts line is due
  Child crowd([&] {
    shmring_producer* handle = nullptr;
    for (int i = 0; i < many; ++i)
      if (shmring_attach(Workplace::ring, nullptr, &handle) != 0) return 1;
    return ::pause();
  });
  const auto count = [&](std::string_view kind) {
    const std::string text = log_text(place.log), wanted = "\"kind\":\"" + std::string(kind) + "\"";
    int found = 0;
    for (std::size_t at = 0; (at = text.find(wanted, at)) != text.npos; ++at) ++found;
    return found;
  };
  REQUIRE(eventually([&] { return count("attach") == many; }));
  REQUIRE(shmring_unlink(Workplace::ring) == 0);
  make_default_ring();
  Writer next(place);
  REQUIRE(logged(place, next, 10));
  const auto lines_since_accounts = [&] {
    const std::string text = log_text(place.log);
    return std::count(text.begin() + static_cast<long>(text.rfind("\"kind\":\"accounts\"")), text.end(), '\n') - 1;
  };
  for (int i = 0; i < 500 && lines_since_accounts() < 1900; ++i) next.write(20), logged(place, next, next.journal->begun);
  REQUIRE(lines_since_accounts() >= 1900);
  daemon.process.kill();
  crowd.kill();
  for (int life = 0; life < 2; ++life) {
    daemon.start();
    REQUIRE(daemon.collects());
    CHECK(count("gone") == many);
    next.write(10);
    CHECK(logged(place, next, next.journal->begun));
    daemon.process.kill();
  }
  CHECK(proven(place));
}

TEST_CASE("nobody is named who has that ring no longer") {
  Ghost ghost;
  ghost.writer->process.kill();
  ghost.daemon.start();
  REQUIRE(ghost.daemon.collects());
  CHECK(ghost.daemon.end() == 0);
  const std::string text = log_text(ghost.place.log);
  CHECK(text.find("lost its name") == std::string::npos);
  CHECK(text.find("\"kind\":\"gone\"") != std::string::npos);
}
