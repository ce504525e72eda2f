// What the kernel keeps of a ring beside its memory: the name, and the remover's lock.
#include "tests/explore/ring_world.hpp"

namespace explore {

// Behind its point.
void RingWorld::kernel(const char* what) {
  Scheduler& scheduler = Scheduler::active();
  scheduler.note(what);
  scheduler.kernel_is(mix(static_cast<u64>(lock_ + 1), named_));
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
