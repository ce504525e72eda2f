// Who does a notary's jobs: a thread of its own, so that the collector neither hashes nor waits for the state directory; in
// tests, the caller itself.
//
// Invariants:
//   - one job at a time: see JobThread;
//   - between begin() and take() the notary is the thread's. What a job's lines say does not change meanwhile.
#pragma once

#include <optional>
#include <utility>

#include "lib/log/seal/notary.hpp"
#include "lib/os/job_thread.hpp"

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
  int open(Notary& notary) override { return notary_ = &notary, thread_.open(); }
  void begin(SealJob job) override { thread_.begin(std::move(job)); }
  std::optional<SealResult> take() override { return thread_.take(); }
  bool is_busy() const override { return thread_.is_busy(); }
  int descriptor() const override { return thread_.descriptor(); }

 private:
  Notary* notary_ = nullptr;
  os::JobThread<SealJob, SealResult> thread_{[this](const SealJob& job) { return notary_->perform(job); }};
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
