// The scheduler of an exploration: one execution of a few roles over shared memory, in an order that a Chooser
// decides.
//
// Before each access to shared memory, and at the few points besides (a line appended, a proof of death asked, a
// pause), a role calls point(). There the scheduler offers what may happen next, in this order: the role goes on;
// another role goes on in its place, which is a preemption unless the role ended, waits or pauses; the role is
// killed. Executions are sequentially consistent: an access takes effect at once, and value_of() is the one place
// where a load gets its value.
//
// Invariants:
//   - an execution is a function of the choices alone: same choices, same steps, bit for bit;
//   - no switch is offered before an access of which no other role can tell when it happens (World::seen);
//   - a role is a function of what it has observed (or says of itself at a moment where it knows no more:
//     knows_only), so (shared memory, log, every role's observations and state, bounds left) is the whole state:
//     key() hashes it, and a search may prune what it has met with at least as much left;
//   - a kill is offered only before an effect (a write, a line) or where the role waits: a kill before a load cannot
//     be told from one after it. A suspended role may also be killed at the moment when its death is asked for;
//   - who sleeps is woken by a wake, or by its deadline: at once for a cut, and for nothing once nobody else can go on. The
//     clock stands still but for deadlines that pass, and a little for each wake-up, so that who is woken for nothing again and
//     again comes to its deadline.
#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/ring/memory.hpp"
#include "tests/explore/fiber.hpp"

namespace explore {

using shmring::ring::At;
using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

enum class Kind : u8 { load, store, cas, add, copy_in, copy_out, line, proof, pause, idle, sleep, wake, choice, killed };

struct Access {
  At at{};
  Kind kind = Kind::load;
  const void* address = nullptr;  // of the shared word or bytes
  u32 bytes = 0;
  bool has_effect() const {
    return kind != Kind::load && kind != Kind::copy_out && kind != Kind::proof && kind != Kind::choice;
  }
};

// Who else can tell when an access happens. Nobody: what only its owner may touch at that time, or what nobody
// changes or waits for. Successors: only the role itself in its next life, so a kill before it is offered, and no
// switch.
enum class Seen : u8 { by_all, by_successors, by_nobody };

// What an execution may still spend. At most 7 of each.
struct Bounds {
  int preemptions = 2;
  int kills = 1;     // of producers
  int restarts = 1;  // of the collector: a kill, then a new life from the log alone
  int cuts = 1;      // data choices other than the first, such as a walk ended early
};

struct Step {
  int role = 0;
  Access access;
  u64 before = 0, after = 0;  // of the word; after of a load is what it read
  std::string note;
};

// Decides each choice. `key` names the state that is chosen in; a chooser that only repeats has no use for it.
class Chooser {
 public:
  virtual ~Chooser() = default;
  virtual bool repeats() const = 0;
  virtual int choose(int count, u64 key, const Bounds& left) = 0;  // 0 … count − 1, or prune
  static constexpr int prune = -1;
};

enum class RoleState : u8 { waiting, runnable, idle, asleep, ended, killed };

struct Role {
  std::string name;
  std::function<void()> body;
  bool restarts = false;    // a kill starts it again (the collector); otherwise it is dead for good
  std::string begins_with;  // waits until the role of this name ended or was killed; empty: from the start
  RoleState state = RoleState::waiting;
  int lives = 1;
  Access next{};
  u64 observed = 0;    // hash of all that this life has read
  bool fresh = true;   // its fiber is to be started before it is switched to
  bool begun = false;  // it has come to its first point: before that, nothing of it can be told from not having begun
  bool dirty = true;   // something has changed since it last began to look (see idle)
  // Nothing has changed since its last pause: a free switch there would be the same again; and in the second round since
  // then, so would be a switch before any load.
  bool spinning = false, settled = false;
  u64 deadline_ns = 0;  // of its sleep
  std::unique_ptr<Fiber> fiber;
};

inline constexpr u64 wake_ns = 512;

// What a scenario checks and does around the roles.
class World {
 public:
  virtual ~World() = default;
  virtual void reset() = 0;  // shared memory as at the start; called outside the roles
  virtual void wrote(int role, const Access&, u64 before, u64 after) = 0;  // an effect on a shared word, just happened
  virtual Seen seen(const Access&) const { return Seen::by_all; }
  virtual u64 remembers(int role) = 0;  // hash of what the world knows of a role's deeds
  virtual std::string finish() = 0;     // nobody can go on: the final oracle; empty: all is well
  // A role sleeps and nobody else can go on, so that its deadline will pass. Empty: there is nothing that it has missed.
  virtual std::string overslept(int) { return ""; }
};

class Scheduler {
 public:
  enum class Outcome { running, complete, pruned, failed };

  Scheduler(World& world, void* shared, std::size_t bytes);

  void add_role(std::string name, std::function<void()> body, bool restarts = false, std::string begins_with = "");
  const std::vector<Role>& roles() const { return roles_; }

  // One execution. `steps`: more than so many is a failure (livelock). `trace`: where the steps go, or null.
  Outcome run(Chooser& chooser, const Bounds& bounds, int steps, std::vector<Step>* trace);
  const std::string& failure() const { return failure_; }
  int steps() const { return steps_; }

  // What roles and ExploreMemory call.
  static Scheduler& active() { return *active_; }
  int current() const { return current_; }
  bool undisturbed() const { return !roles_[static_cast<std::size_t>(current_)].dirty; }  // see idle
  void point(const Access& access);
  void observe(u64 value);                                   // the running role has read something
  void knows_only(u64 digest);                               // all that it has read and still matters to it
  void effect(const Access& access, u64 before, u64 after);  // the running role has changed a word
  void copied_in(const Access& access, const void* from);    // … or bytes; does the copy
  void log_is(u64 digest) { log_hash_ = digest; }            // … or the log: all that matters of it from now on
  void note(const std::string& text);                        // for the trace
  bool recording() const { return trace_ != nullptr; }
  bool proven_dead(int role);
  int choose(int count);                                                       // 0, or something else at the price of a cut
  void pause();                                                                // others may go on at no price
  void sleep(const Access& access, u32 value, u32 expected, u64 deadline_ns);  // behind its point: compare, and sleep
  void wake(const void* word);                                                 // all who sleep there
  u64 now_ns() const { return now_ns_; }
  void idle();  // wait until something has changed since the last return from here (or since the role began)
  [[noreturn]] void fail(const std::string& what);
  [[noreturn]] void end_role();

 private:
  enum class Turn : u8 { own, step, pause, gone, choice };  // what a decision is for: own: go on or be killed, no switch;
                                                           // gone: the running role cannot go on
  static void enter(void* scheduler);
  void decide(Turn turn);
  int take(int count, Turn turn);
  u64 key(Turn turn) const;
  void begin_life(Role& role);
  void go(int role);
  [[noreturn]] void leave(Outcome outcome);
  void kill(int role);
  void wake_successors(int role);
  void changed(int by);
  bool let_deadline_pass();
  void record(int role, const Access& access);
  bool killable(const Role& role) const;

  static Scheduler* active_;
  World& world_;
  std::byte* shared_;
  std::vector<std::byte> pristine_;
  std::vector<Role> roles_;
  Chooser* chooser_ = nullptr;
  std::vector<Step>* trace_ = nullptr;
  Bounds left_;
  int current_ = -1, steps_ = 0, most_steps_ = 0;
  u64 memory_hash_ = 0, log_hash_ = 0, now_ns_ = 0;
  Outcome outcome_ = Outcome::complete;
  std::string failure_;

  friend struct ExploreMemory;
  u64 offset(const void* address) const { return static_cast<u64>(static_cast<const std::byte*>(address) - shared_); }
  bool is_shared(const void* address) const { return address >= shared_ && address < shared_ + pristine_.size(); }
};

inline u64 mix(u64 a, u64 b) {
  a = (a + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9 ^ (b + 0x632be59bd9b4e019) * 0x94d049bb133111eb;
  a ^= a >> 31, a *= 0xd6e8feb86659fd93, a ^= a >> 32;
  return a;
}

// The Memory of lib/ring/memory.hpp that the scheduler drives.
struct ExploreMemory {
  template <class T>
  static T load(At at, const std::atomic<T>& word, std::memory_order) {
    Scheduler& s = Scheduler::active();
    s.point({at, Kind::load, &word, sizeof(T)});
    const T value = value_of(word);
    s.observe(value);
    if (s.recording()) s.trace_->back().after = value;
    return value;
  }
  template <class T>
  static void store(At at, std::atomic<T>& word, T value, std::memory_order) {
    Scheduler& s = Scheduler::active();
    const Access access{at, Kind::store, &word, sizeof(T)};
    if (at == At::entry_zero && word.load(std::memory_order_relaxed) == value) return;  // most of an entry is zero already
    s.point(access);
    const T before = word.load(std::memory_order_relaxed);
    word.store(value, std::memory_order_relaxed);
    s.effect(access, before, value);
  }
  template <class T>
  static bool cas(At at, std::atomic<T>& word, T& expected, T desired, std::memory_order, std::memory_order) {
    Scheduler& s = Scheduler::active();
    const Access access{at, Kind::cas, &word, sizeof(T)};
    s.point(access);
    const T before = word.load(std::memory_order_relaxed);
    s.observe(before);
    if (before != expected) {
      expected = before;
      if (s.recording()) s.trace_->back().before = s.trace_->back().after = before, s.note("fails");
      return false;
    }
    word.store(desired, std::memory_order_relaxed);
    s.effect(access, before, desired);
    return true;
  }
  template <class T>
  static T add(At at, std::atomic<T>& word, T value, std::memory_order) {
    Scheduler& s = Scheduler::active();
    const Access access{at, Kind::add, &word, sizeof(T)};
    s.point(access);
    const T before = word.load(std::memory_order_relaxed);
    s.observe(before);
    word.store(before + value, std::memory_order_relaxed);
    s.effect(access, before, before + value);
    return before;
  }
  static void copy(At at, void* to, const void* from, std::size_t bytes);
  static void pause() { Scheduler::active().pause(); }
  static void sleep(At at, std::atomic<u32>& word, u32 expected, u64 deadline_ns) {
    Scheduler& s = Scheduler::active();
    const Access access{at, Kind::sleep, &word, sizeof(u32)};
    s.point(access);
    s.sleep(access, value_of(word), expected, deadline_ns);
  }
  static u64 now_ns() {
    Scheduler::active().observe(Scheduler::active().now_ns());
    return Scheduler::active().now_ns();
  }
  static void prefetch(const void*) {}
  static u64 ticks(shmring::ring::Clock) { return 1'000'000; }  // time stands still: nothing in the protocol may rest on it

 private:
  // Where a load gets its value: the last store, for now.
  template <class T>
  static T value_of(const std::atomic<T>& word) {
    return word.load(std::memory_order_relaxed);
  }
};

}  // namespace explore
