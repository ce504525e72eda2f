// What the kernel keeps of a ring beside its memory: the name, and the remover's lock.
#include "tests/explore/ring_world.hpp"

namespace explore {

// Behind its point.
void RingWorld::kernel(const char* what) {
  Scheduler& scheduler = Scheduler::active();
  scheduler.note(what);
  u64 digest = mix(static_cast<u64>(lock_ + 1), named_);
  for (const Deeds& deeds : deeds_) digest = mix(digest, deeds.durable);
  scheduler.kernel_is(digest);
}

bool RingWorld::has_name() {
  Scheduler& scheduler = Scheduler::active();
  scheduler.point({At{}, Kind::kernel, nullptr, 0});
  scheduler.note(named_ ? "the name means this ring" : "the ring has lost its name");
  scheduler.observe(named_);
  return named_;
}

void RingWorld::remove_name() {
  Scheduler::active().point({At{}, Kind::kernel, nullptr, 0});
  named_ = false;
  Rows::take(Row::name_removed);
  kernel("removes the ring's name");
}

bool RingWorld::sync() {
  bool news = false;
  for (const Deeds& deeds : deeds_) {
    const Truth* truth = log_.truth(deeds.incarnation);
    news |= truth != nullptr && truth->through > deeds.durable;
  }
  if (!news) return false;
  Scheduler::active().point({At{}, Kind::kernel, nullptr, 0});
  for (Deeds& deeds : deeds_)
    if (const Truth* truth = log_.truth(deeds.incarnation)) deeds.durable = truth->through;
  kernel("syncs the log");
  return true;
}

std::vector<RingWorld::Durable> RingWorld::durable() const {
  std::vector<Durable> all;
  for (const Deeds& deeds : deeds_)
    if (deeds.durable > 0) all.push_back({deeds.entry, deeds.incarnation, deeds.durable});
  return all;
}

void RingWorld::begins_to_wait(u64 sequence) {
  deeds_[static_cast<std::size_t>(Scheduler::active().current())].waits_for = sequence;
}

void RingWorld::has_waited(int result) {
  Deeds& deeds = deeds_[static_cast<std::size_t>(Scheduler::active().current())];
  if (result == 0 && deeds.durable < deeds.waits_for)
    Scheduler::active().fail("a producer is told that its records are durable, and they are not");
  deeds.waits_for = 0;
}

void RingWorld::begin_again() {
  if (lock_ != Scheduler::active().current()) return;
  Scheduler::active().point({At{}, Kind::kernel, nullptr, 0});
  lock_ = -1;
  kernel("had the remover's lock when it was killed");
}

bool RingWorld::take_lock() {
  Scheduler& scheduler = Scheduler::active();
  scheduler.point({At{}, Kind::kernel, nullptr, 0});
  const bool mine = lock_ < 0 || scheduler.roles()[static_cast<std::size_t>(lock_)].state == RoleState::killed;
  scheduler.observe(mine);
  if (!mine) {
    scheduler.note("another has the remover's lock");
    return false;
  }
  lock_ = scheduler.current();
  kernel("takes the remover's lock");
  return true;
}

void RingWorld::leave_lock() {
  Scheduler::active().point({At{}, Kind::kernel, nullptr, 0});
  lock_ = -1;
  kernel("gives the remover's lock back");
}

}  // namespace explore
