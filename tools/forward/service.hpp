// What forward and receive do beside their stages: signals, the service manager, messages, and the file of metrics.
//
// Invariants: a message never waits for whoever reads standard error. The watchdog is fed only while every stage has stepped
// within the last minute; a step takes a few time-outs at most.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/collect/messages.hpp"
#include "lib/fleet/said.hpp"
#include "lib/os/notify.hpp"
#include "tools/forward/stage.hpp"

namespace shmring::tool {

struct ServiceRequest {
  std::string command;                                // for messages: `shmring: COMMAND: …`
  std::string metrics;                                // a file, or "": none
  std::function<std::string(std::uint64_t)> figures;  // the text for that file, at this monotonic time
  std::function<std::string()> summary;               // one line for the service manager
};

class Service {
 public:
  explicit Service(ServiceRequest request)
      : request_(std::move(request)), messages_(os::monotonic_now_ns, "shmring: " + request_.command) {}

  // Takes the signals. Before any thread is begun. Returns 0 or −errno.
  int begin();
  // Runs until SIGTERM or SIGINT came, or all stages have ended by themselves; then it ends the stages. Returns the status of
  // the first stage that ended by itself with one, or 0.
  int run(const std::vector<Stage*>& stages);
  void say(const fleet::Said& said);

 private:
  void look(const std::vector<Stage*>& stages);
  void beat(const std::vector<Stage*>& stages, std::uint64_t now_ns);
  void write_metrics(std::uint64_t now_ns);

  ServiceRequest request_;
  collect::Messages messages_;
  os::Notify notify_;
  std::string summary_;  // told last
  std::uint64_t beaten_ns_ = 0, metrics_due_ns_ = 0;
  int metrics_error_ = 0;  // as reported last
};

}  // namespace shmring::tool
