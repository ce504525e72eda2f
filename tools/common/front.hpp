// What the subcommands of a program have in common: the parser, usage errors, and the end of the program.
//
// Invariants:
//   - data goes to stdout and messages to stderr; a usage error is exit status 2;
//   - output that could not be written is status 7, or 0 if the reader has gone away (EPIPE). SIGPIPE is left as it was;
//   - no exception leaves run_commands(). It becomes a message and status 7.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/common/command_line.hpp"

namespace shmring::tool {

// Adds a subcommand to the program.
using Register = void (*)(Command program);

struct Front {
  std::string description, version, footer;
  std::vector<Register> commands;
};

// Parses the arguments, runs the subcommand and reports errors. Returns the exit status.
int run_commands(int argc, char** argv, const Front& front);

// Returns "; did you mean X?", or "" if no word is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

// Returns 0, or the status of a usage error that was reported.
int check_name(const Command& program, const std::string& name);

}  // namespace shmring::tool
