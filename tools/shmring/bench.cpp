// shmring bench: runs the program shmring-bench, which is in the same folder as this one.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "lib/os/calls.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"

namespace shmring::tool {
namespace {

std::string beside_us(const std::string& name) {
  char path[4096];
  const ssize_t length = os::calls.readlink("/proc/self/exe", path, sizeof path);
  const std::string_view self(path, length > 0 ? static_cast<std::size_t>(length) : 0);
  return std::string(self.substr(0, self.rfind('/') + 1)) + name;
}

}  // namespace

int run_bench(std::vector<std::string> arguments) {
  const std::string program = beside_us("shmring-bench");
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  os::calls.execv(program.c_str(), argv.data());
  complain(fmt::format("bench: cannot run {}: {}; it is part of the same package: install it beside shmring", safe(program),
                       std::strerror(errno)));
  return io;
}

// Registers the command only for the list in `shmring --help`. main() runs it without this parser.
void register_bench(Command program) {
  program.add("bench", "Measure libshmring on this machine, beside its alternatives and bare rings");
}

}  // namespace shmring::tool
