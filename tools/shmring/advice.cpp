// Advice by state: see advice.hpp.
#include "tools/shmring/advice.hpp"

#include <fmt/format.h>

#include "lib/os/users.hpp"
#include "tools/common/text.hpp"

namespace shmring::tool {
namespace {

// Returns true if something is wrong besides the boot, the version and the state, each of which is a finding.
bool is_damaged(const inspect::Inspection& facts) {
  const inspect::HeaderFacts& header = facts.header;
  return facts.findings.count > ring::u64{is_of_another_boot(header)} + !header.made_by.empty() + is_retired(header);
}

std::string of_damaged(const inspect::Inspection& facts, const inspect::Leftover& leftover) {
  const std::string& name = facts.header.name;
  const std::string look = fmt::format("look at it: shmring dump {}", name);
  if (may_be_given_up(facts, leftover)) return fmt::format("{}; every owner is dead: shmring rm --force {}", look, name);
  if (leftover.every_owner_dead)
    return fmt::format("{}; every owner is dead, so {} may decide what becomes of it", look, os::user_text(facts.header.owner));
  if (facts.lanes.empty()) return look + ", and find out who has it open (fuser)";
  return fmt::format("{}, and see who uses it: shmring stat {}; run this again when they have ended", look, name);
}

}  // namespace

bool is_of_another_boot(const inspect::HeaderFacts& header) { return header.this_boot && !*header.this_boot; }

bool is_retired(const inspect::HeaderFacts& header) {
  return header.state == static_cast<ring::u32>(ring::SegmentState::retired);
}

bool can_be_attached_to(const inspect::HeaderFacts& header) { return !is_of_another_boot(header) && header.made_by.empty(); }

bool may_be_given_up(const inspect::Inspection& facts, const inspect::Leftover& leftover) {
  return leftover.every_owner_dead && facts.header.ours;
}

std::string way_into_a_log(const inspect::Inspection& facts) {
  const std::string& name = facts.header.name;
  const std::string look = fmt::format("look at it: shmring dump {} --state ready", name);
  if (facts.collector.holds_lease) return "its collector drains it";
  if (is_of_another_boot(facts.header)) return "no collector can drain it; " + look;
  if (!facts.header.made_by.empty()) return fmt::format("shmringd of libshmring {} drains it; {}", facts.header.made_by, look);
  return fmt::format("start shmringd --ring {} --log DIR, which drains it, or {}", name, look);
}

std::string way_to_remove(const inspect::Inspection& facts, const inspect::Leftover& leftover) {
  const std::string who = facts.header.ours ? "shmring gc" : "as " + os::user_text(facts.header.owner) + ": shmring gc";
  return leftover.loses() ? way_into_a_log(facts) + "; then " + who : who;
}

std::string remedy(const inspect::Inspection& facts, const inspect::Leftover& leftover) {
  const inspect::HeaderFacts& header = facts.header;
  if (is_damaged(facts)) return of_damaged(facts, leftover);
  const bool drainable = !is_of_another_boot(header) && header.made_by.empty();
  if (!drainable && header.name != header.ring)
    return fmt::format("it was moved aside, and had the name {} before: {}", safe(header.ring), way_to_remove(facts, leftover));
  if (!drainable && leftover.every_owner_dead)
    return fmt::format("shmringd moves it aside when it starts, and makes a new one: shmringd --ring {} --log DIR",
                       header.name);
  if (!drainable)
    return fmt::format(
        "{}: stop all that use it, and let shmringd of libshmring {} drain it; then shmringd of this version moves it aside",
        leftover.why, header.made_by);
  // The ring is retired and still has its name.
  return fmt::format(
      "a process is removing it, or was killed while it did so: then the next one that attaches opens the ring again; {}; "
      "`shmring gc` "
      "removes it when all who used it have ended",
      way_into_a_log(facts));
}

}  // namespace shmring::tool
