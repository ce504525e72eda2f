// What a whole collector does at certain moments: a ring or a log that changes between two looks, a stop over a slow log, a
// wake-up that the kernel refuses.
#include "lib/collect/daemon.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/daemon.hpp"
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

shmring::collect::Settings settings_for(const std::string& log) {
  shmring::collect::Settings settings;
  settings.ring = Workplace::ring, settings.log_dir = log;
  settings.create.struct_size = sizeof settings.create;
  return settings;
}

// A collector after that, whose calls all work. Returns its status.
std::string go_on(const std::string& log) {
  return in_child([&] {
    ::alarm(30);
    ::close(2);
    const PassingTime time(8);
    shmring::collect::Daemon daemon;
    const int error = daemon.set_up(settings_for(log));
    return std::to_string(shmring::tool::exit_of(error != 0 ? error : daemon.run()));
  });
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
    CHECK(go_on(place.log) == "0");
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
  CHECK(go_on(place.log) == "0");
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(found.lines.at("event") == 65);
}
