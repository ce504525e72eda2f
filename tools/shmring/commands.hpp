// The subcommands of shmring: each file adds its own to the parser and sets `status` (tools/common/exit.hpp) when it has run.
#pragma once

#include <string>
#include <vector>

#include "tools/common/help.hpp"

namespace shmring::tool {

void register_bench(CLI::App& app, int& status);
void register_doctor(CLI::App& app, int& status);
void register_dump(CLI::App& app, int& status);
void register_emit(CLI::App& app, int& status);
void register_gc(CLI::App& app, int& status);
void register_log(CLI::App& app, int& status);
void register_ls(CLI::App& app, int& status);
void register_rm(CLI::App& app, int& status);
void register_stat(CLI::App& app, int& status);
void register_verify(CLI::App& app, int& status);

// Becomes the program shmring-bench. If that fails, it returns the exit status.
int run_bench(std::vector<std::string> arguments);

}  // namespace shmring::tool
