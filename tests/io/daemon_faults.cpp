// Every system call of a whole collector fails once, or from then on: start, recovery, passes, appends, drain, end.
//
// The daemon itself runs in a child, over a copy of a ring that holds records of the living, of the dead and of those who left,
// and of a log whose end is torn. After each fault a collector whose calls all work continues what is left; then the oracle
// compares the log with what the producers noted: what was released without being stored would be missing.
#include <doctest/doctest.h>

#include <algorithm>
#include <barrier>
#include <filesystem>
#include <fstream>
#include <thread>

#include "lib/collect/daemon.hpp"
#include "lib/log/seal/audit.hpp"
#include "lib/log/seal/secrets.hpp"
#include "lib/os/error.hpp"
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
std::string collect(const std::string& log, const Fault& fault, bool sealed) {
  ::alarm(30);  // it never loops for ever
  const int said = ::open((log + ".stderr").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ::dup2(said, 2);
  // A sealed log is synced and signed at the end: a collector whose calls all work gets the time for that.
  const PassingTime time(8, !sealed ? 5'000'000 : fault.kind >= Failing::kinds ? 20'000'000'000 : 200'000'000);
  shmring::collect::Settings settings;
  settings.ring = Workplace::ring, settings.log_dir = log, settings.metrics_file = log + ".prom";
  if (sealed) settings.seal.emplace().state = log + ".keys";
  ::setenv("NOTIFY_SOCKET", (log + ".nobody").c_str(), 1);
  settings.create.struct_size = sizeof settings.create;
  settings.create.slots = 64, settings.create.lanes = 3, settings.create.max_record = room;
  std::string text;
  const int threads = sealed ? 2 : 1;
  std::barrier all(threads);
  std::vector<std::thread> before_them;  // their stacks and arenas are kept
  for (int i = 0; i < threads; ++i) {
    before_them.emplace_back([&] {
      all.arrive_and_wait();
      (void)std::vector<std::string>(10, std::string(1000, 'x'));
      all.arrive_and_wait();
    });
  }
  for (std::thread& thread : before_them) thread.join();
  if (sealed) shmring::log::keep_secrets_apart();  // once in a process
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

Run run_daemon(const std::string& log, const Fault& fault = {}, bool sealed = false) {
  Run run;
  run.text = in_child([&] { return collect(log, fault, sealed); });
  std::istringstream words(run.text);
  words >> run.status >> run.fired;
  for (int& count : run.counts) words >> count;
  words >> run.held;
  if (!words) run.status = -1;
  run.said = contents(log + ".stderr");
  return run;
}

// A collector whose calls all work. A sealed log is synced and signed at its end, and where the disk takes longer than it
// waits for that, the next one goes on.
Run run_whole_daemon(const std::string& log, bool sealed) {
  Run run = run_daemon(log, {}, sealed);
  for (int i = 0; i < 9 && sealed && run.said.find("before the disk had taken all of it") != run.said.npos; ++i)
    run = run_daemon(log, {}, sealed);
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

// What an auditor says who has got the log's first keys from the log itself.
std::string seal_of(const std::string& dir) {
  std::vector<shmring::log::KeyNote> chain;
  if (const std::string wrong = shmring::log::read_key_chain(contents(dir + "/keys"), chain); !wrong.empty()) return wrong;
  shmring::log::AuditRequest request;
  request.keys = {chain.front().key};
  shmring::log::Verdict verdict;
  shmring::log::Audit audit;
  if (shmring::log::audit(dir, request, verdict, audit) != 0) return os::last_error();
  if (!audit.holds) return audit.found + " instead of " + audit.expected;
  return audit.unsigned_lines == 0 ? "all of it is signed" : std::to_string(audit.unsigned_lines) + " lines are not signed";
}

// What each fault meets: a ring and a log, both with a past, or neither of them.
struct World {
  Workplace place;
  std::string rings = place.home + "/rings", log = place.home + "/case/log";
  Journal *living = nullptr, *dead = nullptr, *left = nullptr, *full = nullptr;
  shmring_producer* handle = nullptr;

  const bool fresh, sealed;

  explicit World(bool fresh, bool sealed) : fresh(fresh), sealed(sealed) {
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
    const Run run = run_whole_daemon(place.log, sealed);  // it logs these, and gives the lane back
    REQUIRE_MESSAGE(run.status == 0, run.said);
    const std::string file = log_files(place.log)[0];
    if (sealed) std::ofstream(file, std::ios::app) << "{\"v\":1,\"kind\"";  // what was signed is whole
    if (!sealed) fs::resize_file(file, fs::file_size(file) - 20);           // of its stop line
    for (int i = 0; i < 80; ++i) write_noted(handle, *living);              // some are refused
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
    if (!fresh && sealed) fs::copy(place.log + ".keys", log + ".keys", fs::copy_options::recursive);
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
    const Run next = run_whole_daemon(log, sealed);
    CHECK_MESSAGE(next.status == 0, next.text, " ", next.said);
    if (sealed) CHECK(seal_of(log) == "all of it is signed");
    const Findings whole = consult(log, place.journals, {.closed = false});
    CHECK_MESSAGE(whole.problems.empty(), fault.text(), ": ", whole.text());
    if (fresh) return;
    for (const auto& [journal, closing] : {std::pair(living, ""), {full, "detach"}, {dead, "died"}, {left, "detach"}}) {
      REQUIRE(whole.of(*journal) != nullptr);
      CHECK(whole.of(*journal)->closing == closing);
    }
  }
};

void fail_each_call_of_a_collector(const char* name, bool fresh, bool for_good, bool sealed = false) {
  World world(fresh, sealed);
  std::array<int, Failing::kinds> counts{};
  for (int round = 0; round < 2; ++round) {
    world.prepare();
    Run run = run_daemon(world.log, {}, sealed);
    for (int i = 0; i < 9 && sealed && run.status != 0; ++i) world.prepare(), run = run_daemon(world.log, {}, sealed);
    REQUIRE_MESSAGE(run.status == 0, run.text, " ", run.said);
    CHECK(run.said == "");
    counts = run.counts;
  }
  std::map<int, int> ends;
  int missed = 0;
  const std::vector<Fault> all = every_fault(counts, for_good);
  REQUIRE(all.size() > 50);
  const int most_missed = static_cast<int>(all.size()) / 20;
  std::vector<Fault> faults;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (is_of_part(i)) faults.push_back(all[i]);
  std::ranges::shuffle(faults, seeded(81));
  const std::size_t share = (sealed ? by_mode<std::size_t>(400, 200, 16) : by_mode<std::size_t>(8, 8, 1)) *
                            (sanitized ? by_mode<std::size_t>(1, 1, 4) : 1);
  faults.resize((faults.size() + share - 1) / share);
  for (const Fault& fault : faults) {
    CAPTURE(fault.text());
    world.prepare();
    const Run run = run_daemon(world.log, fault, sealed);
    ++ends[run.status];
    missed += !run.fired;  // how often it sleeps is a matter of time
    world.judge(fault, run);
  }
  CHECK(missed <= most_missed);
  std::string text;
  for (const auto& [status, times] : ends) text += ", " + std::to_string(times) + " end with status " + std::to_string(status);
  std::printf("REPORT io %s: %zu faults%s\n", name, faults.size(), text.c_str());
}

}  // namespace

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

TEST_CASE("whichever system call of a collector fails that seals its log, the next one signs all of it") {
  fail_each_call_of_a_collector("collector that seals, one call fails", false, false, true);
  fail_each_call_of_a_collector("collector that seals, a kind of call fails for good", false, true, true);
  fail_each_call_of_a_collector("collector that makes keys, one call fails", true, false, true);
  fail_each_call_of_a_collector("collector that makes keys, a kind of call fails for good", true, true, true);
}
