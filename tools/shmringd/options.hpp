// What shmringd's command line says.
#pragma once

#include <string>

#include "lib/include/shmring/shmring.h"

namespace shmring::daemon {

struct Options {
  std::string ring, log_dir, group, owner;
  shmring_create_options create{};  // its group points into the string above
  bool busy = false;  // never sleep
};

// 0: go on; else the exit status is in `status` (help and version too), and what there is to say was said.
bool parse(int argc, char** argv, Options& out, int& status);

}  // namespace shmring::daemon
