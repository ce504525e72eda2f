// A hostile neighbour: a process that may write the segment scribbles over it, floods it, cuts it off or punches holes into it,
// while honest producers write and a collector collects.
//
// What is scribbled over may be lost. What must hold: the collector goes on, or ends with a message; its log verifies; each
// event in it is a record that was written; what is missing is a loss or has an incident. Honest producers end, by no other
// signal than SIGBUS, and that only where the file was cut off.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "lib/os/process.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/oracle.hpp"

using namespace shmring::test;
namespace ring = shmring::ring;

namespace {

enum class Target { state_words, slot_bytes, lanes, entries, header, anything };
constexpr const char* target_names[] = {"state words", "slots", "lanes", "entries", "header", "anything"};

// Any value, the likely ones more often.
u64 value(std::mt19937_64& random, u64 old) {
  switch (below(random, 6)) {
    case 0: return random();
    case 1: return below(random, 64);
    case 2: return old + below(random, 2048);
    case 3: return old - below(random, 2048);
    case 4: return old ^ u64 { 1 } << below(random, 64);
    default: return ~u64{0} >> below(random, 64);
  }
}

class Scribbler {
 public:
  Scribbler(const shmring::os::Segment& segment, Target target, u64 seed)
      : ring_(segment.ring), bytes_(segment.ring.geometry.size), target_(target), random_(seed) {}

  void scribble() {
    switch (target_) {
      case Target::state_words: return state_word();
      case Target::slot_bytes: return run_of_bytes(reinterpret_cast<unsigned char*>(&slot()), ring_.geometry.slot_bytes);
      case Target::lanes: return word(&ring_.lanes[below(random_, ring_.geometry.lanes)], sizeof(ring::Lane));
      case Target::entries: return word(&ring_.entries[below(random_, 8)], sizeof(ring::Entry));
      case Target::header: return word(ring_.header, sizeof(ring::Header));
      case Target::anything: return run_of_bytes(reinterpret_cast<unsigned char*>(ring_.header), bytes_);
    }
  }

 private:
  ring::Slot& slot() {
    return ring_.slot(static_cast<u32>(below(random_, ring_.geometry.lanes)),
                      static_cast<u32>(below(random_, ring_.geometry.slots)));
  }
  void word(void* object, std::size_t bytes) {
    auto* const words = static_cast<volatile u64*>(object);
    const u64 at = below(random_, bytes / sizeof(u64));
    words[at] = value(random_, words[at]);
  }
  void run_of_bytes(volatile unsigned char* at, u64 room) {
    const u64 bytes = 1 + below(random_, 64), first = below(random_, room - bytes);
    for (u64 i = 0; i < bytes; ++i) at[first + i] = static_cast<unsigned char>(random_());
  }
  // Often one that could be.
  void state_word() {
    ring::Slot& it = slot();
    const ring::Word old = ring::Word::of(it.word);
    const auto state = static_cast<ring::SlotState>(below(random_, 8));
    it.word = below(random_, 2) == 0
                  ? value(random_, old.bits())
                  : ring::Word{old.lap + below(random_, 3) - 1, static_cast<u32>(below(random_, 10)), state}.bits();
  }

  ring::Ring ring_;
  u64 bytes_;
  Target target_;
  std::mt19937_64 random_;
};

// Honest producers of both kinds of lane, one of them a flood, on a ring that is collected.
struct Scene {
  Workplace place{2 * room};
  Daemon daemon{place, {"--slots", "256", "--lanes", "4"}};
  Shared<std::atomic<bool>> stop;
  Shared<std::atomic<u64>> scribbles;
  std::vector<Child> producers;

  Scene() {
    REQUIRE(daemon.collects());
    constexpr u32 lanes[] = {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE, SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE};
    for (std::size_t i = 0; i < std::size(lanes); ++i) {
      Journal& journal = place.journal(200'000'000);
      const Load load{lanes[i], ~u64{0}, i == 0 ? 256u : 16u, i == 0 ? 1'000u : 500u, &*stop};
      producers.emplace_back([&journal, load] {
        ::signal(SIGBUS, SIG_DFL);  // a sanitizer has a handler
        return produce(Workplace::ring, journal, load);
      });
      REQUIRE(eventually([&] { return journal->incarnation != 0; }));
    }
  }

  Child scribbler(Target target, u64 seed) {
    return Child([this, target, seed] {
      shmring::os::Segment segment;
      if (shmring::os::attach(Workplace::ring, segment) != 0) return 1;
      Scribbler scribbler(segment, target, seed);
      // An entry that is hit ends its producer's account: most of the time they are to be whole.
      for (const useconds_t pause_us = target == Target::entries ? 20'000 : 100; !*stop; ::usleep(pause_us), ++*scribbles)
        for (u64 burst = 1 + *scribbles % 4; burst > 0; --burst) scribbler.scribble();
      ::_exit(0);
    });
  }
};

struct Sums {
  u64 scribbles = 0, events = 0, lost = 0, incidents = 0, of_another = 0, torn = 0, refused = 0, bus = 0, exit_5 = 0;
};

// The log against what was written. What is missing, or more than was written, has an incident line, unless the collector had
// to `give_up` the segment. `of_another`: the record is an honest one, but under another
// producer's name. `torn`: of a record of several slots that is so of one; nobody wrote the whole.
void judge(Scene& scene, bool gave_up, Sums& sums) {
  const auto& journals = scene.place.journals;
  const Findings found = consult(scene.place.log, journals, {.closed = false, .complete = false}, true);
  for (const std::string& problem : found.problems) CHECK_MESSAGE(problem.find("verify:") == std::string::npos, problem);
  const auto lines = [&](const char* kind) { return found.lines.contains(kind) ? found.lines.at(kind) : 0; };
  sums.events += lines("event"), sums.incidents += lines("incident");
  for (const auto& [cause, count] : found.lost) sums.lost += count;
  const std::string text = log_text(scene.place.log);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const Object line(std::string_view(text).substr(at, end - at));
    at = end + 1;
    if (line.plain("kind") != "event") continue;
    const u64 sequence = static_cast<u64>(line.number("seq"));
    const auto wrote = [&](const auto& journal) {
      return sequence <= (*journal)->begun && is_what_was_written(*journal, sequence, line);
    };
    const auto named = [&](const auto& journal) { return journal->name() == line.plain("producer") && wrote(journal); };
    if (std::any_of(journals.begin(), journals.end(), named)) continue;
    ++(std::any_of(journals.begin(), journals.end(), wrote) ? sums.of_another : sums.torn);
  }
  for (const auto& journal : journals) {
    CHECK((*journal)->wrong == 0);
    const LoggedAccount* account = found.of(*journal);
    const bool exact = account != nullptr && account->through == (*journal)->begun;
    CHECK_MESSAGE((exact || lines("incident") > 0 || gave_up),
                  journal->name() << ": something is missing, or too much, and no line says so");
  }
}

// It drains and stops, or it has refused the segment, by name. True: the latter.
bool ends_well(Daemon& daemon) {
  const bool collecting = daemon.process.running();
  const int status = collecting ? daemon.end() : daemon.process.wait();
  CHECK_MESSAGE(status == (collecting ? 0 : 5), daemon.said());
  if (!collecting) CHECK(daemon.said().find("ring r") != std::string::npos);
  return !collecting;
}

void scribble_for(Target target, std::chrono::milliseconds time, u64 seed, Sums& sums) {
  Scene scene;
  Child scribbler = scene.scribbler(target, seed);
  std::this_thread::sleep_for(time / 2);  // the fault itself: so long
  CHECK_MESSAGE(scene.daemon.process.running(), scene.daemon.said());
  CHECK(scene.daemon.process.kill() == -SIGKILL);
  scene.daemon.start();
  std::this_thread::sleep_for(time / 2);
  *scene.stop = true;
  CHECK(scribbler.wait() == 0);
  for (Child& producer : scene.producers) CHECK(producer.wait() == 0);
  const auto recovered = [&] { return log_text(scene.place.log).find("\"kind\":\"recovery\"") != std::string::npos; };
  CHECK(eventually([&] { return !scene.daemon.process.running() || recovered(); }));
  const bool refused = ends_well(scene.daemon);
  sums.refused += refused;
  sums.scribbles += *scene.scribbles;
  judge(scene, refused, sums);
}

// Cut off, or with a hole, at a place of chance.
void damage(Scene& scene, bool cut, std::mt19937_64& random) {
  const auto size = std::filesystem::file_size(scene.place.file());
  const auto at = static_cast<off_t>(below(random, size));
  if (cut) {
    REQUIRE(::truncate(scene.place.file().c_str(), at) == 0);
    return;
  }
  const int fd = ::open(scene.place.file().c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, static_cast<off_t>(1 + below(random, size))) == 0);
  ::close(fd);
}

void damage_once(bool cut, std::mt19937_64& random, Sums& sums) {
  Scene scene;
  random_pause(random, 20'000);
  damage(scene, cut, random);
  ++sums.scribbles;
  random_pause(random, 200'000);
  *scene.stop = true;
  for (Child& producer : scene.producers) {
    const int status = producer.wait();
    CHECK((status == 0 || (cut && status == -SIGBUS)));
    sums.bus += status == -SIGBUS;
  }
  const int status = scene.daemon.end();
  CHECK((status == 0 || (cut && status == 5)));
  if (status == 5) CHECK(scene.daemon.said().find("truncated") != std::string::npos);
  sums.exit_5 += status == 5;
  judge(scene, status == 5, sums);
  if (!cut) return;
  scene.daemon.start();
  CHECK(scene.daemon.process.wait() == 5);
  CHECK(scene.daemon.said().find("ring r") != std::string::npos);
}

}  // namespace

TEST_CASE("a neighbour that scribbles over the segment costs records, never the collector, and never in silence") {
  std::mt19937_64 random = seeded(71);
  // All six together take two seconds in check, and ten minutes in long, where a part takes two of them, by turns.
  const u64 turns = std::min<u64>(part().parts, 3);
  const std::chrono::milliseconds time(by_mode<u64>(200, 300, std::max<u64>(part_of(100'000 * turns), 2'000)));
  const std::vector<Target> all{Target::state_words, Target::slot_bytes, Target::lanes,
                                Target::entries,     Target::header,     Target::anything};
  for (const Target target : by_mode<std::vector<Target>>({Target::state_words, Target::anything}, all, all)) {
    if ((static_cast<u64>(target) + part().which) % turns != 0) continue;
    Sums sums;
    scribble_for(target, time, random(), sums);
    CHECK_MESSAGE(sums.torn == 0, sums.torn << " events that nobody wrote");
    const bool of_entries = target == Target::entries || target == Target::anything;  // which have the names
    CHECK_MESSAGE((sums.of_another == 0 || of_entries), sums.of_another << " events under another's name");
    CHECK(sums.events > 0);
    report(
        "neighbour over %s: %lu scribbles, %lu events (%lu under another's name, %lu torn), %lu lost, %lu incidents, "
        "%lu refusals",
        target_names[static_cast<std::size_t>(target)], sums.scribbles, sums.events, sums.of_another, sums.torn, sums.lost,
        sums.incidents, sums.refused);
    tried(sums.scribbles, "scribbles");
  }
}

TEST_CASE("an owner word that is scribbled over before its process ends does not keep the collector awake") {
  Workplace place;
  Daemon daemon(place);
  REQUIRE(daemon.collects());
  constexpr u32 scribbled = 4;
  std::vector<Child> producers;
  for (u32 i = 0; i < scribbled; ++i) {
    Journal& journal = place.journal(1);
    producers.emplace_back([&] { return attach(Workplace::ring, journal, SHMRING_LANE_AUTO) != nullptr ? ::pause() : 1; });
  }
  const View view;
  const auto looked_again = [&] {
    const u64 last = view.status().heartbeat_ns;
    return eventually([&] { return view.status().heartbeat_ns > last + 250'000'000; });
  };
  const auto met = [&] {
    const std::string text = log_text(place.log);
    return std::all_of(place.journals.begin(), place.journals.end(), [&](const auto& journal) {
      return text.find("\"producer\":\"" + journal->name() + "\",\"inc\"") != text.npos;
    });
  };
  CHECK(eventually(met));
  shmring::os::Segment segment;
  REQUIRE(shmring::os::attach(Workplace::ring, segment) == 0);
  const ring::Owner self = shmring::os::self(*segment.ring.header);
  const ring::Owner words[scribbled] = {{0, 0, ring::OwnerState::free},
                                        {self.pid, 0, ring::OwnerState::attached},
                                        {0, self.start_time, ring::OwnerState::left},
                                        {self.pid, self.start_time, ring::OwnerState::attached}};
  int entries[scribbled];
  for (u32 i = 0; i < scribbled; ++i) entries[i] = view.entry_of(producers[i].pid());
  for (u32 i = 0; i < scribbled; ++i) segment.ring.entries[entries[i]].owner = words[i].bits();
  CHECK(looked_again());
  for (Child& producer : producers) producer.kill();
  CHECK(looked_again());
  const u64 wakeups = view.status().wakeups;
  const auto begin = Steady::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // the interval that is counted
  const double rate = static_cast<double>(view.status().wakeups - wakeups) / milliseconds_since(begin) * 1000;
  CHECK(rate > 1);
  CHECK(rate <= 60);
  CHECK(daemon.end() == 0);
  report("owner words scribbled over, then their processes ended: %.0f wake-ups a second", rate);
}

TEST_CASE("a neighbour that cuts the segment off, or punches holes, ends the collector at most with status 5") {
  std::mt19937_64 random = seeded(72);
  for (const bool cut : {true, false}) {
    Sums sums;
    for (u64 i = by_mode<u64>(1, 4, part_of(80)); i > 0; --i) damage_once(cut, random, sums);
    report("%lu times %s: %lu collectors ended with status 5, %lu producers by SIGBUS, %lu events, %lu lost, %lu incidents",
           sums.scribbles, cut ? "cut off" : "punched", sums.exit_5, sums.bus, sums.events, sums.lost, sums.incidents);
  }
}
