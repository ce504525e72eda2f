// One history of a fleet: hosts whose logs grow, their forwarders, an engine that keeps few promises, and an archive on a disk
// that keeps no more. And what must be true of it.
//
// Invariants:
//   - forwarders, receiver and archive are the shipped ones. They are killed at any step, the receiver at any call that changes
//     something; the archive's power fails, too;
//   - nothing is acknowledged, or told to a host, that the archive would not have after a power cut at that moment;
//   - nobody is accused, and no log is refused or lost;
//   - once errors end, the archive has each line of each host once, from the first one on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/fleet/forwarder.hpp"
#include "lib/fleet/receiver.hpp"
#include "tests/sim/fleet/engine.hpp"
#include "tests/sim/fleet/host.hpp"
#include "tests/sim/machine.hpp"

namespace sim {

struct FleetFigures {
  u64 histories = 0, kills = 0, power_cuts = 0, messages = 0, forgotten = 0, rewinds = 0, commits = 0, lines = 0;
};

class FleetHistory {
 public:
  FleetHistory(u64 seed, FleetFigures& figures);

  // Throws Wrong for the first thing that is not as it must be.
  void run();
  void keep_story();
  const std::string& story() const { return machine_.story(); }

 private:
  struct Sender {
    Host* host;
    std::unique_ptr<fleet::Forwarder> forwarder;
    u64 due_ns = 0;
  };
  struct Durable;

  void make_hosts();
  void set_trouble(bool has_trouble);
  void turn(bool has_trouble);
  void let_receiver_go_on(bool has_trouble);
  void begin_receiver(bool has_trouble);
  void end_receiver(bool is_power_cut);
  void kill_sender(Sender& sender);
  void look_at(const Sender& sender);
  void settle();
  bool is_whole() const;
  void check_archive() const;
  Durable durable_of(const std::string& subject) const;
  void check_acknowledged(const std::string& subject, const fleet::Stored& stored) const;
  void check_told(const std::string& subject, std::string_view text) const;
  const Host& host_of(const std::string& name) const;

  const u64 seed_;
  Dice dice_;
  FleetFigures& figures_;
  Machine machine_;
  Files files_;
  Engine engine_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<Sender> senders_;
  std::unique_ptr<fleet::Receiver> receiver_;
  u64 now_ns_ = 1, receiver_due_ns_ = 0, cut_at_ = 0;
  bool has_disk_trouble_, has_call_trouble_, meanwhile_ = false;
  bool is_told_ = false;
};

}  // namespace sim
