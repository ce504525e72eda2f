// The scheduler of an exploration: one execution of a few roles over shared memory, in an order that a Chooser
// decides.
//
// Before each access to shared memory, and at the few points besides (a line appended, a proof of death asked, a
// pause, a look at what the kernel keeps), a role calls point(). There the scheduler offers what may happen next, in
// this order: the role goes on;
// another role goes on in its place, which is a preemption unless the role ended, waits or pauses; the role is
// killed. An access takes effect at once. Executions are sequentially consistent, unless Bounds::stale says that memory
// is weak: then each access chooses the message that it reads, or behind which it writes (weak_memory.hpp); shared
// memory itself holds the newest value of each word, which is what a World looks at.
//
// Invariants:
//   - an execution is a function of the choices alone: same choices, same steps, bit for bit;
//   - no switch is offered before an access of which no other role can tell when it happens (World::seen);
//   - a role is a function of what it has observed (or says of itself at a moment where it knows no more:
//     knows_only), so (shared memory, log, every role's observations and state, bounds left) is the whole state:
//     key() hashes it, and a search may prune what it has met with at least as much left;
//   - a kill is offered only before an effect (a write, a line) or where the role waits: a kill before a load cannot
//     be told from one after it. A suspended role may also be killed at the moment when its death is asked for;
//   - a role that has read what is not the newest is never idle before it has looked again: a store becomes visible in the end;
//   - who sleeps is woken by a wake, or by its deadline: at once for a cut, and for nothing once nobody else can go on. The
//     clock stands still but for deadlines that pass, and a little for each wake-up, so that who is woken for nothing again and
//     again comes to its deadline.
#pragma once

#include <atomic>
#include <bitset>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/ring/memory.hpp"
#include "tests/explore/fiber.hpp"
#include "tests/explore/weak_memory.hpp"

namespace explore {

using shmring::ring::At;
using Labels = std::bitset<static_cast<std::size_t>(At::clock_again) + 1>;
enum class Kind : u8 {
  load,
  store,
  cas,
  add,
  copy_in,
  copy_out,
  line,
  kernel,
  proof,
  pause,
  idle,
  sleep,
  wake,
  choice,
  killed
};

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
  int stale = 0;     // accesses that do not see the newest message of their word (of weak memory)
};

struct Step {
  int role = 0;
  Access access;
  u64 before = 0, after = 0;  // of the word; after of a load is what it read
  std::string note;
  bool stale = false;  // the newest message was `newest`, by `writer` in step `written` (0: from the start)
  u64 newest = 0;
  int writer = -1, written = 0;
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
  virtual void looked(int, const Access&, u64) {}  // a load, or a compare-and-swap that failed, and what it read
  virtual Seen seen(const Access&) const { return Seen::by_all; }
  // Plain bytes that the running role reads on trial, and throws away unless words behind them say that they are whole.
  virtual bool on_trial(const Access&) const { return false; }
  virtual u64 remembers(int role) = 0;  // hash of what the world knows of a role's deeds
  virtual std::string finish() = 0;     // nobody can go on: the final oracle; empty: all is well
  // A role sleeps and nobody else can go on, so that its deadline will pass. Empty: there is nothing that it has missed.
  virtual std::string overslept(int) { return ""; }
};

class Scheduler {
 public:
  enum class Outcome { running, complete, pruned, failed };

  Scheduler(World& world, void* shared, std::size_t bytes, bool weak = false);

  void add_role(std::string name, std::function<void()> body, bool restarts = false, std::string begins_with = "");
  const std::vector<Role>& roles() const { return roles_; }
  // Break rules: each access of these labels is relaxed; of those, no longer seq_cst, but acquire and release.
  void relax(const Labels& labels, const Labels& weakened = {}) { relaxed_ = labels, weakened_ = weakened; }

  // One execution. `steps`: more than so many is a failure (livelock). `trace`: where the steps go, or null.
  Outcome run(Chooser& chooser, const Bounds& bounds, int steps, std::vector<Step>* trace);
  const std::string& failure() const { return failure_; }
  int steps() const { return steps_; }

  // What roles and ExploreMemory call.
  static Scheduler& active() { return *active_; }
  int current() const { return current_; }
  std::memory_order order_of(At at, std::memory_order order) const {
    if (relaxed_[static_cast<std::size_t>(at)]) return std::memory_order_relaxed;
    const bool weakened = order == std::memory_order_seq_cst && weakened_[static_cast<std::size_t>(at)];
    return weakened ? std::memory_order_acq_rel : order;
  }
  bool is_weak() const { return weak_; }
  bool undisturbed() const { return !roles_[static_cast<std::size_t>(current_)].dirty; }  // see idle
  void point(const Access& access);
  void observe(u64 value);      // the running role has read something
  void knows_only(u64 digest);  // all that it has read and still matters to it
  // The running role reads, or learns what it will write behind, from here: `newest` stands in the word.
  u64 read(const Access& access, u64 newest, std::memory_order order, WeakMemory::Use use = WeakMemory::Use::load);
  u64 read_to_swap(const Access& access, u64 newest, u64 expected, std::memory_order success, std::memory_order failure);
  u64 place(const Access& access, u64 newest, std::memory_order order);  // for a store: what it stands behind
  // … and writes there. True: it is the newest of its word.
  bool write(u64 value, std::memory_order order, bool update);
  void effect(const Access& access, u64 before, u64 after, bool newest);  // the running role has changed a word
  void copied_in(const Access& access, const void* from);                 // … or bytes; does the copy
  void copy_out(const Access& access, void* to);
  void log_is(u64 digest) { log_hash_ = digest; }  // … or the log: all that matters of it from now on
  void kernel_is(u64 digest) {                     // … or what the kernel keeps
    kernel_hash_ = digest;
    changed(current_);
  }
  void note(const std::string& text);  // for the trace
  bool recording() const { return trace_ != nullptr; }
  bool proven_dead(int role);
  int choose(int count);                                                        // 0, or something else at the price of a cut
  void pause();                                                                 // others may go on at no price
  void sleep(const Access& access, u32 newest, u32 expected, u64 deadline_ns);  // behind its point: compare, and sleep
  void wake(const std::atomic<u32>& word);                                      // all who sleep there
  u64 now_ns() const { return now_ns_; }
  void idle();  // wait until something has changed since the last return from here (or since the role began)
  [[noreturn]] void fail(const std::string& what);
  [[noreturn]] void end_role();

 private:
  enum class Turn : u8 { own, step, pause, gone, choice, message };  // what a decision is for: own: go on or be killed, no
                                                                    // switch; gone: the running role cannot go on
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
  u16 pick(std::memory_order order, WeakMemory::Use use, u64 expected);
  void check_race(const Access& access, bool writes);

  static Scheduler* active_;
  World& world_;
  std::byte* shared_;
  std::vector<std::byte> pristine_;
  std::vector<Role> roles_;
  Chooser* chooser_ = nullptr;
  std::vector<Step>* trace_ = nullptr;
  Bounds left_;
  int current_ = -1, steps_ = 0, most_steps_ = 0;
  u64 memory_hash_ = 0, log_hash_ = 0, kernel_hash_ = 0, now_ns_ = 0;
  Outcome outcome_ = Outcome::complete;
  std::string failure_;
  bool weak_;
  Labels relaxed_, weakened_;
  WeakMemory memory_;
  int word_ = 0;  // what the running role has read, and the message
  u16 message_ = 0;

  friend struct ExploreMemory;
  u64 offset(const void* address) const { return static_cast<u64>(static_cast<const std::byte*>(address) - shared_); }
  bool is_shared(const void* address) const { return address >= shared_ && address < shared_ + pristine_.size(); }
};

}  // namespace explore
