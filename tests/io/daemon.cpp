// Every system call of a whole collector fails once, or from then on: start, recovery, passes, appends, drain, end.
//
// The daemon itself runs in a child, over a copy of a ring that holds records of the living, of the dead and of those who left,
// and of a log whose end is torn. After each fault a collector whose calls all work continues what is left; then the oracle
// compares the log with what the producers noted: what was released without being stored would be missing.
#include "lib/collect/daemon.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "tests/support/daemon.hpp"
#include "tests/support/every_fault.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/oracle.hpp"
#include "tests/support/passing_time.hpp"
#include "tests/support/sandbox.hpp"
#include "tools/common/exit.hpp"

using namespace shmring::test;
using shmring::ring::StatusState;
namespace os = shmring::os;
namespace fs = std::filesystem;

namespace {

// What one collector did.
struct Run {
  std::string text, said;
  int status = -1;
  bool fired = false, held = false;  // held: descriptors or mappings after its end
  std::array<int, Failing::kinds> counts{};
};

// In a child: the daemon from its start to its end, with this fault.
std::string collect(const std::string& log, const Fault& fault) {
  ::alarm(30);  // it never loops for ever
  const int said = ::open((log + ".stderr").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ::dup2(said, 2);
  const PassingTime time(8);
  shmring::collect::Settings settings;
  settings.ring = Workplace::ring, settings.log_dir = log, settings.metrics_file = log + ".prom";
  ::setenv("NOTIFY_SOCKET", (log + ".nobody").c_str(), 1);
  settings.create.struct_size = sizeof settings.create;
  settings.create.slots = 64, settings.create.lanes = 3, settings.create.max_record = room;
  std::string text;
  std::thread([] { (void)std::vector<std::string>(10, std::string(1000, 'x')); }).join();  // its stack and arena are kept
  const Holdings before;
  {
    Failing failing(fault);
    int status;
    {
      shmring::collect::Daemon daemon;
      const int error = daemon.set_up(settings);
      status = shmring::tool::exit_of(error != 0 ? error : daemon.run());
    }
    text = std::to_string(status) + (failing.fired() ? " 1" : " 0");
    for (const int count : failing.counts()) text += " " + std::to_string(count);
  }
  const Holdings after;
  return text + (before == after ? " 0" : " 1 " + before.text() + "; then " + after.text());
}

Run run_daemon(const std::string& log, const Fault& fault = {}) {
  Run run;
  run.text = in_child([&] { return collect(log, fault); });
  std::istringstream words(run.text);
  words >> run.status >> run.fired;
  for (int& count : run.counts) words >> count;
  words >> run.held;
  if (!words) run.status = -1;
  run.said = contents(log + ".stderr");
  return run;
}

// Leaves a claim open for whoever comes after its death.
int die_in_a_claim(Journal& journal) {
  shmring_producer* handle = attach(Workplace::ring, journal, SHMRING_LANE_SHARED);
  for (int i = 0; i < 10; ++i) write_noted(handle, journal);
  journal.begin(11);
  void* payload = nullptr;
  return shmring_claim(handle, 10, &payload);
}

// What each fault meets: a ring and a log, both with a past, or neither of them.
struct World {
  Workplace place;
  std::string rings = place.home + "/rings", log = place.home + "/case/log";
  Journal *living = nullptr, *dead = nullptr, *left = nullptr, *full = nullptr;
  shmring_producer* handle = nullptr;

  const bool fresh;

  explicit World(bool fresh) : fresh(fresh) {
    ::mkdir(rings.c_str(), 0700);
    if (!fresh) past();
  }
  void past() {
    shmring_create_options options{};
    options.struct_size = sizeof options;
    options.slots = 64, options.lanes = 3, options.max_record = room;
    REQUIRE(shmring_create(Workplace::ring, &options) == 0);
    living = &place.journal(200), full = &place.journal(200), dead = &place.journal(200), left = &place.journal(200);
    handle = attach(Workplace::ring, *living, SHMRING_LANE_EXCLUSIVE);
    for (int i = 0; i < 20; ++i) write_noted(handle, *living);
    REQUIRE(Child([&] { return produce(Workplace::ring, *full, {SHMRING_LANE_EXCLUSIVE, 80}); }).wait() == 0);
    REQUIRE(run_daemon(place.log).status == 0);  // it logs these, and gives the lane back
    const std::string file = log_files(place.log)[0];
    fs::resize_file(file, fs::file_size(file) - 20);            // of its stop line
    for (int i = 0; i < 80; ++i) write_noted(handle, *living);  // some are refused
    REQUIRE(Child([&] { return die_in_a_claim(*dead); }).wait() == 0);
    REQUIRE(Child([&] { return produce(Workplace::ring, *left, {SHMRING_LANE_SHARED, 20}); }).wait() == 0);
  }
  ~World() {
    ::setenv("SHMRING_DIR", place.rings.c_str(), 1);
    if (handle != nullptr) shmring_detach(handle);
  }

  void prepare() {
    fs::remove_all(place.home + "/case");
    fs::create_directory(place.home + "/case");
    if (fresh) fs::remove(rings + "/shmring." + Workplace::ring);
    if (!fresh) fs::copy(place.log, log, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    if (!fresh) fs::remove(log + "/segment");  // which names the ring that this one is a copy of
    if (!fresh) fs::copy_file(place.file(), rings + "/shmring." + Workplace::ring, fs::copy_options::overwrite_existing);
    ::setenv("SHMRING_DIR", rings.c_str(), 1);
  }
  void judge(const Fault& fault, const Run& run) const {
    CHECK_MESSAGE(run.status >= 0, run.text, " ", run.said);
    CHECK_MESSAGE(!run.held, run.text);
    CHECK(run.status <= 8);
    const bool mute = fault.for_good && call_kinds()[fault.kind].name == std::string("write");  // messages are writes, too
    if (run.status != 0 && !mute) CHECK_MESSAGE(run.said.starts_with("shmringd: "), run.said);
    if (run.status == 0 || !log_files(log).empty()) {
      const Findings then = consult(log, place.journals, {.closed = false, .complete = run.status == 0}, run.status != 0);
      const bool torn_only = log_text(log).find('\n') == std::string::npos;  // a file whose first line could not be written
      CHECK_MESSAGE((then.problems.empty() || torn_only), fault.text(), ": ", then.text());
    }
    const Run next = run_daemon(log);
    CHECK_MESSAGE(next.status == 0, next.text, " ", next.said);
    const Findings whole = consult(log, place.journals, {.closed = false});
    CHECK_MESSAGE(whole.problems.empty(), fault.text(), ": ", whole.text());
    if (fresh) return;
    for (const auto& [journal, closing] : {std::pair(living, ""), {full, "detach"}, {dead, "died"}, {left, "detach"}}) {
      REQUIRE(whole.of(*journal) != nullptr);
      CHECK(whole.of(*journal)->closing == closing);
    }
  }
};

void fail_each_call_of_a_collector(const char* name, bool fresh, bool for_good) {
  World world(fresh);
  std::array<int, Failing::kinds> counts{};
  for (int round = 0; round < 2; ++round) {
    world.prepare();
    const Run run = run_daemon(world.log);
    REQUIRE_MESSAGE(run.status == 0, run.text, " ", run.said);
    CHECK(run.said == "");
    counts = run.counts;
  }
  std::map<int, int> ends;
  int missed = 0;
  std::vector<Fault> faults = every_fault(counts, for_good);
  REQUIRE(faults.size() > 50);
  const int most_missed = static_cast<int>(faults.size()) / 20;
  std::ranges::shuffle(faults, seeded(81));
  faults.resize(faults.size() / by_mode(8, 8, 1));
  for (const Fault& fault : faults) {
    CAPTURE(fault.text());
    world.prepare();
    const Run run = run_daemon(world.log, fault);
    ++ends[run.status];
    missed += !run.fired;  // how often it sleeps is a matter of time
    world.judge(fault, run);
  }
  CHECK(missed <= most_missed);
  std::string text;
  for (const auto& [status, times] : ends) text += ", " + std::to_string(times) + " end with status " + std::to_string(status);
  std::printf("REPORT io %s: %zu faults%s\n", name, faults.size(), text.c_str());
}

shmring::collect::Settings settings_for(const std::string& log) {
  shmring::collect::Settings settings;
  settings.ring = Workplace::ring, settings.log_dir = log;
  settings.create.struct_size = sizeof settings.create;
  return settings;
}

void make_ring(u32 slots) {
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = slots, options.lanes = 1, options.max_record = room;
  REQUIRE(shmring_create(Workplace::ring, &options) == 0);
}

// In the moment in which the collector looks, behind its first pass, whether its ring was unlinked: it is, and not empty.
Journal* last_producer;
ino_t ring_file;
int unlink_before_the_look(int fd, struct stat* out) {
  const auto real = Replaced<&os::Calls::fstat>::real;
  const int result = real(fd, out);
  if (last_producer == nullptr || result != 0 || out->st_ino != ring_file) return result;
  Journal& journal = *std::exchange(last_producer, nullptr);  // what follows looks at the ring's file, too
  View view;
  if (view.state() != StatusState::collecting) {
    last_producer = &journal;
    return result;
  }
  if (produce(Workplace::ring, journal, {SHMRING_LANE_SHARED, 20}) != 0 || shmring_unlink(Workplace::ring) != 0) return -1;
  return real(fd, out);
}

// Each batch of events takes the log six seconds, while a producer writes on.
u64 slowness_ns;
std::function<void()> write_on;
ssize_t slow_write(int fd, const void* data, std::size_t bytes) {
  if (bytes > 10'000) slowness_ns += 6'000'000'000, write_on();
  return Replaced<&os::Calls::write>::real(fd, data, bytes);
}
int slow_clock(clockid_t clock, timespec* out) {
  const int result = Replaced<&os::Calls::clock_gettime>::real(clock, out);
  out->tv_sec += static_cast<time_t>(slowness_ns / 1'000'000'000);
  return result;
}

// Stopped at once, over that log, with so many positions in the ring: two passes drain 2048 of them, and then the time is over.
// The status, and whether message and log say what is left.
std::string stop_over_a_slow_log(const std::string& log, Journal& journal, u64 positions) {
  ::alarm(30);
  ::dup2(::open((log + ".stderr").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), 2);
  shmring_producer* producer = attach(Workplace::ring, journal, SHMRING_LANE_SHARED);
  const View view;
  while (view.tail(0) < positions) write_noted(producer, journal);
  write_on = [&] {
    for (int i = 0; i < 200; ++i) write_noted(producer, journal);
  };
  Replaced<&os::Calls::write> write(slow_write);
  Replaced<&os::Calls::clock_gettime> clock(slow_clock);
  shmring::collect::Daemon daemon;
  int status = shmring::tool::exit_of(daemon.set_up(settings_for(log)));
  ::raise(SIGTERM);  // blocked by now
  if (status == 0) status = shmring::tool::exit_of(daemon.run());
  detach(producer, journal);
  const std::string left = std::to_string(view.tail(0) - 2'048), said = contents(log + ".stderr");
  const bool told = said.find(left + " positions not drained") != said.npos &&
                    log_text(log).find("the next collector logs what is left\",\"left\":" + left) != std::string::npos;
  return std::to_string(status) + (told ? " told" : ": " + said);
}

}  // namespace

TEST_CASE("a record written right before its ring was unlinked is in the log, whenever the collector looks") {
  Workplace place;
  make_ring(64);
  Journal& journal = place.journal(20);
  last_producer = &journal;
  struct stat status {};
  REQUIRE(::stat(place.file().c_str(), &status) == 0);
  ring_file = status.st_ino;
  CHECK(in_child([&] {
          ::alarm(30);
          Replaced<&os::Calls::fstat> look(unlink_before_the_look);
          shmring::collect::Daemon daemon;
          const int error = shmring::tool::exit_of(daemon.set_up(settings_for(place.log)));
          return std::to_string(error != 0 ? error : shmring::tool::exit_of(daemon.run()));
        }) == "0");
  last_producer = nullptr;
  CHECK(journal->begun == 20);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(found.last_kind == "stop");
}

TEST_CASE("a collector that finds its log locked has not taken the ring, which the log's collector is about to take") {
  Workplace place;
  make_ring(64);
  static bool named, asked;
  CHECK(in_child([&] {
          Replaced<&os::Calls::flock> at_the_log(
              [](int, int) { return asked = true, named = View().collector() != 0, errno = EWOULDBLOCK, -1; });
          ::close(2);
          const int status = shmring::tool::exit_of(shmring::collect::Daemon().set_up(settings_for(place.log)));
          return std::to_string(status) + (asked ? " asked" : "") + (named ? " named" : "");
        }) == "8 asked");
}

TEST_CASE("a collector names itself before it recovers its log, which may take long, and not any more where it cannot") {
  Workplace place;
  make_ring(64);
  static bool named;
  static u64 before;
  before = os::monotonic_now_ns();  // the age of the heartbeat counts from the taking of the lease
  CHECK(in_child([&] {
          Replaced<&os::Calls::fdopendir> at_the_log([](int) -> DIR* {
            const View view;
            named = named || (view.collector() == static_cast<u32>(::getpid()) && view.state() == StatusState::starting &&
                              view.status().heartbeat_ns >= before);
            errno = EACCES;
            return nullptr;
          });
          ::close(2);
          const int status = shmring::tool::exit_of(shmring::collect::Daemon().set_up(settings_for(place.log)));
          return std::to_string(status) + (named ? " named" : "") + (View().collector() == 0 ? " withdrawn" : "");
        }) == "4 named withdrawn");
}

TEST_CASE("a log that another ring's collector used between the first look and the lock is not gone on with") {
  Workplace place;
  make_ring(64);
  static std::string link, other;
  link = place.log + "/segment", other = place.home + "/other/shmring." + Workplace::ring;
  fs::create_directory(place.home + "/other");
  fs::copy_file(place.file(), other);
  CHECK(in_child([&] {
          Replaced<&os::Calls::flock> at_the_lock([](int fd, int operation) {
            fs::create_symlink(other, link);
            return Replaced<&os::Calls::flock>::real(fd, operation);
          });
          ::close(2);
          const int status = shmring::tool::exit_of(shmring::collect::Daemon().set_up(settings_for(place.log)));
          return std::to_string(status) + (View().collector() == 0 ? " withdrawn" : "");
        }) == "6 withdrawn");
  CHECK(fs::read_symlink(link) == other);
}

TEST_CASE("a drain that is cut short says how much is left, and is a failure only if it was there before the stop") {
  for (const auto& stop : {std::pair(u64{2'048}, std::string("0 told")), {3'000, "7 told"}}) {
    Workplace place;
    make_ring(4'096);
    Journal& journal = place.journal(10'000);
    CHECK(in_child([&] { return stop_over_a_slow_log(place.log, journal, stop.first); }) == stop.second);
    CHECK(run_daemon(place.log).status == 0);
    const Findings found = consult(place.log, place.journals);
    CHECK_MESSAGE(found.problems.empty(), found.text());
  }
}

TEST_CASE("a wake-up that the kernel refuses costs whoever sleeps a while, and not its record") {
  Workplace place;
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = 64, options.lanes = 1, options.max_record = room;
  options.on_full = SHMRING_POLICY_WAIT, options.wait_us = 60'000'000;
  REQUIRE(shmring_create(Workplace::ring, &options) == 0);
  const View view;
  Journal& journal = place.journal(100);
  Child sleeper([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_SHARED, 66}); });  // one is too big
  REQUIRE(eventually([&] { return view.waiters(0) == 1 && sleeper.sleeps(); }));
  CHECK(in_child([&] {
          ::alarm(30);
          static int refused;
          Replaced<&os::Calls::futex> wake(
              [](std::uint32_t*, int, std::uint32_t, const timespec*, std::uint32_t*, std::uint32_t) {
                ++refused;
                errno = ENOSYS;
                return -1L;
              });
          Replaced<&os::Calls::ppoll> until_released([](pollfd* fds, nfds_t count, const timespec*, const sigset_t* mask) {
            if (refused != 0) ::raise(SIGTERM);  // blocked until the next one
            const timespec none{0, 0};
            return Replaced<&os::Calls::ppoll>::real(fds, count, &none, mask);
          });
          shmring::collect::Daemon daemon;
          int status = shmring::tool::exit_of(daemon.set_up(settings_for(place.log)));
          if (status == 0) status = shmring::tool::exit_of(daemon.run());
          return std::to_string(status) + (refused != 0 ? " refused" : "");
        }) == "0 refused");
  CHECK(sleeper.wait(std::chrono::seconds(30)) == 0);  // its own deadline is later
  CHECK(run_daemon(place.log).status == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(found.lines.at("event") == 65);
}

TEST_CASE("whichever system call of a collector fails, nothing is released that is not stored, and the next one completes it") {
  fail_each_call_of_a_collector("collector, one call fails", false, false);
}

TEST_CASE("whichever system call of a collector fails from one of its calls on, the same") {
  fail_each_call_of_a_collector("collector, a kind of call fails for good", false, true);
}

TEST_CASE("whichever system call of a collector fails that has to create ring and log, the next one finds or makes both") {
  fail_each_call_of_a_collector("collector that creates, one call fails", true, false);
  fail_each_call_of_a_collector("collector that creates, a kind of call fails for good", true, true);
}
