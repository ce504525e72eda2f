// The two engines over one connection to NATS: see nats.hpp, and lib/fleet/engine.hpp for what they promise.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tools/forward/nats_connection.hpp"

namespace shmring::forward {

struct Letter {
  const std::string& subject;
  const fleet::Headers& headers;
  std::string_view data;
};

// Publishes and waits until the stream has it. `options` say what must be last. `sequence` is set if it is done.
fleet::Outcome store(Connection& connection, const char* stream, const Letter& letter, jsPubOptions& options,
                     std::uint64_t& sequence, std::string& text);

std::unique_ptr<fleet::PublishingEngine> publishing_engine(Connection& connection);
std::unique_ptr<fleet::ReceivingEngine> receiving_engine(Connection& connection);

// Of nats.hpp.
fleet::Outcome create_streams(Connection& connection, const Wanted& wanted, std::string& text);
fleet::Outcome check_streams(Connection& connection, int least_replicas, Findings& out, std::string& text);

}  // namespace shmring::forward
