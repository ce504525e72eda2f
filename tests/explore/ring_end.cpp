// The oracle of the ring's world at its end, and where a collector has nothing more to do.
#include <bit>

#include "tests/explore/ring_world.hpp"

namespace explore {

using namespace shmring::ring;

void RingWorld::check_quiet() {
  Scheduler& scheduler = Scheduler::active();
  for (std::size_t i = 0; i < scheduler.roles().size(); ++i) {
    const RoleState state = scheduler.roles()[i].state;
    if ((state != RoleState::killed && state != RoleState::ended) || !deeds_[i].attached) continue;
    const Truth* truth = log_.truth(deeds_[i].incarnation);
    if (truth == nullptr || !truth->closed) scheduler.fail("an account stays open because another producer is stopped");
  }
}

std::string RingWorld::finish() {
  const auto& roles = Scheduler::active().roles();
  for (std::size_t i = 0; i < roles.size(); ++i) {
    if (roles[i].restarts) continue;
    if (roles[i].state == RoleState::idle) return roles[i].name + " waits for ever";
    if (!named_ && deeds_[i].attempted > 0) return roles[i].name + ": it wrote into a ring that was removed";
    if (!named_) continue;
    if (std::string wrong = finish(deeds_[i]); !wrong.empty()) return roles[i].name + ": " + wrong;
  }
  if (!named_) return "";
  if (ring_.header->state != static_cast<u32>(SegmentState::open)) return "the ring has its name, and nobody may write into it";
  return finish_memory();
}

std::string RingWorld::finish(const Deeds& deeds) const {
  const Truth* truth = log_.truth(deeds.incarnation);
  if (!deeds.attached) return truth == nullptr || !truth->attached ? "" : "died before it was attached, and has lines";
  if (truth == nullptr || !truth->attached) return "attached, and has no attach line";
  if (!truth->closed) return "its account is never closed";
  if (truth->through != deeds.attempted) return "its account is closed with a hole";
  const auto published = static_cast<u64>(std::popcount(deeds.published));
  const auto lost = static_cast<u64>(std::popcount(deeds.lost()));
  const auto shed = static_cast<u64>(std::popcount(deeds.published & deeds.shed & ~deeds.overwritten));
  const u64 given_up = published - lost - truth->events;
  if (given_up > shed) return "not every published record is an event or overwritten";
  u64 refused = 0;
  for (std::size_t i = 0; i < refusal_causes; ++i) {
    const auto count = static_cast<u64>(std::popcount(deeds.refused[i]));
    refused += count;
    if (truth->totals.count[i] != count) return "its refusals are not those that the log names";
  }
  const u64 died = deeds.attempted - published - refused;
  const u64 lost_or_shed = deeds.published & (deeds.overwritten | deeds.shed);
  const u64 open = lost_or_shed >> deeds.attempted & u64{deeds.is_open(deeds.attempted)};
  if (truth->totals[shmring::log::Cause::died] < died || truth->totals[shmring::log::Cause::died] > died + open)
    return "its loss by death is not what is left";
  if (truth->totals[shmring::log::Cause::died] + truth->totals[shmring::log::Cause::overwritten] != died + lost + given_up)
    return "what was overwritten is not what the log counts";
  return "";
}

std::string RingWorld::finish_memory() const {
  for (int number = 0; number < static_cast<int>(plan_.slots * plan_.lanes); ++number) {
    if (Word::of(slot(number).word).state != SlotState::empty) return "slot " + std::to_string(number) + " is never released";
  }
  for (u32 entry = 0; entry < plan_.entries; ++entry) {
    if (ring_.entries[entry].owner != 0) return "entry " + std::to_string(entry) + " is never freed";
  }
  for (u32 lane = 0; lane < plan_.lanes; ++lane) {
    if (ring_.lanes[lane].owner != 0) return "lane " + std::to_string(lane) + " is never freed";
  }
  return "";
}

}  // namespace explore
