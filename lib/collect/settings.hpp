// What a collector is told before it begins, and what it may be told anew while it runs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/include/shmring/shmring.h"
#include "lib/log/files/durability.hpp"
#include "lib/log/files/policy.hpp"
#include "lib/log/seal/notary.hpp"

namespace shmring::collect {

using log::u64;

// One setting that has another value than before; the values are texts for people.
struct Change {
  std::string key, from, to;
};

// What a reload gives: all that may change while the collector runs, or `error`, a whole message without a newline; then all
// stays as it was.
struct Reloaded {
  std::string error;
  std::vector<Change> changes;
  log::FilePolicy files;
  bool busy = false;
  u64 heartbeat_ns = 0;
};

struct Settings {
  std::string ring, log_dir, group, owner;
  std::string metrics_file;         // "": none is written
  shmring_create_options create{};  // for a ring that has to be made; its group points into the string above
  log::FilePolicy files;
  log::SyncPolicy durability{};
  std::optional<log::SealPolicy> seal;  // none: the log is not sealed
  bool begins_new_log = false;          // what is there is moved away
  bool busy = false;                    // never sleep
  u64 heartbeat_ns = 60'000'000'000;    // a log to which nothing came for so long gets a line that says so
  int status_if_damaged = 5;            // exit status if the segment is cut off under the process
  std::function<Reloaded()> reload;     // reads the settings again; empty: there is nothing to read
};

}  // namespace shmring::collect
