// The command line of shmringd, read into what its collector is told.
#pragma once

#include "lib/collect/settings.hpp"

namespace shmring::tool {

// True: go on. Else the exit status is in `status` (for help and version, too), and what there is to say was said.
bool parse(int argc, char** argv, collect::Settings& out, int& status);

}  // namespace shmring::tool
