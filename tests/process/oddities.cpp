// What may be odd about a producer's process: its namespaces, its pid, its threads, its jumps, its core dump.
//
// Where a namespace or a pid cannot be made (no permission), the test says so and proves nothing.
#include <doctest/doctest.h>
#include <linux/sched.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <filesystem>
#include <thread>

#include "lib/log/files/verify.hpp"
#include "lib/os/process.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/oracle.hpp"

using namespace shmring::test;
using shmring::ring::SlotState;
namespace fs = std::filesystem;

namespace {

constexpr int not_permitted = 77;

u64 start_time_of(pid_t pid) {
  return shmring::os::start_time_in(contents("/proc/" + std::to_string(pid) + "/stat")).value_or(0);
}

// `shmring stat` of the ring.
std::string stat_text(const Workplace& place) {
  const std::string program = fs::path(Daemon::program()).parent_path() / "shmring", file = place.home + "/stat";
  Child stat([&] {
    ::dup2(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    return ::execl(program.c_str(), program.c_str(), "stat", Workplace::ring, "--interval", "0", static_cast<char*>(nullptr));
  });
  CHECK(stat.wait() == 0);
  return contents(file);
}

// The collector has looked at the entries again, several times.
bool looked_again(const View& view) {
  const u64 last = view.status().heartbeat_ns;
  return eventually([&] { return view.status().heartbeat_ns > last + 500'000'000; });
}

// A process that does nothing, with this pid; it must be free. −1: may not.
pid_t stranger(pid_t pid) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<u64>(&pid);
  arguments.set_tid_size = 1;
  const long made = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (made != 0) return static_cast<pid_t>(made);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  while (true) ::pause();
}

// In the new namespaces: a producer that writes, and then does nothing for ever.
int write_from(int namespaces, Journal& journal, std::atomic<bool>& written) {
  if (::unshare(namespaces) != 0) return not_permitted;
  if (::fork() == 0) {  // only children are in them
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    shmring_producer* handle = attach(Workplace::ring, journal, SHMRING_LANE_SHARED);
    for (int i = 0; handle != nullptr && i < 10; ++i) write_noted(handle, journal);
    written = true;
    while (true) ::pause();
  }
  return ::pause();
}

void produce_from(int namespaces, const char* name) {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  View view;
  Journal &foreign = place.journal(100), &other = place.journal(100);
  Shared<std::atomic<bool>> written;
  Child outside([&] { return write_from(namespaces, foreign, *written); });
  CHECK(eventually([&] { return written->load() || !outside.running(); }));
  if (!outside.running()) {
    CHECK(outside.wait() == not_permitted);
    skipped("a producer in another namespace: may not make a " + std::string(name) + " namespace here");
    daemon.end();
    return;
  }
  const std::string incident = "producer in another pid or time namespace: never judged dead";
  CHECK(eventually([&] { return log_text(place.log).find(incident) != std::string::npos; }));
  outside.kill();  // and with it the producer
  Child dies([&] {
    shmring_producer* handle = attach(Workplace::ring, other, SHMRING_LANE_SHARED);
    return handle == nullptr || write_noted(handle, other) != 0;
  });
  CHECK(dies.wait() == 0);
  const auto taken = [&view] {
    int entries = 0;
    for (u32 i = 0; i < view.ring().geometry.producers; ++i) entries += view.owner(i).state != shmring::ring::OwnerState::free;
    return entries;
  };
  CHECK(eventually([&] { return taken() == 1; }));  // the other one's death was seen, …
  CHECK(looked_again(view));
  CHECK(taken() == 1);  // … this one's never
  CHECK(stat_text(place).find("is in other namespaces than the ring's: it is never judged dead") != std::string::npos);
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals, {.closed = false});
  CHECK_MESSAGE(found.problems.empty(), found.text());
  REQUIRE((found.of(foreign) != nullptr && found.of(other) != nullptr));
  CHECK((found.of(foreign)->closing == "" && found.of(foreign)->through == 10));
  CHECK(found.of(other)->closing == "died");
  report("a producer in another %s namespace: its records are logged, its death is not believed, and both are said", name);
}

// How a claim that its thread has left ends.
enum class End { next_call, detach, exit };

// The log's closing line of the only producer, and how many of its records are there.
void check_left_claim(const Workplace& place, End end, u64 events) {
  const std::string text = log_text(place.log);
  const char* closing = end == End::exit ? "died" : "detach";
  const char* cause = end == End::exit ? "\"causes\":{\"died\":1}" : "\"causes\":{\"aborted\":1}";
  u64 found = 0;
  std::string last;
  for (std::size_t at = 0, newline; (newline = text.find('\n', at)) != text.npos; at = newline + 1) {
    const Object line(std::string_view(text).substr(at, newline - at));
    found += line.plain("kind") == "event" && line.plain("producer") == "odd";
    if (line.plain("kind") == closing && line.plain("producer") == "odd") last = text.substr(at, newline - at);
  }
  CHECK(found == events);
  CHECK_MESSAGE(last.find(cause) != last.npos, last);
}

int leave_a_claim(End end, std::atomic<bool>& left, std::atomic<bool>& go_on) {
  const shmring_attach_options options{sizeof options, SHMRING_LANE_SHARED, "odd", nullptr, nullptr, 0, 0};
  shmring_producer* handle = nullptr;
  if (shmring_attach(Workplace::ring, &options, &handle) != 0 || shmring_write(handle, nullptr, "one", 3) != 0) return 1;
  std::thread([&] {
    void* payload = nullptr;
    if (shmring_claim(handle, 8, &payload) == 0) std::memcpy(payload, "half", 4);
  }).join();
  left = true;
  while (!go_on) ::usleep(200);
  if (end == End::next_call && shmring_write(handle, nullptr, "two", 3) != 0) return 2;
  if (end != End::exit) shmring_detach(handle);
  return 0;
}

sigjmp_buf jump;

// Claims that a signal's handler leaves by a jump, each followed by a whole record.
int jump_out_of_claims(int times) {
  const shmring_attach_options options{sizeof options, SHMRING_LANE_AUTO, "odd", nullptr, nullptr, 0, 0};
  static shmring_producer* handle;
  if (shmring_attach(Workplace::ring, &options, &handle) != 0) return 1;
  ::signal(SIGUSR1, [](int) { siglongjmp(jump, 1); });
  for (static int done = 0; done < times; ++done) {
    if (sigsetjmp(jump, 1) == 0) {
      void* payload = nullptr;
      while (shmring_claim(handle, 8, &payload) != 0) ::usleep(100);
      std::memcpy(payload, "half", 4);
      ::raise(SIGUSR1);
      return 2;
    }
    if (shmring_write(handle, nullptr, "whole", 5) != 0) return 3;
    ::usleep(20);
  }
  shmring_detach(handle);
  return 0;
}

const std::string marker_parts[] = {"AUDITED", "-", "SECRET", "-"};

// From pages of its own, so that nothing else of the process holds the text.
void write_secrets(shmring_producer* handle) {
  auto* page = static_cast<char*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (int i = 0; i < 20; ++i) {
    std::size_t bytes = 0;
    for (const std::string& part : marker_parts) std::memcpy(page + bytes, part.data(), part.size()), bytes += part.size();
    std::memcpy(page + bytes, std::to_string(i).data(), 1);
    shmring_write(handle, nullptr, page, bytes + 1);
  }
  ::munmap(page, 4096);
}

std::string marker() {
  std::string all;
  for (const std::string& part : marker_parts) all += part;
  return all;
}

// From now on this process leaves its core in `folder`.
void dump_into(const std::string& folder) {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  ::mkdir(folder.c_str(), 0700);
  if (::setrlimit(RLIMIT_CORE, &unlimited) != 0 || ::chdir(folder.c_str()) != 0) std::perror("core");
}

// "": there is none.
std::string core_in(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) return contents(entry.path());
  return "";
}

}  // namespace

TEST_CASE("a producer in another pid namespace is logged, never judged dead, and said to be so in log and stat") {
  produce_from(CLONE_NEWPID, "pid");
}

TEST_CASE("a producer in another time namespace: the same") { produce_from(CLONE_NEWTIME, "time"); }

TEST_CASE("a dead producer whose pid a stranger has got while nobody collected is dead") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Journal& journal = place.journal(1 << 20);
  Child victim([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_EXCLUSIVE, 1 << 20, 16, 100}); });
  CHECK(eventually([&] { return journal->begun > 100; }));
  const u64 started = start_time_of(victim.pid());
  CHECK(daemon.end() == 0);
  victim.kill();
  pid_t other = 0;
  for (int tries = 0; tries < 1000; ++tries) {  // until its start time differs, which counts hundredths of a second
    other = stranger(victim.pid());
    if (other < 0 || start_time_of(other) != started) break;
    ::kill(other, SIGKILL), ::waitpid(other, nullptr, 0);
  }
  daemon.start();
  CHECK(daemon.collects());
  CHECK(all_closed());
  if (other > 0) {
    CHECK(other == victim.pid());
    CHECK(::kill(other, 0) == 0);  // it lives
    ::kill(other, SIGKILL), ::waitpid(other, nullptr, 0);
  } else {
    skipped("a pid that a stranger has got: may not choose a pid here");
  }
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  REQUIRE(found.of(journal) != nullptr);
  CHECK(found.of(journal)->closing == "died");
}

TEST_CASE("a producer that nobody reaps is dead") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Journal& journal = place.journal(100);
  Child zombie([&] {
    shmring_producer* handle = attach(Workplace::ring, journal, SHMRING_LANE_EXCLUSIVE);
    for (int i = 0; i < 10; ++i) write_noted(handle, journal);
    return 0;
  });
  siginfo_t info;
  REQUIRE(::waitid(P_PID, static_cast<id_t>(zombie.pid()), &info, WEXITED | WNOWAIT) == 0);
  CHECK(all_closed());
  CHECK(state_of(zombie.pid()) == 'Z');
  CHECK(zombie.wait() == 0);
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(found.of(journal)->closing == "died");
}

TEST_CASE("a producer whose main thread is gone while another one writes keeps its entry, and its records come") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  View view;
  Journal& journal = place.journal(1 << 22);
  Shared<std::atomic<bool>> stop;
  Child process([&] {
    std::thread([&] {
      const int result = produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, 1 << 22, 16, 100, &*stop});
      ::_exit(result);
    }).detach();
    ::syscall(SYS_exit, 0);
    return 1;
  });
  CHECK(eventually([&] { return state_of(process.pid()) == 'Z' && journal->begun > 100; }));
  CHECK(looked_again(view));
  const int entry = view.entry_of(process.pid());
  REQUIRE(entry >= 0);
  const u64 logged = view.status().logged, begun = journal->begun;
  CHECK(eventually([&] { return journal->begun > begun + 100 && view.status().logged > logged + 100; }));
  *stop = true;
  CHECK(process.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(found.of(journal)->closing == "detach");
}

TEST_CASE("a claim whose thread has ended keeps its slot until the handle's next call, its detach, or the end of the process") {
  for (const End end : {End::next_call, End::detach, End::exit}) {
    Workplace place;
    Daemon daemon(place, {"--slots", "64"});
    REQUIRE(daemon.collects());
    Shared<std::array<std::atomic<bool>, 2>> flags;  // left; go on
    Child odd([&] { return leave_a_claim(end, (*flags)[0], (*flags)[1]); });
    CHECK(eventually([&] { return (*flags)[0].load(); }));
    View view;
    const u64 tail = view.tail(0);
    const u32 index = static_cast<u32>(tail - 1) % 64;
    const auto held = view.word(0, index);
    CHECK(held.state == SlotState::writing);
    Journal& other = place.journal(1 << 20);
    Shared<std::atomic<bool>> stop;
    Child passes([&] { return produce(Workplace::ring, other, {SHMRING_LANE_SHARED, 1 << 20, 16, 200, &*stop}); });
    CHECK(eventually([&] { return view.tail(0) > tail + 10 * 64; }));
    *stop = true;
    CHECK(passes.wait() == 0);
    CHECK(eventually([&] { return view.entry_of(passes.pid()) < 0; }));  // the ring is empty but for the claim
    CHECK(view.word(0, index) == held);
    (*flags)[1] = true;
    CHECK(odd.wait() == 0);
    CHECK(all_closed());
    CHECK(daemon.end() == 0);
    check_left_claim(place, end, end == End::next_call ? 2 : 1);
  }
}

TEST_CASE("claims that are left by siglongjmp from a signal's handler are aborted, each once, and what follows is whole") {
  const int times = by_mode(60, 500, 50'000);
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  Child jumper([&] { return jump_out_of_claims(times); });
  CHECK(jumper.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  shmring::log::Verdict verdict;
  REQUIRE(shmring::log::verify(place.log, verdict) == 0);
  CHECK(verdict.proven);
  CHECK(verdict.events == static_cast<u64>(times));
  CHECK(verdict.lost[shmring::log::Cause::aborted] == static_cast<u64>(times));
  CHECK(verdict.lost.total() == static_cast<u64>(times));
}

TEST_CASE("no core dump holds audit bytes: an application's has none of the ring, and a collector leaves none") {
  if (contents("/proc/sys/kernel/core_pattern").find_first_of("|/") != std::string::npos) {
    skipped("core dumps: they do not go into the working directory here");
    return;
  }
  Workplace place;
  Daemon daemon(place, {}, false);
  const std::string collectors = place.home + "/collector", applications = place.home + "/application";
  daemon.start([&] { dump_into(collectors); });
  REQUIRE(daemon.collects());
  Child application([&] {
    dump_into(applications);
    const shmring_attach_options options{sizeof options, SHMRING_LANE_AUTO, "odd", nullptr, nullptr, 0, 0};
    shmring_producer* handle = nullptr;
    if (shmring_attach(Workplace::ring, &options, &handle) != 0) return 1;
    write_secrets(handle);
    ::signal(SIGABRT, SIG_DFL);
    std::abort();
  });
  CHECK(application.wait() == -SIGABRT);
  CHECK(core_in(applications).size() > 10'000);
  CHECK(core_in(applications).find(marker()) == std::string::npos);
  CHECK(all_closed());
  CHECK(log_text(place.log).find(marker() + "9") != std::string::npos);
  daemon.process.signal(SIGABRT);
  CHECK(daemon.process.wait() == -SIGABRT);
  CHECK(core_in(collectors).find(marker()) == std::string::npos);
}

TEST_CASE("a ring that nobody ever empties: under each policy every write returns, and each attempt is accounted for later") {
  for (const u32 policy : {SHMRING_POLICY_DROP, SHMRING_POLICY_OVERWRITE, SHMRING_POLICY_WAIT, SHMRING_POLICY_HYBRID}) {
    Workplace place;
    shmring_create_options options{};
    options.struct_size = sizeof options;
    options.slots = 64, options.lanes = 2, options.max_record = room, options.on_full = policy, options.wait_us = 500;
    REQUIRE(shmring_create(Workplace::ring, &options) == 0);
    std::vector<Child> producers;
    for (const u32 lane : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE}) {
      Journal& journal = place.journal(1'000);
      producers.emplace_back([&journal, lane] { return produce(Workplace::ring, journal, {lane, 600}); });
    }
    for (Child& producer : producers) CHECK(producer.wait() == 0);
    for (const auto& journal : place.journals) {
      CHECK((*journal)->begun == 600);
      const int last = policy == SHMRING_POLICY_DROP ? SHMRING_FULL : policy == SHMRING_POLICY_OVERWRITE ? 0 : SHMRING_TIMEOUT;
      CHECK(journal->result(600) == last);
    }
    Daemon daemon(place);
    CHECK(daemon.collects());
    CHECK(all_closed());
    CHECK(daemon.end() == 0);
    const Findings found = consult(place.log, place.journals, {.overwriting = policy == SHMRING_POLICY_OVERWRITE});
    CHECK_MESSAGE(found.problems.empty(), found.text());
  }
}
