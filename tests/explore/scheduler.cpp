// One execution: choices in, steps out.
#include "tests/explore/scheduler.hpp"

#include <algorithm>
#include <array>

namespace explore {

Scheduler* Scheduler::active_ = nullptr;

Scheduler::Scheduler(World& world, void* shared, std::size_t bytes, bool weak)
    : world_(world), shared_(static_cast<std::byte*>(shared)), pristine_(shared_, shared_ + bytes), weak_(weak),
      memory_(weak ? bytes : 0) {}

void Scheduler::add_role(std::string name, std::function<void()> body, bool restarts, std::string begins_with) {
  Role role;
  role.name = std::move(name), role.body = std::move(body), role.restarts = restarts;
  role.begins_with = std::move(begins_with);
  role.fiber = std::make_unique<Fiber>();
  roles_.push_back(std::move(role));
}

Scheduler::Outcome Scheduler::run(Chooser& chooser, const Bounds& bounds, int steps, std::vector<Step>* trace) {
  active_ = this, chooser_ = &chooser, trace_ = trace, left_ = bounds, most_steps_ = steps;
  steps_ = 0, current_ = -1, memory_hash_ = log_hash_ = kernel_hash_ = now_ns_ = 0, outcome_ = Outcome::running;
  failure_.clear();
  std::memcpy(shared_, pristine_.data(), pristine_.size());
  world_.reset();
  memory_.reset();
  for (Role& role : roles_) {
    role.lives = 0, role.dirty = true, role.spinning = role.settled = false;
    begin_life(role);
    if (!role.begins_with.empty()) role.state = RoleState::waiting;
  }
  decide(Turn::gone);
  // Fresh fibers are started from here: a role that is killed and begins again cannot rewrite the stack it stands on.
  while (outcome_ == Outcome::running) {
    Role& role = roles_[static_cast<std::size_t>(current_)];
    role.fresh = role.dirty = false;
    role.fiber->start(&Scheduler::enter, this);
    Fiber::switch_to(*role.fiber);
  }
  if (outcome_ == Outcome::complete) {
    current_ = -1;
    failure_ = world_.finish();
    if (!failure_.empty()) outcome_ = Outcome::failed;
  }
  return outcome_;
}

void Scheduler::enter(void* scheduler) {
  auto* self = static_cast<Scheduler*>(scheduler);
  self->roles_[static_cast<std::size_t>(self->current_)].body();
  self->end_role();
}

void Scheduler::begin_life(Role& role) {
  ++role.lives;
  role.state = RoleState::runnable, role.fresh = true, role.begun = false, role.observed = 0, role.dirty = true;
  role.next = Access{};
}

void Scheduler::go(int next) {
  const bool same = next == current_;
  current_ = next;
  Role& role = roles_[static_cast<std::size_t>(next)];
  if (role.fresh) {
    Fiber::switch_to(Fiber::outside());  // run() starts it
  } else if (!same) {
    Fiber::switch_to(*role.fiber);
  }
}

void Scheduler::leave(Outcome outcome) {
  outcome_ = outcome;
  for (;;) Fiber::switch_to(Fiber::outside());
}

bool Scheduler::killable(const Role& role) const {
  const bool stands = role.state == RoleState::runnable || role.state == RoleState::idle || role.state == RoleState::asleep;
  return stands && role.next.has_effect() && (role.restarts ? left_.restarts : left_.kills) > 0;
}

void Scheduler::kill(int index) {
  Role& role = roles_[static_cast<std::size_t>(index)];
  --(role.restarts ? left_.restarts : left_.kills);
  record(index, {At{}, Kind::killed, nullptr, 0});
  if (role.restarts) return begin_life(role);
  role.state = RoleState::killed, role.observed = world_.remembers(index);
  wake_successors(index);
  changed(index);
}

void Scheduler::wake_successors(int index) {
  const std::string& name = roles_[static_cast<std::size_t>(index)].name;
  for (Role& role : roles_) {
    if (role.state == RoleState::waiting && role.begins_with == name) role.state = RoleState::runnable;
  }
}

void Scheduler::changed(int by) {
  for (std::size_t i = 0; i < roles_.size(); ++i) {
    if (static_cast<int>(i) == by) continue;
    roles_[i].dirty = true, roles_[i].spinning = roles_[i].settled = false;
    if (roles_[i].state == RoleState::idle) roles_[i].state = RoleState::runnable;
  }
}

u64 Scheduler::key(Turn turn) const {
  u64 hash = mix(mix(memory_hash_, log_hash_), mix(kernel_hash_, now_ns_));
  for (const Role& role : roles_) {
    hash = mix(hash, role.observed);
    hash = mix(hash, static_cast<u64>(role.state) | (role.dirty ? 16 : 0) | (role.spinning ? 32 : 0) | (role.fresh ? 64 : 0) |
                         (role.settled ? 128 : 0));
  }
  if (weak_) {
    u32 living = 0, dead = 0;
    for (std::size_t i = 0; i < roles_.size(); ++i) {
      if (roles_[i].state == RoleState::killed)
        dead |= 1u << i;
      else if (roles_[i].state != RoleState::ended)
        living |= 1u << i;
    }
    hash = mix(hash, memory_.digest(living, dead, left_.stale > 0));
  }
  return mix(hash, static_cast<u64>(turn) << 8 | static_cast<u64>(turn == Turn::gone ? 255 : current_));
}

int Scheduler::take(int count, Turn turn) {
  Outside outside;  // what the search keeps
  const int chosen = chooser_->choose(count, chooser_->repeats() ? 0 : key(turn), left_);
  if (chosen == Chooser::prune) {
    if (current_ >= 0) leave(Outcome::pruned);
    outcome_ = Outcome::pruned;
  }
  return chosen;
}

// Who acts next. Returns when the role that called goes on; at once when run() calls.
void Scheduler::decide(Turn turn) {
  constexpr int go_on = -1, die = -2, stop = -3;
  std::array<int, 16> option;
  int count = 0;
  const bool standing = turn != Turn::gone;
  const bool free_switch = turn == Turn::pause || turn == Turn::gone;
  const int me = current_;
  if (standing) option[count++] = go_on;
  if (free_switch || (turn == Turn::step && left_.preemptions > 0)) {
    for (int i = 0; i < static_cast<int>(roles_.size()); ++i) {
      if (roles_[static_cast<std::size_t>(i)].state == RoleState::runnable && !(standing && i == me)) option[count++] = i;
    }
  }
  if (count == 0 && let_deadline_pass()) return decide(turn);
  if (count == 0) option[count++] = stop;
  if (me >= 0 && killable(roles_[static_cast<std::size_t>(me)])) option[count++] = die;
  if (count == 1 && (standing || option[0] == stop)) {
    if (option[0] == stop) leave(Outcome::complete);
    return;
  }
  const int chosen = take(count, turn);
  if (chosen == Chooser::prune) return;
  const int what = option[static_cast<std::size_t>(chosen)];
  if (what == go_on) return;
  if (what == stop) leave(Outcome::complete);
  if (what == die) {
    kill(me);
    return decide(Turn::gone);
  }
  if (!free_switch) --left_.preemptions;
  if (me < 0)
    current_ = what;
  else
    go(what);
}

void Scheduler::point(const Access& access) {
  if (++steps_ > most_steps_) fail("livelock: more than " + std::to_string(most_steps_) + " steps");
  Role& me = roles_[static_cast<std::size_t>(current_)];
  me.next = access;
  me.observed = mix(me.observed, static_cast<u64>(access.at) << 8 | static_cast<u64>(access.kind));
  if (access.has_effect()) me.settled = false;
  switch (me.settled ? Seen::by_nobody : world_.seen(access)) {
    case Seen::by_all:
      decide(me.begun ? Turn::step : Turn::own);
      me.begun = true;
      break;
    case Seen::by_successors: decide(Turn::own); break;
    case Seen::by_nobody: break;
  }
  record(current_, access);
}

void Scheduler::record(int role, const Access& access) {
  if (trace_ == nullptr) return;
  Outside outside;
  trace_->push_back({role, access, 0, 0, ""});
}

void Scheduler::observe(u64 value) {
  u64& observed = roles_[static_cast<std::size_t>(current_)].observed;
  observed = mix(observed, value);
}

void Scheduler::knows_only(u64 digest) {
  roles_[static_cast<std::size_t>(current_)].observed = mix(digest, world_.remembers(current_));
}

void Scheduler::note(const std::string& text) {
  if (trace_ == nullptr || trace_->empty()) return;
  Outside outside;
  trace_->back().note = text.c_str();  // a copy on the heap: the text may stand in the role's arena
}

bool Scheduler::proven_dead(int index) {
  const Access access{At::owner_seen, Kind::proof, nullptr, static_cast<u32>(index)};
  point(access);
  Role& role = roles_[static_cast<std::size_t>(index)];
  if (role.state != RoleState::killed && killable(role) && take(2, Turn::choice) == 1) {
    kill(index);
    record(current_, access);
  }
  const bool dead = role.state == RoleState::killed;
  observe(dead);
  if (trace_) trace_->back().after = dead;
  if (weak_ && dead) memory_.learn(current_, index);  // all that it has stored is visible by now
  world_.looked(current_, access, dead);
  return dead;
}

int Scheduler::choose(int count) {
  if (left_.cuts == 0) return 0;
  Role& me = roles_[static_cast<std::size_t>(current_)];
  me.next = {At{}, Kind::choice, nullptr, 0};
  const int chosen = take(count, Turn::choice);
  if (chosen > 0) --left_.cuts;
  observe(static_cast<u64>(chosen));
  record(current_, me.next);
  if (trace_) trace_->back().after = static_cast<u64>(chosen);
  return chosen;
}

void Scheduler::pause() {
  Role& me = roles_[static_cast<std::size_t>(current_)];
  if (++steps_ > most_steps_) fail("livelock: more than " + std::to_string(most_steps_) + " steps");
  me.next = {At{}, Kind::pause, nullptr, 0};
  me.observed = mix(me.observed, 'p');
  me.settled = me.spinning;
  if (me.spinning) return;
  me.spinning = true;
  decide(Turn::pause);
}

void Scheduler::idle() {
  Role& me = roles_[static_cast<std::size_t>(current_)];
  if (++steps_ > most_steps_) fail("livelock: more than " + std::to_string(most_steps_) + " steps");
  me.next = {At{}, Kind::idle, nullptr, 0};
  me.observed = mix(me.observed, 'i');
  if (me.dirty) {
    me.dirty = false;
    decide(Turn::pause);
  } else {
    me.state = RoleState::idle;
    decide(Turn::gone);
    roles_[static_cast<std::size_t>(current_)].dirty = false;
  }
}

// Compare and sleep are one, as the kernel does it.
void Scheduler::sleep(const Access& access, u32 newest, u32 expected, u64 deadline_ns) {
  const u64 value = read(access, newest, std::memory_order_relaxed, WeakMemory::Use::sleep);
  world_.looked(current_, access, value == expected);
  if (value != expected) return note("not: it has changed");
  const bool timed_out = choose(2) == 1;
  Role& me = roles_[static_cast<std::size_t>(current_)];
  me.next = access, me.deadline_ns = deadline_ns;
  if (timed_out) {
    now_ns_ = std::max(now_ns_, deadline_ns);
    return decide(Turn::pause);
  }
  me.state = RoleState::asleep;
  decide(Turn::gone);
}

void Scheduler::wake(const std::atomic<u32>& word) {
  const Access access{At::freed_sleep, Kind::wake, &word, 0};
  point(access);
  bool any = false;
  for (Role& role : roles_) {
    if (role.state != RoleState::asleep || role.next.address != &word) continue;
    role.state = RoleState::runnable;
    any = true;
  }
  if (any) now_ns_ += wake_ns;
  if (weak_) memory_.waking(current_, memory_.word(offset(&word), word.load(std::memory_order_relaxed)));
  world_.looked(current_, access, any);
}

// Nobody can go on but by time. False: nobody sleeps.
bool Scheduler::let_deadline_pass() {
  u64 first = ~u64{0};
  for (std::size_t i = 0; i < roles_.size(); ++i) {
    if (roles_[i].state != RoleState::asleep) continue;
    const std::string wrong = world_.overslept(static_cast<int>(i));
    if (!wrong.empty()) fail(roles_[i].name + wrong);
    first = std::min(first, roles_[i].deadline_ns);
  }
  if (first == ~u64{0}) return false;
  now_ns_ = std::max(now_ns_, first);
  for (Role& role : roles_)
    if (role.state == RoleState::asleep && role.deadline_ns <= now_ns_) role.state = RoleState::runnable;
  return true;
}

void Scheduler::fail(const std::string& what) {
  Outside outside;
  failure_ = what.c_str();
  leave(Outcome::failed);
}

void Scheduler::end_role() {
  Role& me = roles_[static_cast<std::size_t>(current_)];
  me.state = RoleState::ended, me.observed = world_.remembers(current_);
  wake_successors(current_);
  decide(Turn::gone);
  leave(Outcome::complete);  // not reached: an ended role is never chosen
}

}  // namespace explore
