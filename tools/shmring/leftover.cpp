// Proof that nobody needs a segment: see leftover.hpp.
#include "tools/shmring/leftover.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "lib/os/calls.hpp"
#include "tools/shmring/text.hpp"

namespace shmring::tool {
namespace {

using audit::Standing;

// There is no start time for it: a stranger that got its pid since keeps the segment too.
bool creator_is_dead(const audit::HeaderFacts& header) {
  return header.creator_pid != 0 && os::calls.kill(static_cast<pid_t>(header.creator_pid), 0) != 0 && errno == ESRCH;
}

// Who may be alive; "": nobody.
std::string living(const audit::Inspection& facts) {
  if (facts.collector.holds_lease) return fmt::format("a collector ({}) drains it", collector_text(facts.collector));
  if (!facts.header.this_boot) return "it is not known whether it is of this boot";
  if (!*facts.header.this_boot) return "";
  if (!facts.header.our_namespaces)
    return "it is of another pid or time namespace: who uses it cannot be seen from here";
  for (const audit::ProducerFacts& producer : facts.producers)
    if (producer.owner.state != ring::OwnerState::left && producer.standing != Standing::dead)
      return fmt::format("producer {} (pid {}) is {}", safe(producer.identity.name), producer.owner.pid,
                         producer.standing == Standing::unknown ? "not proven dead" : "alive");
  if (!creator_is_dead(facts.header))
    return fmt::format("its creator (pid {}) is not proven dead", facts.header.creator_pid);
  return "";
}

}  // namespace

Leftover judge(const audit::Inspection& facts) {
  Leftover out;
  out.undrained = facts.undrained();
  for (const audit::ProducerFacts& producer : facts.producers)
    if (producer.account.attempted > producer.logged.through)
      out.unlogged += producer.account.attempted - producer.logged.through;
  out.why = living(facts);
  out.every_owner_dead = out.why.empty();
  if (!out.every_owner_dead) return out;
  out.why = facts.header.this_boot.value_or(true)
                ? fmt::format("its creator (pid {}) and all who attached are dead or have left, and nobody collects it",
                              facts.header.creator_pid)
                : "it is of another boot: all who used it are dead";
  return out;
}

std::string loss_text(const Leftover& leftover) {
  std::string text;
  if (leftover.undrained != 0)
    text = fmt::format("{} position{} not drained", leftover.undrained, leftover.undrained == 1 ? "" : "s");
  if (leftover.unlogged != 0)
    text += fmt::format("{}{} attempt{} in no log", text.empty() ? "" : ", ", leftover.unlogged,
                        leftover.unlogged == 1 ? "" : "s");
  return text;
}

}  // namespace shmring::tool
