// shmringd: drain one ring into one audit log. Parse, set up, run.
//
// Invariant: what is thrown (there is no memory left) is said and becomes status 7; what the log has by then is whole.
#include <cstring>
#include <exception>

#include "lib/os/process.hpp"
#include "tools/common/say.hpp"
#include "tools/shmringd/daemon.hpp"
#include "tools/shmringd/messages.hpp"
#include "tools/shmringd/options.hpp"

namespace shmring::daemon {
namespace {

int run(int argc, char** argv) {
  if (const int error = os::hold_standard_descriptors(); error != 0) {
    say("shmringd: cannot open /dev/null in place of a closed descriptor: {}\n", std::strerror(-error));
    return tool::io;
  }
  Options options;
  int status = 0;
  if (!parse(argc, argv, options, status)) return status;
  Daemon daemon;
  status = daemon.set_up(options);
  return status != 0 ? status : daemon.run();
}

}  // namespace
}  // namespace shmring::daemon

int main(int argc, char** argv) {
  using namespace shmring;
  int status = tool::io;
  try {
    status = tool::finish("shmringd", daemon::run(argc, argv), [](std::string_view text) { daemon::messages.write(text); });
  } catch (const std::exception& error) {
    daemon::say("shmringd: {}\n", error.what());
  }
  daemon::messages.end();
  return status;
}
