// Daemons for which time passes as fast as they sleep it: what shows only after seconds or minutes.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>

#include "lib/collect/daemon.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/passing_time.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring::test;
using shmring::ring::AlarmCode, shmring::ring::StatusState;
namespace os = shmring::os;

namespace {

constexpr u64 second = 1'000'000'000;

shmring::collect::Settings settings_for(const Workplace& place) {
  shmring::collect::Settings settings;
  settings.ring = Workplace::ring, settings.log_dir = place.log;
  return settings;
}

// In a child: a daemon that sleeps so often.
int run(const shmring::collect::Settings& settings, int sleeps) {
  ::alarm(60);  // it never loops for ever
  ::close(2);
  const PassingTime time(sleeps);
  shmring::collect::Daemon daemon;
  const int error = daemon.set_up(settings);
  return error != 0 ? error : daemon.run();
}

u64 count(const std::string& log, std::string_view what) {
  const std::string text = log_text(log);
  u64 times = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; ++at) ++times;
  return times;
}

AlarmCode alarm_of(const View& view) { return AlarmCode{view.ring().header->status_more.alarm.load()}; }

}  // namespace

TEST_CASE("a collector whose log cannot be written from its start on shows that it lives, and that it has made no pass") {
  Workplace place;
  make_default_ring();
  REQUIRE(in_child([&] { return std::to_string(run(settings_for(place), 20)); }) == "0");
  CHECK(in_child([&] {
          static bool is_failing;
          is_failing = false;
          Replaced<&os::Calls::write> full([](int fd, const void* data, std::size_t bytes) -> ssize_t {
            if (bytes <= sizeof(u64)) return Replaced<&os::Calls::write>::real(fd, data, bytes);  // a wake-up
            is_failing = is_failing || View().state() == StatusState::log_failing;
            return errno = ENOSPC, -1;
          });
          const u64 before = os::monotonic_now_ns();
          if (run(settings_for(place), 2'000) == 0) return std::string("it works");
          const u64 beat = View().status().heartbeat_ns;
          return std::string(beat > before + 2 * second ? "it lives" : "it is dead") + (is_failing ? ", failing" : "");
        }) == "it lives, failing");
}

TEST_CASE("a log that cannot be kept within its limits is an alarm after thirty seconds, and a line when it can be again") {
  Workplace place;
  make_default_ring();
  const std::string said = in_child([&] {
    shmring::collect::Settings settings = settings_for(place);
    settings.files.retain.bytes = 1;
    static u64 began;
    static std::string alarmed;
    began = os::monotonic_now_ns(), alarmed = "never";
    settings.reload = [&] {
      shmring::collect::Reloaded found;
      found.files = settings.files, found.files.retain.bytes = 0, found.heartbeat_ns = settings.heartbeat_ns;
      found.changes.push_back({"retain.bytes", "1", "0"});
      return found;
    };
    static View* view;
    view = new View;
    // The collector asks for the free space when it shows its figures.
    Replaced<&os::Calls::fstatfs> look([](int fd, struct statfs* out) {
      if (alarmed == "never" && alarm_of(*view) == AlarmCode::retain_blocked) {
        alarmed = os::monotonic_now_ns() - began >= 30 * second ? "in time" : "early";
        ::kill(::getpid(), SIGHUP);
      } else if (alarmed != "never" && alarm_of(*view) == AlarmCode::none) {
        ::kill(::getpid(), SIGTERM);
      }
      return Replaced<&os::Calls::fstatfs>::real(fd, out);
    });
    const int status = run(settings, 2'000'000);  // at most: the thread that looks at the limits takes real time
    return std::to_string(status) + " " + alarmed + (alarm_of(*view) == AlarmCode::none ? ", over" : ", lasts");
  });
  CHECK(said == "0 in time, over");
  CHECK(count(place.log, "it is larger than retain.bytes says") == 1);
  CHECK(count(place.log, "the log was not within its limits") == 1);
  CHECK(count(place.log, "\"code\":\"retain_blocked\"") == 2);
}
