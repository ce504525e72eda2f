// The options by which a command gets at a cluster, for all commands here.
#pragma once

#include "tools/common/command_line.hpp"
#include "tools/forward/nats.hpp"

namespace shmring::tool {

// Adds the options; `servers` is the name of that for the addresses. What they say is in `access` but for its inbox.
void add_access(Command command, const char* servers, forward::Access& access);

// Returns "" or what is wrong with the options together.
std::string misuse_of(const forward::Access& access, const char* servers);

// Checks the name of a host or a ring, as a Check of command_line.hpp.
std::string check_name_of(const std::string& name);

}  // namespace shmring::tool
