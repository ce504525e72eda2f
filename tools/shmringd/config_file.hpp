// The configuration file, in TOML: what it sets.
#pragma once

#include <string>

#include "tools/shmringd/settings.hpp"

namespace shmring::tool {

// Returns "" and adds the file's values, or what is wrong: `path:line:column: key: …`, not escaped yet. A file of more than
// 1 MiB is refused.
std::string read_config(const std::string& path, Values& values);

}  // namespace shmring::tool
