// shmring: looks at rings, writes into them, and reads and verifies their logs. Invariant: `shmring help COMMAND` prints the
// same as `shmring COMMAND --help`.
#include <fmt/format.h>

#include <string>

#include "lib/include/shmring/shmring.h"
#include "lib/ring/layout.hpp"
#include "tools/common/front.hpp"
#include "tools/common/say.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/programs.hpp"

namespace shmring::tool {
namespace {

void register_help(Command program) {
  auto name = std::make_shared<std::string>();
  Command command = program.add("help", "Print this help, or that of a command");
  command.value("COMMAND", *name, "The command (default: shmring itself)");
  command.footer("Exit status: 0 ok, 2 usage, 7 I/O.\n\nExample: shmring help emit");
  command.run([name, program]() -> int {
    if (is_program(*name)) return run_program(*name, {"--help"});
    if (!name->empty())
      if (const int misuse = check_name(program, *name)) return misuse;
    fmt::print("{}", program.help(*name));
    return ok;
  });
}

}  // namespace
}  // namespace shmring::tool

int main(int argc, char** argv) {
  using namespace shmring::tool;
  if (argc > 1 && is_program(argv[1])) return run_program(argv[1], {argv + 2, argv + argc});
  Front front;
  front.description = "Look at rings, write into them, and read and verify their audit logs.";
  front.version = fmt::format("shmring {}.{} (segment version {}, layout {:016x})", SHMRING_VERSION_MAJOR,
                              SHMRING_VERSION_MINOR, shmring::ring::version, shmring::ring::layout_fingerprint());
  front.footer =
      "Rings are files shmring.NAME in /dev/shm, or in $SHMRING_DIR.\n"
      "Exit status: 0 ok, 1 a negative finding, 2 usage, 3 no such ring or log, 4 permission, 5 damaged input, 6 "
      "configuration, 7 I/O, 8 busy; 130 and 143: emit was ended by SIGINT or SIGTERM.";
  front.commands = {register_dump,   register_emit,   register_log,    register_verify, register_prove,    register_checkpoint,
                    register_cosign, register_keygen, register_report, register_tiles,  register_stat,     register_top,
                    register_ls,     register_rm,     register_gc,     register_doctor, register_programs, register_help};
  return run_commands(argc, argv, front);
}
