// The command line of shmringd, as it stands: what it asks for, before the configuration file and the defaults.
#pragma once

#include <string>

#include "tools/shmringd/settings.hpp"

namespace shmring::tool {

struct Asked {
  Values values = Values(settings().size());
  std::string config;  // the file; "": none
  bool check = false;  // no more than that
  bool new_log = false;
};

// Returns true if the program is to go on. Otherwise the exit status is in `status` (for help and version, too), and the
// message was already given.
bool parse_options(int argc, char** argv, Asked& out, int& status);

// Reports a usage error, and returns its exit status.
int misused(const std::string& what);

}  // namespace shmring::tool
