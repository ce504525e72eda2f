// What stands before and behind the subcommands of a program: its parser, its usage errors, and how it ends.
//
// Invariants:
//   - data on stdout, messages on stderr, a usage error is exit status 2;
//   - output that could not be written is never a success: status 7, but 0 where the reader has gone away (EPIPE).
//     SIGPIPE is left as it was;
//   - nothing that is thrown leaves run_commands(): it has a message, and status 7.
#pragma once

#include <string>
#include <vector>

#include "tools/common/help.hpp"

namespace shmring::tool {

// Adds a subcommand to the parser; it sets `status` (exit.hpp) when it has run.
using Register = void (*)(CLI::App& app, int& status);

struct Front {
  std::string description, version, footer;
  std::vector<Register> commands;
};

// Parse, run the subcommand, report what is left to report: the exit status.
int run_commands(int argc, char** argv, const Front& front);

// 0, or the status of a usage error that was said.
int check_name(const CLI::App& app, const std::string& command);

}  // namespace shmring::tool
