// shmringd: drains one ring into one audit log.
//
// Invariant: an exception, for instance because there is no memory left, is reported and becomes status 7. The log is whole up
// to that moment.
#include <cstring>
#include <exception>

#include "lib/collect/daemon.hpp"
#include "lib/collect/messages.hpp"
#include "lib/os/process.hpp"
#include "tools/common/say.hpp"
#include "tools/shmringd/configuration.hpp"

namespace shmring::tool {
namespace {

int run(int argc, char** argv) {
  if (const int error = os::hold_standard_descriptors(); error != 0) {
    collect::say("shmringd: cannot open /dev/null in place of a closed standard descriptor: {}\n", std::strerror(-error));
    return io;
  }
  Configuration configuration;
  int status = 0;
  if (!configuration.parse(argc, argv, status)) return status;
  if (configuration.is_only_checked()) return configuration.check();
  collect::Settings settings;
  settings.status_if_damaged = damaged;
  configuration.apply(settings);
  collect::Daemon daemon;
  if (const int error = daemon.set_up(settings); error != 0) return exit_of(error);
  collect::messages.write(collect::Priority::info, configuration.summary());
  return exit_of(daemon.run());
}

}  // namespace
}  // namespace shmring::tool

int main(int argc, char** argv) {
  using namespace shmring;
  int status = tool::io;
  try {
    status = tool::finish("shmringd", tool::run(argc, argv),
                          [](std::string_view text) { collect::messages.write(collect::Priority::error, text); });
  } catch (const std::exception& error) {
    collect::say("shmringd: {}\n", error.what());
  }
  collect::messages.end();
  return status;
}
