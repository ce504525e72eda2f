// All roles as threads over one mapping, by each policy: what a race detector can look at, beside ring_threads.cpp. Producers
// of both kinds of lane write records of one slot and of several, in place and not, and are refused; they detach, die at any
// access, and attach again in entries and lanes that others had; collectors follow one another, most of them by death; somebody
// looks on.
//
// Each attempt must be in the log once, as what its producer saw of it.
#include <thread>

#include "lib/inspect/inspect.hpp"
#include "tests/support/mode.hpp"
#include "tests/support/thread_roles.hpp"

using namespace plain;
namespace inspect = shmring::inspect;
using shmring::test::below;
using shmring::test::by_mode;

namespace {

constexpr u32 threads = 4, lanes = 3, room = 64, max_record = 256;
constexpr u32 most_types = 3;

// One life of one producer.
class Role {
 public:
  Role(const Ring& ring, Journal& journal, Counts& counts, std::mt19937_64& random)
      : ring_(ring), journal_(journal), counts_(counts), random_(random) {}

  bool attach(u32 pid, u32 lane) {
    const int result = producer_.attach(ring_, owner(pid), identity("p" + std::to_string(pid)), lane);
    if (result == 0) journal_.incarnation = producer_.incarnation();
    return result == 0;
  }
  void act() {
    const u64 what = below(random_, 16);
    if (what < 7) return write(below(random_, room + 1), false);
    if (what < 10) return write(room + 1 + below(random_, max_record - room), false);
    if (what < 12) return write(max_record + 1, what == 10);
    in_place(what);
  }
  void name_type() {
    const u32 type = 1 + static_cast<u32>(below(random_, most_types));
    if (producer_.name_type(type, "t" + std::to_string(type)) == 0) named_ = type;
  }
  void detach() { producer_.detach(); }
  // What was left open may not be over as it was noted.
  void dies() {
    journal_.died = true;
    if (left_open_ && producer_.sequence() == journal_.attempts.size()) journal_.attempts.pop_back();
  }

 private:
  shmring_meta meta() const {
    shmring_meta meta{};
    meta.kind = SHMRING_KIND_BYTES, meta.type = named_;
    return meta;
  }
  void note(int result, std::size_t bytes, log::Cause cause = log::Cause::full) {
    left_open_ = false;
    if (result == SHMRING_FULL) Counts::count(counts_.refused);
    if (result == SHMRING_TIMEOUT) Counts::count(counts_.timed_out), cause = log::Cause::timeout;
    if (result == SHMRING_TOO_BIG) cause = log::Cause::too_big;
    const bool event = result == 0 && cause != log::Cause::aborted;
    journal_.attempts.push_back({event, static_cast<u32>(event ? bytes : 0), event ? named_ : 0, cause});
  }
  void write(std::size_t bytes, bool cut) {
    const Pattern pattern(journal_.incarnation, producer_.sequence() + 1);
    shmring_meta about = meta();
    if (cut) about.flags = SHMRING_META_TRUNCATE;
    note(producer_.write(&about, pattern.words, bytes), cut ? max_record : bytes);
  }
  void in_place(u64 what) {
    const std::size_t bytes = below(random_, room + 1);
    void* place = nullptr;
    const int result = producer_.claim(bytes, &place);
    if (result != 0) return note(result, 0);
    const Pattern pattern(journal_.incarnation, producer_.sequence());
    std::memcpy(place, pattern.words, bytes);
    const shmring_meta about = meta();
    switch (what) {
      case 12: return note(producer_.commit(&about, bytes / 2), bytes / 2);
      case 13: return note(producer_.commit(&about, bytes + 1), 0);
      case 14: return note(producer_.abort(), 0, log::Cause::aborted);
      default: note(0, 0, log::Cause::aborted);  // the next call, or its end, gives it up
    }
    left_open_ = true;
  }

  Ring ring_;
  Producer<RoleMemory> producer_;
  Journal& journal_;
  Counts& counts_;
  std::mt19937_64& random_;
  u32 named_ = 0;
  bool left_open_ = false;
};

// One scene: everybody at once.
class Stage {
 public:
  explicit Stage(const Scene& scene)
      : scene_(scene), lives_(by_mode(12u, 12u, 40u)), attempts_(by_mode(400u, 400u, 800u)), mapped_(shape(scene)),
        host_(threads * lives_ + 1), journals_(threads * lives_) {}

  static Geometry shape(const Scene& scene) {
    Geometry geometry{};
    geometry.slots = scene.slots, geometry.slot_bytes = room + sizeof(Slot), geometry.lanes = lanes;
    geometry.producers = threads, geometry.max_record = max_record, geometry.flags = with_tripwire | with_timestamp;
    geometry.on_full = static_cast<u32>(scene.on_full), geometry.wait_us = scene.wait_us;
    return geometry;
  }
  void play() {
    std::vector<std::thread> roles;
    for (u32 i = 0; i < threads; ++i)
      roles.emplace_back([this, i] {
        live(i, 0);
        Counts::count(first_over_);
        while (!collecting_.load(std::memory_order_relaxed)) std::this_thread::yield();
        for (u32 life = 1; life < lives_ && !given_up_; ++life) live(i, life);
        --running_;
      });
    std::thread observer([this] { look_on(); });
    collect();
    for (std::thread& role : roles) role.join();
    observer.join();
  }
  void judge() {
    CHECK_MESSAGE(log_.broken == "", log_.broken);
    CHECK(gate_is_open());
    std::size_t attached = 0;
    u64 attempts = 0;
    for (const Journal& journal : journals_) {
      if (journal.incarnation == 0) continue;  // died before it was attached
      ++attached, attempts += journal.attempts.size();
      const std::string problem = log_.compare(journal, scene_.on_full == OnFull::overwrite);
      CHECK_MESSAGE(problem == "", problem);
    }
    CHECK((log_.lives() == attached && log_.closed() == attached));
    CHECK_MESSAGE(findings_ == "", findings_);
    CHECK(looks_ > 0);
    CHECK(mapped_.is_empty());
    shmring::test::report(
        "threads, %s: %llu attempts of %zu lives, %llu ended by death, %llu collectors, %llu sleeps, "
        "%llu late, %llu looks",
        scene_.name, static_cast<unsigned long long>(attempts), attached, number(counts_.deaths),
        static_cast<unsigned long long>(collectors_), number(RoleMemory::sleeps), static_cast<unsigned long long>(log_.late),
        number(looks_));
  }

 private:
  static unsigned long long number(const std::atomic<u64>& count) { return Counts::of(count); }

  // The first lives are whole ones, each with an entry, so that the gate opens; the others wait for it. Later ones may end at
  // any access, from the attach on; and some attempt nothing: then nothing but the entry itself orders what is written in it
  // before what a collector, and who has it next, do there.
  void live(u32 thread, u32 life) {
    const u32 number = thread * lives_ + life, pid = number + 1;
    std::mt19937_64 random = shmring::test::seeded(number);
    Journal& journal = journals_[number];
    Role role(mapped_.ring, journal, counts_, random);
    const u32 first[] = {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE, SHMRING_LANE_AUTO, SHMRING_LANE_SHARED};
    if (life != 0 && below(random, 2) == 0) RoleMemory::accesses_left = 1 + below(random, 600);
    try {
      for (u32 lane = life == 0 ? first[thread] : static_cast<u32>(below(random, 3)); !role.attach(pid, lane);) {
        if (given_up_) return;
        Counts::count(counts_.turned_away);
        std::this_thread::yield();
        lane = static_cast<u32>(below(random, 3));
      }
      const u32 attempts = life != 0 && below(random, 3) == 0 ? 0 : attempts_;
      if (attempts != 0) role.name_type();
      for (u32 i = 0; i < attempts && !given_up_; ++i) role.act();
      role.detach();
      RoleMemory::accesses_left = 0;
    } catch (const Died&) {
      if (journal.incarnation != 0) role.dies();
      Counts::count(counts_.deaths);
      host_.died[pid] = true;
    }
  }

  bool gate_is_open() const {
    switch (scene_.gate) {
      case Scene::Gate::refused: return Counts::of(counts_.refused) != 0;
      case Scene::Gate::timed_out: return Counts::of(counts_.timed_out) != 0;
      case Scene::Gate::slept: return Counts::of(RoleMemory::sleeps) != 0;
      default: return mapped_.ring.lanes[0].tail.load(std::memory_order_relaxed) > 3 * u64{scene_.slots};
    }
  }

  // Collectors one after the other, each in a thread of its own, as the lease hands a ring on.
  void collect() {
    while (!gate_is_open() && Counts::of(first_over_) != threads) std::this_thread::yield();
    collecting_.store(true, std::memory_order_relaxed);
    std::mt19937_64 random = shmring::test::seeded(1000);
    for (bool over = false; !over; ++collectors_) {
      const u64 left = 200 + below(random, 8000);
      std::thread([&] {
        RoleMemory::accesses_left = running_ == 0 ? 0 : left;
        try {
          over = collect_once();
        } catch (const Died&) {
        }
      }).join();
    }
    given_up_ = true;
  }
  bool collect_once() {
    collect::Collector<RoleMemory> collector(mapped_.ring, {}, host_, log_);
    collector.start(log_.recovered());
    for (u64 pass = 0, after_the_end = 0; after_the_end < 64; ++pass) {
      if (running_ == 0) ++after_the_end, RoleMemory::accesses_left = 0;
      collector.pass(pass % 16 == 0 || running_ == 0);
      if (!log_.broken.empty()) return true;
      if (collector.is_idle()) std::this_thread::yield();
    }
    return true;
  }

  // What `shmring stat` and `shmring dump` see of a live ring: nothing that could not be.
  void look_on() {
    inspect::Findings findings;
    while (running_ != 0 && !given_up_) {
      const inspect::Inspection seen = inspect::read_segment(mapped_.seen, {}, true);
      u64 bad = 0;
      inspect::read_slots(
          mapped_.seen, {},
          [&](const inspect::SlotFacts& slot) {
            bad += slot.hash == inspect::Hash::bad;
            return true;
          },
          findings);
      for (const std::string& text : seen.findings.texts) findings.add(text);
      if (bad != 0 || findings.count != 0) break;
      Counts::count(looks_);
      std::this_thread::yield();
    }
    for (const std::string& text : findings.texts) findings_ += text + "\n";
  }

  Scene scene_;
  u32 lives_, attempts_;
  MappedRing mapped_;
  RoleHost host_;
  Counts counts_;
  ArrivalLog log_;
  std::vector<Journal> journals_;
  std::string findings_;
  std::atomic<u64> looks_ = 0, first_over_ = 0;
  std::atomic<bool> collecting_ = false;
  u64 collectors_ = 0;
  std::atomic<u32> running_ = threads;
  std::atomic<bool> given_up_ = false;
};

void play(const Scene& scene) {
  RoleMemory::sleeps = 0;
  Stage stage(scene);
  stage.play();
  stage.judge();
}

}  // namespace

TEST_CASE("all roles at once, policy drop") { play({"drop", OnFull::drop, 0}); }

TEST_CASE("all roles at once, policy overwrite: the collector is lapped") {
  play({"overwrite", OnFull::overwrite, 0, 16, Scene::Gate::lapped});
}

TEST_CASE("all roles at once, policy wait: producers sleep in the kernel until a collector wakes them") {
  play({"wait", OnFull::wait, 20'000'000, 16, Scene::Gate::slept});
}

TEST_CASE("all roles at once, policy hybrid: producers sleep until they are woken, or their time is over") {
  play({"hybrid", OnFull::hybrid, 1'000, 16, Scene::Gate::timed_out});
}

// The scenes meet it by chance: in the shared lane the tail orders most of what its producers do.
TEST_CASE("a record that another producer overwrites was written before: by the order of the slot's word alone") {
  const MappedRing mapped(Stage::shape({"", OnFull::overwrite, 0}));
  std::atomic<bool> written = false;
  const auto write = [&](u32 pid, u32 records) {
    Producer<RoleMemory> producer;
    bool all = producer.attach(mapped.ring, owner(pid), identity("p"), SHMRING_LANE_SHARED) == 0;
    for (u32 i = 0; i < records; ++i) {
      const Pattern pattern(producer.incarnation(), i + 1);
      all = producer.write(nullptr, pattern.words, room) == 0 && all;
    }
    return all;
  };
  bool results[2] = {};
  std::thread first([&] {
    results[0] = write(1, 1);
    written.store(true, std::memory_order_relaxed);
  });
  std::thread second([&] {
    while (!written.load(std::memory_order_relaxed)) std::this_thread::yield();
    results[1] = write(2, 3 * mapped.ring.geometry.slots);
  });
  first.join();
  second.join();
  CHECK((results[0] && results[1]));
  CHECK(mapped.ring.lanes[0].tail == 1 + 3 * mapped.ring.geometry.slots);
}
