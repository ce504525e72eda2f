// The subcommands of shmring: each file adds its own to the program. When it has run, it returns the exit status.
#pragma once

#include "tools/common/command_line.hpp"

namespace shmring::tool {

void register_checkpoint(Command program);
void register_cosign(Command program);
void register_doctor(Command program);
void register_dump(Command program);
void register_emit(Command program);
void register_gc(Command program);
void register_keygen(Command program);
void register_log(Command program);
void register_ls(Command program);
void register_prove(Command program);
void register_report(Command program);
void register_rm(Command program);
void register_stat(Command program);
void register_tiles(Command program);
void register_top(Command program);
void register_verify(Command program);

}  // namespace shmring::tool
