// Proof that nobody needs a segment: see leftover.hpp.
#include "lib/inspect/leftover.hpp"

#include <algorithm>
#include <cerrno>

#include "lib/log/format/json.hpp"
#include "lib/os/calls.hpp"

namespace shmring::inspect {
namespace {

// No start time is known for the creator, so another process that got its pid since keeps the segment too.
bool creator_is_dead(const HeaderFacts& header) {
  return header.creator_pid != 0 && os::calls.kill(static_cast<pid_t>(header.creator_pid), 0) != 0 && errno == ESRCH;
}

std::string with_pid(const std::string& who, u32 pid) { return who + " (pid " + std::to_string(pid) + ")"; }

// Puts the owners that may be alive into `out`, the first of them as its `why`.
void find_living(const Inspection& facts, Leftover& out) {
  const auto add = [&out](u32 pid, const std::string& why) {
    if (out.why.empty()) out.why = why;
    if (pid != 0 && std::ranges::find(out.living, pid) == out.living.end()) out.living.push_back(pid);
  };
  if (facts.collector.holds_lease)
    add(facts.collector.identity.pid, "a collector (" + collector_text(facts.collector) + ") drains it");
  if (!facts.header.this_boot) add(0, "it is not known whether it is of this boot");
  if (!facts.header.this_boot.value_or(false)) return;
  if (!facts.header.our_namespaces)
    return add(0, "it is of another pid or time namespace: who uses it cannot be seen from here");
  if (facts.lanes.empty()) return add(0, "it is damaged, so it cannot be seen who uses it");
  for (const ProducerFacts& producer : facts.producers) {
    if (producer.owner.state == ring::OwnerState::left || producer.standing == Standing::dead) continue;
    std::string who = "producer ";
    log::append_escaped(who, producer.identity.name);
    add(producer.owner.pid,
        with_pid(who, producer.owner.pid) + (producer.standing == Standing::unknown ? " is not proven dead" : " is alive"));
  }
  if (!creator_is_dead(facts.header))
    add(facts.header.creator_pid, with_pid("its creator", facts.header.creator_pid) + " is not proven dead");
}

std::string counted(u64 count, const char* what) { return std::to_string(count) + what + (count == 1 ? "" : "s"); }

}  // namespace

Leftover judge(const Inspection& facts) {
  Leftover out;
  out.undrained = facts.undrained();
  for (const ProducerFacts& producer : facts.producers)
    if (producer.account.attempted > producer.logged.through)
      out.unlogged += producer.account.attempted - producer.logged.through;
  find_living(facts, out);
  out.every_owner_dead = out.why.empty();
  if (!out.every_owner_dead) return out;
  out.why = facts.header.this_boot.value_or(true)
                ? with_pid("its creator", facts.header.creator_pid) +
                      " and all who attached are dead or have left, and no collector drains it"
                : "it is of another boot: all who used it are dead";
  return out;
}

std::string loss_text(const Leftover& leftover) {
  std::string text;
  if (leftover.undrained != 0) text = counted(leftover.undrained, " position") + " not drained";
  if (leftover.unlogged != 0) text += (text.empty() ? "" : ", ") + counted(leftover.unlogged, " attempt") + " in no log";
  return text;
}

std::string collector_text(const CollectorFacts& collector) {
  if (!collector.holds_lease) return "none";
  if (collector.identity.pid == 0) return "starting";
  return "pid " + std::to_string(collector.identity.pid) + (collector.is_starting() ? ", starting" : "");
}

}  // namespace shmring::inspect
