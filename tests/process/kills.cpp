// SIGKILL at random moments, under load: producers, the collector, and both.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/daemon.hpp"
#include "tests/support/oracle.hpp"

using namespace shmring::test;

namespace {

constexpr u64 capacity = u64{1} << 22;
constexpr std::size_t crowded = 8;

// Eight producers that write without a pause, by turns in either kind of lane; who is killed is replaced.
struct Crowd {
  Workplace& place;
  std::mt19937_64& random;
  Shared<std::atomic<bool>> stop{};
  struct Member {
    Child process;
    Journal* journal;
  };
  std::vector<Member> members{};
  u64 in_flight = 0;   // killed with an attempt unreported
  u64 attaching = 0;   // killed before attach had returned
  u64 used_up = 0;     // had filled its journal, and ended by itself, before the signal came
  u64 longest_ns = 0;  // that a write has taken whose producer lived on

  void fill() {
    while (members.size() < crowded) {
      Journal& journal = place.journal(capacity);
      const u32 lane = journal.producer % 3;
      const std::atomic<bool>* until = &*stop;
      Child child([&journal, lane, until] {
        return produce(Workplace::ring, journal, {lane, capacity, capacity, 0, until, true});
      });
      members.push_back({std::move(child), &journal});
    }
  }
  // Let it stand still inside write(); where chance will not have it, somewhere.
  void aim(Member& member) {
    for (int tries = 0; tries < 100; ++tries) {
      member.process.stop();
      if (!member.journal->reported()) return;
      member.process.go_on();
      random_pause(random, 200);
    }
  }
  // Kill `count` of them at one moment; returns when they are dead.
  std::vector<pid_t> kill(u64 count, bool aimed) {
    std::shuffle(members.begin(), members.end(), random);
    for (u64 i = 0; aimed && i < count; ++i) aim(members[members.size() - 1 - i]);
    std::vector<pid_t> dead;
    for (u64 i = 0; i < count; ++i) members[members.size() - 1 - i].process.signal(SIGKILL);
    for (; count > 0; --count) {
      dead.push_back(members.back().process.pid());
      const int status = members.back().process.wait();
      CHECK((status == -SIGKILL || status == 0));
      const Journal& journal = *members.back().journal;
      used_up += status == 0 ? 1 : 0;
      in_flight += journal.reported() ? 0 : 1;
      attaching += journal->incarnation == 0 ? 1 : 0;
      longest_ns = std::max<u64>(longest_ns, journal->longest_ns);  // while it lived
      members.pop_back();
    }
    return dead;
  }
  // Those who have filled their journal make room for others, so that the load stays what it is.
  void replace_used_up() {
    std::erase_if(members, [&](Member& member) { return !member.process.running() && ended(member); });
    fill();
  }
  bool ended(Member& member) {
    CHECK(member.process.wait() == 0);
    longest_ns = std::max<u64>(longest_ns, (*member.journal)->longest_ns);
    return true;
  }
  void finish() {
    *stop = true;
    for (Member& member : members) ended(member);
    CHECK(all_closed());
  }
};

// How long a death holds draining up: until the collector is past all that was taken by then. A machine's own part, in which
// the collector or this process stood ready and no core took it, is told apart, for it is not the ring's.
class Delays {
 public:
  explicit Delays(const View& view) : view_(view) {}
  // Now; `collector`: who lives on, 0: it is the one that died.
  void death(pid_t collector) {
    begin_ = Steady::now(), ready_ = collector != 0 ? ready_ns(collector) : 0, my_ready_ = ready_ns(::getpid());
    tails_.clear();
    for (u32 lane = 0; lane < view_.ring().geometry.lanes; ++lane) tails_.push_back(view_.tail(lane));
  }
  // False: it does not come.
  bool resumed(pid_t collector) {
    if (!eventually([this] { return is_past(); })) return false;
    const double all = milliseconds_since(begin_);
    const u64 waited = std::max(ready_ns(collector) - ready_, ready_ns(::getpid()) - my_ready_);
    whole_ms_.push_back(all), own_ms_.push_back(std::max(0.0, all - static_cast<double>(waited) / 1e6));
    return true;
  }
  double longest_own_ms() const { return *std::max_element(own_ms_.begin(), own_ms_.end()); }
  std::string text() {
    std::sort(whole_ms_.begin(), whole_ms_.end());
    char out[120];
    std::snprintf(out, sizeof out, "drained again in %.0f ms (median) to %.0f ms after a death, %.0f but for a lack of cores",
                  whole_ms_[whole_ms_.size() / 2], whole_ms_.back(), longest_own_ms());
    return out;
  }

 private:
  bool is_past() const {
    for (u32 lane = 0; lane < tails_.size(); ++lane)
      if (view_.head(lane) < tails_[lane]) return false;
    return true;
  }
  const View& view_;
  Steady::time_point begin_{};
  u64 ready_ = 0, my_ready_ = 0;
  std::vector<u64> tails_;
  std::vector<double> whole_ms_, own_ms_;
};

// Stands inside its second attempt, with a slot claimed, until it is killed.
int claim_and_stand(Journal& journal) {
  shmring_producer* producer = attach(Workplace::ring, journal, SHMRING_LANE_SHARED);
  if (producer == nullptr) return 1;
  write_noted(producer, journal);
  journal.begin(2);
  void* payload = nullptr;
  if (shmring_claim(producer, 10, &payload) != 0) return 2;
  for (;;) ::pause();
}

u64 died(const Findings& found) {
  u64 lines = found.lines.contains("died") ? found.lines.at("died") : 0;
  return lines;
}

}  // namespace

TEST_CASE("producers killed under load: no record torn, twice or unexplained, and their places come back") {
  Workplace place;
  std::mt19937_64 random = seeded(2);
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  View view;
  Delays delays(view);
  Crowd crowd{place, random};
  crowd.fill();
  const u64 kills = by_mode<u64>(12, 30, part_of(10'000));
  u64 done = 0;
  double slowest = 0;
  std::vector<pid_t> dead;
  for (u64 round = 1; done < kills; ++round) {
    random_pause(random, 8'000);
    const u64 count = std::min(kills - done, crowded / 2 + below(random, crowded / 2 + 1));
    for (const pid_t pid : crowd.kill(count, below(random, 2) == 0)) dead.push_back(pid);
    const auto killed = Steady::now();
    delays.death(daemon.process.pid());
    done += count;
    CHECK(delays.resumed(daemon.process.pid()));
    // Not each time: it takes a while, and is a million records by then.
    if (round % 4 == 0 || done == kills) {
      for (const pid_t pid : dead) CHECK(eventually([&] { return view.entry_of(pid) < 0; }));
      slowest = std::max(slowest, milliseconds_since(killed));
      dead.clear();
    }
    crowd.replace_used_up();
  }
  crowd.finish();
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(died(found) + crowd.attaching + crowd.used_up >= kills);
  CHECK(crowd.used_up < kills / 4);
  CHECK(crowd.in_flight > 0);
  CHECK(crowd.longest_ns < 1'000'000'000);
  CHECK(delays.longest_own_ms() <= 100);
  report(
      "%lu producers killed under load, %lu inside write, %lu inside attach: %lu records logged, %lu lost as died; "
      "no write of the others took longer than %.0f ms; %s; a place is free at most %.0f ms after",
      kills, crowd.in_flight, crowd.attaching, found.lines.at("event"), found.lost.contains("died") ? found.lost.at("died") : 0,
      static_cast<double>(crowd.longest_ns) / 1e6, delays.text().c_str(), slowest);
  tried(kills, "producers killed"), tried(found.lines.at("event"), "records");
}

TEST_CASE("the collector killed and restarted under load, alone and with producers: no loss, no duplicate") {
  Workplace place;
  std::mt19937_64 random = seeded(3);
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  View view;
  Delays delays(view);
  Crowd crowd{place, random};
  crowd.fill();
  const u64 kills = by_mode<u64>(4, 8, part_of(2'000));
  u64 producers = 0;
  for (u64 n = 1; n <= kills; ++n) {
    random_pause(random, 40'000);
    daemon.process.signal(SIGKILL);
    if (n % 3 == 0) producers += crowd.kill(1 + n % 2, false).size();
    CHECK(daemon.process.wait() == -SIGKILL);
    delays.death(0);
    daemon.start();
    if ((n + 1) % 8 != 0) CHECK(delays.resumed(daemon.process.pid()));  // else it is killed while it still recovers
    crowd.replace_used_up();
  }
  CHECK(daemon.collects());
  crowd.finish();
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(found.lines.at("recovery") > kills / 2);
  CHECK(crowd.longest_ns < 1'000'000'000);
  CHECK(delays.longest_own_ms() <= 1000);  // each start syncs a mark, so the disk has its share; a benchmark judges how long
  report(
      "%lu collectors killed and restarted under load, %lu producers with them: %lu records logged, none twice; no write of "
      "those who live took longer than %.0f ms; %s",
      kills, producers, found.lines.at("event"), static_cast<double>(crowd.longest_ns) / 1e6, delays.text().c_str());
  tried(kills, "collectors killed"), tried(producers, "producers killed"), tried(found.lines.at("event"), "records");
}

TEST_CASE("a producer that was silent for many lines and over collectors' deaths goes on exactly where it was") {
  Workplace place;
  std::mt19937_64 random = seeded(5);
  Daemon daemon(place, {"--slots", "4096", "--on-full", "wait", "--wait-us", "10000000"});
  REQUIRE(daemon.collects());
  const u64 lines = by_mode<u64>(10'000, 30'000, std::max<u64>(part_of(4'000'000), 100'000));
  Journal &silent = place.journal(20), &loud = place.journal(lines);
  shmring_producer* producer = attach(Workplace::ring, silent, SHMRING_LANE_SHARED);
  REQUIRE(producer != nullptr);
  for (int i = 0; i < 10; ++i) write_noted(producer, silent);
  Child writer([&] { return produce(Workplace::ring, loud, {SHMRING_LANE_SHARED, lines}); });
  const u64 deaths = 4;
  for (u64 n = 1; n <= deaths; ++n) {
    CHECK(eventually([&] { return loud->begun >= n * lines / (deaths + 1); }, std::chrono::seconds(60)));
    random_pause(random, 20'000);
    CHECK(daemon.process.kill() == -SIGKILL);
    daemon.start();
    CHECK(daemon.collects());
  }
  CHECK(writer.wait() == 0);
  for (int i = 0; i < 10; ++i) write_noted(producer, silent);
  detach(producer, silent);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  for (const auto& [cause, count] : found.lost) CHECK(cause == "too_big");
  REQUIRE(found.of(silent) != nullptr);
  CHECK(found.of(silent)->through == 20);
  CHECK(found.lines.at("recovery") == deaths);
  report("silent over %lu lines and %lu collectors' deaths: %lu records logged, none lost but those too big", lines, deaths,
         found.lines.at("event"));
  tried(deaths, "collectors killed"), tried(found.lines.at("event"), "records");
}

TEST_CASE("with wait, a live producer is not held up for a second by those that die inside write") {
  Workplace place;
  std::mt19937_64 random = seeded(4);
  Daemon daemon(place, {"--slots", "64", "--on-full", "wait", "--wait-us", "1000000"});
  REQUIRE(daemon.collects());
  Crowd crowd{place, random};
  crowd.fill();
  View view;
  Held held;
  const u64 kills = by_mode<u64>(4, 6, part_of(500));
  for (u64 n = 0; n < kills; ++n) {
    random_pause(random, 20'000);
    crowd.kill(1, true);
    crowd.replace_used_up();
    Journal& journal = place.journal(2);
    Child holder([&] { return claim_and_stand(journal); });
    CHECK(eventually([&] { return view.held_slot(holder.pid(), held) || !holder.running(); }));
    REQUIRE(holder.kill() == -SIGKILL);  // else its claim has timed out
  }
  crowd.finish();
  CHECK(daemon.end() == 0);
  const Findings found = consult(place.log, place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(crowd.in_flight > 0);
  CHECK_FALSE(found.lost.contains("timeout"));  // whoever waited for the second says so
  CHECK(found.lost.at("died") >= kills);
  report(
      "wait, deadline 1 s: %lu producers killed, %lu inside write, and as many with a slot claimed: %lu records logged, no "
      "live producer timed out",
      kills, crowd.in_flight, found.lines.at("event"));
  tried(2 * kills, "producers killed"), tried(found.lines.at("event"), "records");
}
