// A collector of a history: what the daemon does with its log, each step chosen by dice.
//
// Invariant: a Collector is gone only after its process has ended (Machine::end_process), since a job of its syncer may be
// under way.
#pragma once

#include "lib/log/seal/sealing.hpp"
#include "tests/sim/history.hpp"

namespace sim {

namespace log = shmring::log;

// Does a job in the second context of the machine.
class SteppedSyncer final : public log::Syncer {
 public:
  explicit SteppedSyncer(Turns& turns) : turns_(turns) {}

  int open(int directory) override { return open_files(directory); }
  void begin(log::SyncJob job) override {
    job_ = std::move(job), is_busy_ = true;
    turns_.begin([this] { result_ = perform(job_, directory_, mark_); });
  }
  std::optional<log::SyncResult> take() override {
    if (result_) is_busy_ = false;
    return std::exchange(result_, std::nullopt);
  }
  bool is_busy() const override { return is_busy_; }
  int descriptor() const override { return -1; }

 private:
  Turns& turns_;
  log::SyncJob job_;
  std::optional<log::SyncResult> result_;
  bool is_busy_ = false;
};

// Does each job at once, in the collector's context.
class SimulatedHasher final : public log::Hasher {
 public:
  explicit SimulatedHasher(Machine& machine) : machine_(machine) {}

  int open(log::Notary& notary) override { return notary_ = &notary, 0; }
  void begin(log::SealJob job) override {
    // A step syncs the directory, and would wait for the sync thread if that was doing so.
    if (job.step != log::EpochStep::none) machine_.let_sync_thread_end();
    result_ = machine_.alone([&] { return notary_->perform(job); });
  }
  std::optional<log::SealResult> take() override { return std::exchange(result_, std::nullopt); }
  bool is_busy() const override { return result_.has_value(); }
  int descriptor() const override { return -1; }

 private:
  Machine& machine_;
  log::Notary* notary_ = nullptr;
  std::optional<log::SealResult> result_;
};

class History::Collector {
 public:
  Collector(const Scenario& scenario, Machine& machine, Truth& truth, Figures& figures, Dice dice)
      : scenario_(scenario), machine_(machine), truth_(truth), figures_(figures), dice_(dice) {}

  // Returns 0 or −errno.
  int open();
  void step();
  // From here on the disk does what it is asked, and all must become durable soon.
  void settle();

 private:
  int open_seal();
  void look_at_what_is_found(const log::Recovered& found);
  bool is_what_was_written(u64 index, const std::string& line) const;
  void append(const log::Line& line);
  void append_events();
  void append_notes();
  void write();
  void sync(u64 later_ns);
  void begin_new_file_if_wanted();
  void observe();
  log::Accounts accounts() const;
  u64 directory() const { return machine_.disk.find(Disk::root, "log"); }

  const Scenario& scenario_;
  Machine& machine_;
  Truth& truth_;
  Figures& figures_;
  Dice dice_;
  log::Sealing seal_;  // if the log is sealed
  log::Appender log_;
  log_test::PlainLedger ledger_;
  log::Recovered found_;  // the ledger has views of it
  std::vector<log::Note> notes_;
  u64 incarnation_ = 0, sequence_ = 0, now_ns_ = 1'000'000'000, durable_ = 0, found_signed_ = 0;
};

}  // namespace sim
