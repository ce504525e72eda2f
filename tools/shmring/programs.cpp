// Commands that are programs of their own, in the same folder as this one: what they need, nothing else has to.
#include "tools/shmring/programs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "lib/os/calls.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"

namespace shmring::tool {
namespace {

struct Program {
  const char *command, *program, *description;
  const char* remedy;  // where the program is not there
};

constexpr const char* nats = "install it beside shmring: it is built where libnats-dev is installed";
constexpr Program programs[] = {
    {"bench", "shmring-bench", "Measure libshmring on this machine, beside its alternatives and bare rings",
     "it is part of the same package: install it beside shmring"},
    {"forward", "shmring-forward-nats", "Send logs to an archive on another machine, by NATS JetStream", nats},
    {"receive", "shmring-forward-nats", "Keep the archive of many hosts' logs, by NATS JetStream", nats},
};

const Program* find(std::string_view command) {
  const auto found = std::ranges::find(programs, command, &Program::command);
  return found == std::end(programs) ? nullptr : found;
}

std::string beside_us(const std::string& name) {
  char path[4096];
  const ssize_t length = os::calls.readlink("/proc/self/exe", path, sizeof path);
  const std::string_view self(path, length > 0 ? static_cast<std::size_t>(length) : 0);
  return std::string(self.substr(0, self.rfind('/') + 1)) + name;
}

}  // namespace

bool is_program(std::string_view command) { return find(command) != nullptr; }

int run_program(const std::string& command, std::vector<std::string> arguments) {
  const Program& wanted = *find(command);
  const std::string program = beside_us(wanted.program);
  std::vector<char*> argv{const_cast<char*>(program.c_str()), const_cast<char*>(command.c_str())};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  os::calls.execv(program.c_str(), argv.data());
  complain(fmt::format("{}: cannot run {}: {}; {}", command, safe(program), std::strerror(errno), wanted.remedy));
  return io;
}

void register_programs(Command program) {
  for (const Program& one : programs) program.add(one.command, one.description);
}

}  // namespace shmring::tool
