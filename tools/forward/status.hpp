// `receive --status`: how each log of an archive stands.
#pragma once

#include <string>

#include "lib/fleet/engine.hpp"

namespace shmring::tool {

struct StatusRequest {
  std::string root, output = "text";
  bool no_verdict = false;
};

// Prints it. `engine` says what the servers have; it may be null. Returns the exit status: negative if a log has an alarm.
int show_status(const StatusRequest& request, fleet::PublishingEngine* engine);

}  // namespace shmring::tool
