// Opens a connection to NATS: see nats.hpp.
#include "tools/forward/nats_engines.hpp"

namespace shmring::forward {
namespace {

class Opened final : public Nats {
 public:
  Connection connection;

  std::unique_ptr<fleet::PublishingEngine> publishing() override { return publishing_engine(connection); }
  std::unique_ptr<fleet::ReceivingEngine> receiving() override { return receiving_engine(connection); }
  fleet::Outcome create_streams(const Wanted& wanted, std::string& text) override {
    return forward::create_streams(connection, wanted, text);
  }
  fleet::Outcome check_streams(int least_replicas, Findings& out, std::string& text) override {
    return forward::check_streams(connection, least_replicas, out, text);
  }
  bool is_over() const override { return natsConnection_IsClosed(connection.get()); }
  std::string connected_to() const override { return connection.connected_to(); }
};

}  // namespace

std::string inbox_of(const std::string& host) { return "_INBOX." + fleet::token_of(host); }

std::unique_ptr<Nats> open_nats(const Access& access, std::string& text) {
  auto opened = std::make_unique<Opened>();
  text = opened->connection.open(access);
  if (!text.empty()) return nullptr;
  return opened;
}

}  // namespace shmring::forward
