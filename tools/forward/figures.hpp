// What forward and receive say of themselves in the text format of Prometheus. Values in, text out.
#pragma once

#include <string>
#include <vector>

#include "lib/fleet/receiver.hpp"
#include "tools/forward/sender.hpp"

namespace shmring::tool {

// `now_ns` is on the clock of the stages.
std::string forward_figures(const std::string& host, const std::vector<SenderFacts>& senders, u64 now_ns);

struct ReceiverFacts {
  fleet::ReceiveStatus status;
  std::vector<fleet::ReceivedLog> logs;
  u64 begun_ns = 0;  // on the same clock: nothing is known of a log's silence before
};
std::string receive_figures(const ReceiverFacts& facts, u64 now_ns);

}  // namespace shmring::tool
