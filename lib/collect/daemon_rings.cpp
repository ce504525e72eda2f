// The daemon's other rings: those that had the name before the present one, and the one that gets it next.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/collect/daemon.hpp"
#include "lib/collect/messages.hpp"
#include "lib/collect/shown.hpp"
#include "lib/os/error.hpp"
#include "lib/os/ghost.hpp"

namespace shmring::collect {
namespace {

// The writers of a ring's open accounts: the processes that run, and the incarnations for which this is not known. Any of
// `pids` may have the ring mapped, which is found out by opening it. A log of version 0.1 names no process.
struct Writers {
  std::vector<u32> running, pids;
  std::vector<u64> unknown;
};

void sort_and_unite(std::vector<u32>& pids) {
  std::ranges::sort(pids);
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
}

Writers writers_of(const log::RecoveredRing& ring) {
  Writers writers;
  for (const log::RecoveredAccount& account : ring.accounts) {
    if (!account.open || account.pid == 0) continue;
    const os::Running running = os::is_running(account.pid, account.start_time);
    if (running == os::Running::yes) writers.running.push_back(account.pid);
    if (running == os::Running::unknown) writers.unknown.push_back(account.incarnation);
    if (running != os::Running::no) writers.pids.push_back(account.pid);
  }
  sort_and_unite(writers.running);
  sort_and_unite(writers.pids);
  return writers;
}

// Returns true if the ring may be drained another time: somebody holds its lease, or this machine is short of something.
bool may_pass(int error) {
  return error == -EBUSY || error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EIO;
}

}  // namespace

bool Daemon::is_drained(const ring::RingId& id) const {
  return std::ranges::any_of(drains_, [&](const auto& drain) { return drain->id() == id; });
}

// Finds rings that had this name before and of which the log has accounts that are not over.
int Daemon::find_other_rings() {
  std::vector<log::RecoveredRing> others = recovered_.retired;
  if (!recovered_.file.empty()) others.push_back(recovered_);
  int waits = 0;
  std::string why;
  for (const log::RecoveredRing& other : others) {
    if (is_drained(other.ring)) continue;
    if (const int error = take_over(other, why); error != 0) waits = error;
  }
  return waits == 0 ? 0 : os::fail(-waits, "%s", why.c_str());
}

// A process that still runs may write into the memory of a ring that has lost its name. The ring is drained if it can be
// opened. Returns 0, or the reason why it is not known yet whether it can be; then nothing may be written.
int Daemon::take_over(const log::RecoveredRing& other, std::string& why) {
  const Writers writers = writers_of(other);
  const int refused = open_ghost(other, writers.pids, why);
  if (refused == 0) return 0;
  endings_.push_back({other.ring, collect::Ledger(false)});
  collect::Ledger& ledger = endings_.back().ledger;
  ledger.recover(other.known());
  const u64 now = present().host().now_utc_ns();
  if (!writers.unknown.empty())
    ledger.note({"incident",
                 now,
                 {{"what",
                   "the ring lost its name while no collector ran, and it cannot be told whether these producers "
                   "still run: what they write into it is in no log"},
                  {"incs", fmt::format("[{}]", fmt::join(writers.unknown, ",")), true}}});
  if (refused == -ENOENT || writers.running.empty()) return may_pass(refused) ? refused : 0;
  ledger.note({"incident",
               now,
               {{"what", "the ring lost its name while no collector ran: what these processes write into it is in no log"},
                {"pids", fmt::format("[{}]", fmt::join(writers.running, ",")), true},
                {"why", why}}});
  if (may_pass(refused)) return refused;
  warn(
      "shmringd: ring {}: its file was removed while no collector ran. What these processes write into it is in no log: {}. "
      "Restart them, so that they attach to the present ring. The removed ring cannot be drained: {}{}\n",
      ring_, fmt::join(writers.running, ", "), why,
      refused == -EPERM || refused == -EACCES ? " (that takes root, or their user with CAP_CHECKPOINT_RESTORE)" : "");
  return 0;
}

// Returns 0 if the ring is drained, and −ENOENT if no process has it mapped. Otherwise it returns why the first process that
// has it did not give it, with its text.
int Daemon::open_ghost(const log::RecoveredRing& other, const std::vector<u32>& pids, std::string& why) {
  int refused = -ENOENT;
  for (const u32 pid : pids) {
    os::Segment segment;
    int error = os::open_ghost(ring_, other.ring, pid, segment, owner());
    if (error == 0) error = os::take_lease_unnamed(segment);
    if (error != 0) {
      if (error != -ENOENT && refused == -ENOENT) refused = error, why = os::last_error();
      continue;
    }
    announce(segment, durability_.level);
    auto drain = std::make_unique<Drain>(std::move(segment), *this, other);
    drain->note("incident", {{"what", "the ring lost its name while no collector ran: it is drained from a writer's memory"},
                             number("pid", pid)});
    drain->retire_if_unlinked();
    drains_.insert(drains_.end() - 1, std::move(drain));
    return 0;
  }
  return refused;
}

// Ends the accounts of rings of which nothing is ever logged any more. This comes before the first line of the present ring.
void Daemon::end_other_rings() {
  for (Ending& ending : endings_) {
    ending.ledger.drop_absent([](u64) { return false; }, present().host().now_utc_ns());
    if (!ending.ledger.lines().empty()) append(ending.ledger.lines(), ending.ring);
    ending.ledger.clear_lines();
  }
  endings_.clear();
}

// If the present ring has lost its name and another ring has it, that ring is drained, too.
void Daemon::take_new_ring() {
  os::Segment segment;
  int error = os::attach(ring_, segment, owner());
  if (error == 0) error = os::take_lease(segment);
  if (error == 0 && is_drained(segment.ring.identity))
    error = os::fail(EBADMSG,
                     "ring %s: it has the identity of the ring that had this name before, so it is a copy: move its file "
                     "elsewhere, and create a new ring",
                     ring_.c_str());
  const int refused = std::exchange(new_refused_, error == -ENOENT ? 0 : error);
  if (error != 0) {
    if (new_refused_ != 0 && error != refused)
      warn("shmringd: {}; the ring that had this name before is drained to its end\n", os::last_error());
    return;
  }
  announce(segment, durability_.level);
  const ring::RingId id = segment.ring.identity;
  drains_.push_back(std::make_unique<Drain>(std::move(segment), *this, log::RecoveredRing{id, {}, {}}));
  show_log_state();  // the log may be failing
  start_present();
}

// Ends the drains of rings that lost their name, beside a present one.
void Daemon::end_drained() {
  for (std::size_t i = 0; i + 1 < drains_.size();) {
    if (!drains_[i]->is_over() || !drains_[i]->end()) {
      ++i;
      continue;
    }
    withdraw(drains_[i]->segment());
    refused_by_ended_ += drains_[i]->refused();
    drains_.erase(drains_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace shmring::collect
