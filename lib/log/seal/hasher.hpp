// Who does a notary's jobs: a thread of its own, so that the collector neither hashes nor waits for the state directory; in
// tests, the caller itself.
//
// Invariants:
//   - one job at a time. The next one begins when the result of the last one was taken;
//   - between begin() and take() the notary is the thread's. What a job's lines say does not change meanwhile;
//   - the thread takes no signal, so they all reach the collector;
//   - the destructor waits for the job that is under way.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "lib/log/seal/notary.hpp"

namespace shmring::log {

class Hasher {
 public:
  virtual ~Hasher() = default;

  // Called once. The notary lives longer. Returns 0 or −errno.
  virtual int open(Notary& notary) = 0;
  virtual void begin(SealJob job) = 0;
  // Returns the result of the job if it is done, once.
  virtual std::optional<SealResult> take() = 0;
  virtual bool is_busy() const = 0;  // between begin() and take()
  // A descriptor that is readable when a result waits, or −1.
  virtual int descriptor() const = 0;
};

class HashThread final : public Hasher {
 public:
  ~HashThread() override;

  int open(Notary& notary) override;
  void begin(SealJob job) override;
  std::optional<SealResult> take() override;
  bool is_busy() const override { return is_busy_; }
  int descriptor() const override { return done_.get(); }

 private:
  void run();

  Notary* notary_ = nullptr;
  os::Fd done_;  // an eventfd
  std::mutex mutex_;
  std::condition_variable asked_;
  std::optional<SealJob> job_;        // to be begun
  std::optional<SealResult> result_;  // to be taken
  bool ends_ = false;
  bool is_busy_ = false;  // the collector's
  std::thread thread_;    // begun with the first job
};

// Does each job at once.
class HashAtOnce final : public Hasher {
 public:
  int open(Notary& notary) override { return notary_ = &notary, 0; }
  void begin(SealJob job) override { result_ = notary_->perform(job); }
  std::optional<SealResult> take() override { return std::exchange(result_, std::nullopt); }
  bool is_busy() const override { return result_.has_value(); }
  int descriptor() const override { return -1; }

 private:
  Notary* notary_ = nullptr;
  std::optional<SealResult> result_;
};

}  // namespace shmring::log
