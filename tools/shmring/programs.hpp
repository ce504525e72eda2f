// Commands that are programs of their own: shmring becomes the program, which parses the arguments, and so `shmring COMMAND`
// and the program's name with COMMAND are the same.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/common/command_line.hpp"

namespace shmring::tool {

bool is_program(std::string_view command);

// Becomes the program of the command, which is one. If that fails, it returns the exit status.
int run_program(const std::string& command, std::vector<std::string> arguments);

// Registers the commands only for the list in `shmring --help`. main() runs them without this parser.
void register_programs(Command program);

}  // namespace shmring::tool
