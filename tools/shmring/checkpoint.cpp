// shmring checkpoint DIR: prints a sealed log's newest checkpoint, to be kept where nobody who can write into the log can
// change it.
#include <memory>

#include "lib/log/files/names.hpp"
#include "lib/log/seal/kept.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/os/error.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/seal_input.hpp"

namespace shmring::tool {
namespace {

struct Options {
  std::string dir;
  bool cosigned = false;
};

int run(const Options& options) {
  os::Fd directory;
  log::SignedCheckpoint found;
  int error = log::open_log_directory(options.dir, directory);
  const char* const name = options.cosigned ? log::cosigned_name : log::checkpoint_name;
  if (error == 0) error = log::read_checkpoint(directory.get(), options.dir, name, found);
  if (error != 0) {
    complain(os::last_error());
    return exit_of(error);
  }
  if (print_note(text_of(found.note))) return ok;
  return not_understood(options.dir + "/" + name, {"text that is harmless on a terminal", 0});
}

}  // namespace

void register_checkpoint(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("checkpoint", "Print the newest checkpoint of a sealed log, to keep it elsewhere");
  command.value("DIR", options->dir, "The directory that shmringd --log writes to").required();
  command.flag("--cosigned", options->cosigned, "Print the newest one that a witness has signed, too");
  command.footer(
      "A checkpoint that is kept elsewhere (in mail, in git, on paper) shows later whether lines below it were changed or cut "
      "off, "
      "even by whoever has the keys by then: see `shmring verify --checkpoint`.\n\n"
      "Exit status: 0 ok, 3 no such log or no checkpoint, 4 permission, 5 damaged, 7 I/O.\n\n"
      "Example: shmring checkpoint /var/log/payments-audit >payments.checkpoint");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
