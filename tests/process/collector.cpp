// The collector as a process: one a ring, its end, its losses in time, what it does when log or segment fail, and its rest.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <thread>

#include "lib/ring/status.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/oracle.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring::test;

namespace {

// Fifty daemons, each with a log of its own or all with one, on a ring that does not exist yet.
void start_fifty(bool own_logs) {
  Workplace place;
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::vector<Child> daemons;
  for (int i = 0; i < 50; ++i)
    daemons.emplace_back([&] {
      const std::string program = Daemon::program(), log = place.log + (own_logs ? std::to_string(i) : "");
      ::close(ends[1]);
      char none;
      (void)!::read(ends[0], &none, 1);  // until all are there
      ::close(ends[0]);
      ::close(2);
      ::open((place.home + "/stderr").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      return ::execl(program.c_str(), program.c_str(), "--ring", Workplace::ring, "--log", log.c_str(), "--slots", "64",
                     "--max-record", "192", static_cast<char*>(nullptr));
    });
  ::close(ends[0]), ::close(ends[1]);
  auto running = [&] { return std::count_if(daemons.begin(), daemons.end(), [](Child& daemon) { return daemon.running(); }); };
  CHECK(eventually([&] { return running() <= 1; }));
  REQUIRE(running() == 1);
  const auto winner = std::find_if(daemons.begin(), daemons.end(), [](Child& daemon) { return daemon.running(); });
  int busy = 0;
  for (Child& daemon : daemons)
    if (&daemon != &*winner) busy += daemon.wait() == 8;
  CHECK(busy == 49);
  CHECK(eventually([&] {
    View view;
    return view.opened && view.collector() == static_cast<u32>(winner->pid());
  }));
  Journal& journal = place.journal(100);
  Child writer([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, 100}); });
  CHECK(writer.wait() == 0);
  CHECK(all_closed());
  winner->signal(SIGTERM);
  CHECK(winner->wait() == 0);
  const std::string log = place.log + (own_logs ? std::to_string(winner - daemons.begin()) : "");
  const Findings found = consult(log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(found.lines.at("start") == 1);
  report("50 collectors started at once, %s: one holds the ring, 49 end with status 8", own_logs ? "50 logs" : "one log");
}

// The log may have no more than `bytes` a file from now on.
void limit_files(pid_t pid, rlim_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  CHECK(::prlimit(pid, RLIMIT_FSIZE, &limit, nullptr) == 0);
}

// A daemon whose log cannot grow, met with more than fits.
struct Cramped {
  Workplace place;
  Daemon daemon{place};
  Journal* journal = nullptr;

  Cramped() {
    CHECK(daemon.collects());
    CHECK(daemon.end() == 0);
    daemon.start();
    CHECK(daemon.collects());
    limit_files(daemon.process.pid(), contents(log_files(place.log)[0]).size() + 10'007);
    journal = &place.journal(3'000);
    daemon.process.stop();  // so that it meets a ring that is full, and a batch that fits into no file
    Child writer([this] { return produce(Workplace::ring, *journal, {SHMRING_LANE_AUTO, 3'000, 64, 100}); });
    CHECK(writer.wait() == 0);
    daemon.process.go_on();
    CHECK(eventually([&] { return daemon.said().find("releases nothing until it succeeds") != std::string::npos; }));
  }
};

}  // namespace

TEST_CASE("of fifty collectors started at once on one ring exactly one works, the others end with status 8") {
  start_fifty(false);
  start_fifty(true);
}

TEST_CASE("SIGTERM drains what was written before it, writes a stop line, and ends with status 0") {
  const int rounds = by_mode<int>(2, 5, static_cast<int>(part_of(500)));
  u64 records = 0;
  for (int round = 0; round < rounds; ++round) {
    Workplace place;
    Daemon daemon(place, {"--slots", "16384", "--lanes", "4"});
    REQUIRE(daemon.collects());
    Journal& journal = place.journal(16'000);
    Shared<std::atomic<bool>> written;
    Child writer([&] {
      shmring_producer* handle = attach(Workplace::ring, journal, SHMRING_LANE_AUTO);
      for (int i = 0; i < 16'000; ++i) write_noted(handle, journal);
      *written = true;
      return ::pause();
    });
    CHECK(eventually([&] { return written->load(); }));
    CHECK(daemon.end() == 0);
    writer.kill();
    const Findings found = consult(place.log, place.journals, {.closed = false});
    CHECK_MESSAGE(found.problems.empty(), found.text());
    CHECK(found.last_kind == "stop");
    records += found.of(journal) != nullptr ? found.of(journal)->through : 0;
  }
  report("%d times SIGTERM behind 16000 writes: %lu attempts in the log, a stop line, status 0", rounds, records);
}

TEST_CASE("SIGHUP and SIGUSR1, again and again under load, neither end it nor cost a line") {
  Workplace place;
  Daemon daemon(place, {"--slots", "1024"});
  REQUIRE(daemon.collects());
  Journal& journal = place.journal(20'000);
  Child writer([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, 20'000}); });
  u64 sent = 0;
  for (; writer.running(); ++sent) daemon.process.signal(sent % 2 == 0 ? SIGHUP : SIGUSR1);
  CHECK(writer.wait() == 0);
  CHECK(sent > 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(found.last_kind == "stop");
  report("%lu signals SIGHUP and SIGUSR1 under load", sent);
}

TEST_CASE("exclusive lanes are free again after detach and after death") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  double slowest_detach = 0, slowest_death = 0;
  const int rounds = by_mode<int>(5, 10, static_cast<int>(part_of(1'000)));
  for (int round = 0; round < rounds; ++round) {
    const bool dies = round % 2 == 1;
    Shared<std::array<std::atomic<bool>, 3>> flags;  // attached; go; done
    Journal* journals[7];
    for (Journal*& journal : journals) journal = &place.journal(4);
    Child all_lanes([&] {
      shmring_producer* handles[7];
      for (int i = 0; i < 7; ++i) {
        handles[i] = attach(Workplace::ring, *journals[i], SHMRING_LANE_EXCLUSIVE);
        write_noted(handles[i], *journals[i]);
      }
      (*flags)[0] = true;
      while (!(*flags)[1]) ::usleep(100);
      for (int i = 0; i < 7; ++i) detach(handles[i], *journals[i]);
      (*flags)[2] = true;
      return ::pause();
    });
    CHECK(eventually([&] { return (*flags)[0].load(); }));
    if (!dies) (*flags)[1] = true;
    if (!dies) CHECK(eventually([&] { return (*flags)[2].load(); }));
    const auto begin = Steady::now();
    if (dies) all_lanes.kill();
    Journal& next = place.journal(4);
    shmring_producer* handle = attach(Workplace::ring, next, SHMRING_LANE_EXCLUSIVE);  // waits for a lane
    REQUIRE(handle != nullptr);
    double& slowest = dies ? slowest_death : slowest_detach;
    slowest = std::max(slowest, milliseconds_since(begin));
    detach(handle, next);
    all_lanes.kill();
    CHECK(all_closed());
  }
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  report("%d times all exclusive lanes taken: one is free at most %.0f ms after detach, %.0f ms after death", rounds,
         slowest_detach, slowest_death);
}

TEST_CASE("losses are in the log also when their producer never writes again") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  double slowest = 0;
  const int rounds = by_mode<int>(3, 5, static_cast<int>(part_of(100)));
  for (int round = 0; round < rounds; ++round) {
    Journal& journal = place.journal(4);
    Shared<std::atomic<bool>> refused;
    Child silent([&] {
      const u32 lane = round % 2 == 0 ? SHMRING_LANE_SHARED : SHMRING_LANE_EXCLUSIVE;
      shmring_producer* handle = attach(Workplace::ring, journal, lane);
      const std::string big(room + 1, 'x');
      journal.begin(1);
      journal.end(1, shmring_write(handle, nullptr, big.data(), big.size()));
      journal.set_key(1, 5);  // a record that is too big
      *refused = true;
      return ::pause();
    });
    CHECK(eventually([&] { return refused->load(); }));
    const auto begin = Steady::now();
    const std::string wanted = "\"producer\":\"" + journal.name() + "\",\"inc\":" + std::to_string(journal->incarnation) +
                               ",\"first\":1,\"last\":1,\"count\":1,\"causes\":{\"too_big\":1}";
    CHECK(eventually([&] { return log_text(place.log).find(wanted) != std::string::npos; }));
    slowest = std::max(slowest, milliseconds_since(begin));
    silent.kill();
  }
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  report("losses of %d producers that then were silent: in the log at most %.0f ms after", rounds, slowest);
}

TEST_CASE("a segment truncated under the collector ends it with status 5 and a message, and its log verifies") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Journal& journal = place.journal(1'000);
  Child writer([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, 1'000, 16, 100}); });
  CHECK(writer.wait() == 0);
  CHECK(all_closed());
  REQUIRE(::truncate(place.file().c_str(), 0) == 0);
  CHECK(daemon.process.wait() == 5);
  CHECK(daemon.said().find("truncated") != std::string::npos);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  Daemon next(place);  // it refuses the segment, by name
  CHECK(next.process.wait() == 5);
  CHECK(next.said().find("ring r:") != std::string::npos);
}

TEST_CASE("a segment truncated under the collector ends it also where its message goes into a pipe that nobody reads") {
  Workplace place;
  const SmallPipe pipe;
  pipe.fill();
  Daemon daemon(place, {"--slots", "64"}, false);
  daemon.start([&] { pipe.become_standard_error(); });
  REQUIRE(daemon.collects());
  REQUIRE(::truncate(place.file().c_str(), 0) == 0);
  CHECK(daemon.process.wait() == 5);
}

TEST_CASE("where a file of the log may not grow further, the log goes on in a new one") {
  Workplace place;
  Daemon daemon(place, {"--slots", "16384", "--lanes", "2"});
  REQUIRE(daemon.collects());
  constexpr rlim_t most = 512 << 10;  // more than a batch takes
  limit_files(daemon.process.pid(), most);
  Journal& journal = place.journal(10'000);
  Child writer([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, 10'000, 64, 100}); });
  CHECK(writer.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  CHECK(daemon.said().find('\n') == daemon.said().size() - 1);  // the line of its start alone
  CHECK(log_files(place.log).size() > 2);
  for (const std::string& file : log_files(place.log)) CHECK(contents(file).size() <= most);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
}

TEST_CASE("a log that cannot be written holds the records back, and goes on by itself when it can be") {
  Cramped cramped;
  limit_files(cramped.daemon.process.pid(), RLIM_INFINITY);
  CHECK(eventually([&] { return cramped.daemon.said().find("can be written again") != std::string::npos; }));
  CHECK(all_closed());
  CHECK(cramped.daemon.end() == 0);
  const Findings found = consult(cramped.place.log, cramped.place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
}

TEST_CASE(
    "when its log can be written again, a line says how long that was so, why, how often it tried, and what was refused") {
  Cramped cramped;
  const View view;
  const auto alarm = [&] { return view.ring().header->status_more.alarm.load(); };
  CHECK(eventually([&] { return alarm() == static_cast<u64>(shmring::ring::AlarmCode::log_failing); }));
  CHECK(view.ring().header->status_more.alarm_errno.load() == EFBIG);
  Journal& journal = cramped.place.journal(3'000);
  Child writer([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, 3'000, 64, 100}); });
  CHECK(writer.wait() == 0);
  const u64 last = view.status().heartbeat_ns;
  CHECK(eventually([&] { return view.status().heartbeat_ns > last + 300'000'000; }));  // it has tried again
  limit_files(cramped.daemon.process.pid(), RLIM_INFINITY);
  CHECK(eventually([&] { return alarm() == 0; }));
  const auto told = [&] { return log_text(cramped.place.log).find("\"code\":\"log_failing\"") != std::string::npos; };
  CHECK(eventually(told));  // it does not wait for the collector's end
  CHECK(all_closed());
  CHECK(cramped.daemon.end() == 0);
  std::vector<Object> outages;
  std::int64_t lost = 0;
  const std::string text = log_text(cramped.place.log);
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    Object line(std::string_view(text).substr(at, end - at));
    if (line.plain("kind") == "incident" && line.plain("code") == "log_failing") outages.push_back(line);
    if (line.plain("kind") == "loss" && line.plain("producer") == journal.name()) lost += line.number("count");
  }
  REQUIRE(outages.size() == 1);
  CHECK(outages[0].plain("from") < outages[0].plain("to"));
  CHECK(outages[0].plain("to") <= outages[0].plain("time"));
  CHECK(outages[0].number("errno") == EFBIG);
  CHECK(outages[0].number("retries") > 0);
  CHECK(lost > 1'000);
  CHECK(outages[0].number("refused") >= lost);
  const Findings found = consult(cramped.place.log, cramped.place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
}

TEST_CASE("while its log cannot be written a collector lives on: its heart beats, and a ring without a name is retired") {
  Cramped cramped;
  const View view;
  const u64 last = view.status().heartbeat_ns;
  CHECK(eventually([&] { return view.status().heartbeat_ns > last + 500'000'000; }));
  REQUIRE(::unlink(cramped.place.file().c_str()) == 0);
  CHECK(eventually([&] { return shmring::ring::is_retired<shmring::ring::HardwareMemory>(*view.ring().header); }));
  CHECK(cramped.daemon.said().find("can be written again") == std::string::npos);
  limit_files(cramped.daemon.process.pid(), RLIM_INFINITY);
  CHECK(cramped.daemon.process.wait() == 0);  // drained to its end
  const Findings found = consult(cramped.place.log, cramped.place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
}

TEST_CASE("a ring that is made anew while the log cannot be written says so on its status page") {
  Cramped cramped;
  REQUIRE(::unlink(cramped.place.file().c_str()) == 0);
  make_default_ring();
  const View view;
  const auto state = [&] { return static_cast<shmring::ring::StatusState>(view.ring().header->status_more.state.load()); };
  CHECK(eventually([&] {
    return view.collector() == static_cast<u32>(cramped.daemon.process.pid()) &&
           state() != shmring::ring::StatusState::starting && state() != shmring::ring::StatusState::collecting;
  }));
  CHECK(state() == shmring::ring::StatusState::log_failing);
  limit_files(cramped.daemon.process.pid(), RLIM_INFINITY);
  CHECK(eventually([&] { return state() == shmring::ring::StatusState::collecting; }));
  CHECK(all_closed());
  CHECK(cramped.daemon.end() == 0);
  const Findings found = consult(cramped.place.log, cramped.place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
}

TEST_CASE("a collector stopped while its log cannot be written ends with status 7; nothing is lost") {
  Cramped cramped;
  CHECK(cramped.daemon.end() == 7);
  const Findings found = consult(cramped.place.log, cramped.place.journals, {.closed = false, .complete = false});
  CHECK_MESSAGE(found.problems.empty(), found.text());
  cramped.daemon.start();
  CHECK(cramped.daemon.collects());
  CHECK(all_closed());
  CHECK(cramped.daemon.end() == 0);
  const Findings whole = consult(cramped.place.log, cramped.place.journals);
  CHECK_MESSAGE(whole.problems.empty(), whole.text());
}

TEST_CASE("an idle collector wakes up at most 50 times a second") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Journal& journal = place.journal(100);
  Child idle([&] {
    shmring_producer* handle = attach(Workplace::ring, journal, SHMRING_LANE_AUTO);
    for (int i = 0; i < 10; ++i) write_noted(handle, journal);
    return handle != nullptr ? ::pause() : 1;
  });
  View view;
  CHECK(eventually([&] { return view.status().logged + view.status().lost == 10; }));
  const u64 last = view.status().heartbeat_ns;
  CHECK(eventually([&] { return view.status().heartbeat_ns > last + 1'500'000'000; }));  // it has had its second of waiting
  const auto begin = Steady::now();
  const u64 wakeups = view.status().wakeups, cpu = view.status().cpu_ns;
  std::this_thread::sleep_for(std::chrono::seconds(3));  // the interval that is counted
  const u64 more_wakeups = view.status().wakeups - wakeups, more_cpu = view.status().cpu_ns - cpu;
  const double seconds = milliseconds_since(begin) / 1000;  // both looks lie within, also where this had no processor between
  const double rate = static_cast<double>(more_wakeups) / seconds, share = static_cast<double>(more_cpu) / seconds / 1e7;
  CHECK(rate > 1);  // it does look
  CHECK(rate <= 60);
  idle.kill();
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  report("idle with one attached producer: %.1f wake-ups a second, %.2f %% of a processor", rate, share);
}
