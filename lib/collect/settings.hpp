// What a collector is told before it begins.
#pragma once

#include <string>

#include "lib/include/shmring/shmring.h"
#include "lib/log/files/durability.hpp"

namespace shmring::collect {

struct Settings {
  std::string ring, log_dir, group, owner;
  shmring_create_options create{};  // for a ring that has to be made; its group points into the string above
  log::SyncPolicy durability{};
  bool busy = false;                // never sleep
  int status_if_damaged = 5;        // exit status if the segment is cut off under the process
};

}  // namespace shmring::collect
