// The commands of shmring-forward-nats, which `shmring forward` and `shmring receive` run.
#pragma once

#include "tools/common/command_line.hpp"

namespace shmring::tool {

void register_forward(Command program);
void register_receive(Command program);

}  // namespace shmring::tool
