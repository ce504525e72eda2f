// The command line of shmringd, read into the settings of its collector.
#pragma once

#include "lib/collect/settings.hpp"

namespace shmring::tool {

// Returns true if the program is to go on. Otherwise the exit status is in `status` (for help and version, too), and the
// message was already given.
bool parse(int argc, char** argv, collect::Settings& out, int& status);

}  // namespace shmring::tool
