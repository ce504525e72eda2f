// Batches into the log, see store.hpp.
#include "lib/collect/store.hpp"

#include "lib/os/wakeup.hpp"
#include "lib/os/error.hpp"
#include "lib/os/signals.hpp"
#include "lib/collect/messages.hpp"

namespace shmring::collect {

bool Store::store(std::span<const log::Line> lines, const log::RingId& of) {
  if (lost_) return false;
  int said = 0;
  for (int error = log_.append(lines, of); error != 0; error = log_.append(lines, of)) {
    if (error == -ESTALE) return give_up();
    if (error != said) say("shmringd: {}; nothing is released until it works\n", os::last_error());
    said = error;
    os::sleep_for(store_retry_ns);
    if (os::stop_requested()) return false;
  }
  if (said != 0) say("shmringd: the log can be written again\n");
  return true;
}

bool Store::in_place() { return !lost_ && (log_.in_place() != -ESTALE || give_up()); }

bool Store::give_up() {
  say("shmringd: {}; a new log is begun in its place, where the accounts go on\n", os::last_error());
  lost_ = true;
  return false;
}

}  // namespace shmring::collect
