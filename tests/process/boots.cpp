// A machine whose clock says 1970 at each boot, or is set back: its rings hand out the same incarnations, and each record is in
// the log, under the ring that it was written into.
#include <doctest/doctest.h>

#include <map>

#include "lib/log/files/verify.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/mode.hpp"

using namespace shmring::test;
namespace os = shmring::os;

namespace {

constexpr int attaches = 100;  // in each boot
constexpr int left_open = 3;   // of them, when the machine goes down

time_t second_of_boot;
int stopped_clock(clockid_t clock, timespec* out) {
  if (clock != CLOCK_REALTIME) return Replaced<&os::Calls::clock_gettime>::real(clock, out);
  *out = {second_of_boot, 0};
  return 0;
}

// Two boots in 1970, then one at a second of 2026 to which the clock is set back each time.
time_t second_of(int boot) { return boot % 3 < 2 ? 5 : 1'790'000'000; }

// Fewer with each boot, so that an account of the one before would cover them.
int records_of(int boot, int boots, int attach) { return attach < attaches - left_open ? 3 : 1 + boots - boot; }

void make_ring(int boot) {
  second_of_boot = second_of(boot);
  Replaced<&os::Calls::clock_gettime> clock(stopped_clock);
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = 4096, options.lanes = 2;
  REQUIRE(shmring_create(Workplace::ring, &options) == 0);
}

// All who run in one boot: each writes its records; all but a few detach; these are still there when the machine goes down.
int live(int boot, int boots, std::atomic<bool>& written) {
  for (int i = 0; i < attaches; ++i) {
    const std::string name = "b" + std::to_string(boot) + "-a" + std::to_string(i);
    shmring_attach_options options{};
    options.struct_size = sizeof options, options.name = name.c_str(), options.lane = SHMRING_LANE_SHARED;
    shmring_producer* handle = nullptr;
    if (shmring_attach(Workplace::ring, &options, &handle) != 0) return 1;
    for (int n = records_of(boot, boots, i); n > 0; --n)
      if (shmring_write(handle, nullptr, name.data(), name.size()) != 0) return 2;
    if (i < attaches - left_open) shmring_detach(handle);
  }
  written = true;
  for (;;) ::pause();
}

}  // namespace

TEST_CASE("a hundred boots of a machine whose clock is wrong: each record of each life is logged under its own ring") {
  const int boots = by_mode(10, 30, 100);
  Workplace place;
  for (int boot = 0; boot < boots; ++boot) {
    make_ring(boot);
    Shared<std::atomic<bool>> written;
    Child users([&] { return live(boot, boots, *written); });
    REQUIRE(eventually([&] { return written->load(); }));
    Daemon daemon(place);
    REQUIRE(daemon.collects());
    REQUIRE(daemon.end() == 0);
    users.kill();
    REQUIRE(::unlink(place.file().c_str()) == 0);
  }
  std::map<std::string, int> events;
  std::map<std::string, std::vector<std::string>> lives;  // by incarnation: who had it
  const std::string text = log_text(place.log);
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    const Object line(std::string_view(text).substr(at, end - at));
    if (line.plain("kind") == "event") ++events[std::string(line.plain("producer"))];
    if (line.plain("kind") == "attach") lives[std::string(line["inc"])].emplace_back(line.plain("producer"));
  }
  int wrong = 0;
  for (int boot = 0; boot < boots; ++boot)
    for (int i = 0; i < attaches; ++i)
      wrong += events["b" + std::to_string(boot) + "-a" + std::to_string(i)] != records_of(boot, boots, i);
  CHECK(wrong == 0);
  CHECK(lives.size() == 2 * attaches);  // of two seconds: the numbers repeat
  shmring::log::Verdict verdict;
  CHECK(shmring::log::verify(place.log, verdict) == 0);
  CHECK(verdict.proven);
}
