// What a collector is told before it begins.
#pragma once

#include <string>

#include "lib/include/shmring/shmring.h"

namespace shmring::collect {

struct Settings {
  std::string ring, log_dir, group, owner;
  shmring_create_options create{};  // of a ring that has to be made; its group points into the string above
  bool busy = false;                // never sleep
  int status_if_damaged = 5;        // with which the process ends if its segment is cut off under it
};

}  // namespace shmring::collect
