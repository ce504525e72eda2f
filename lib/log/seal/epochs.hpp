// When the key of a sealed log changes, and in which order. Pure: values in, values out.
//
// | state    | until                                              | what is asked for                                  | then     |
// |----------|----------------------------------------------------|----------------------------------------------------|----------|
// | settling | a start has what it found: the log is what was signed | `settle`: `keys` is durable, and no other secret is left | steady |
// | steady   | the epoch is over                                  | `make`: the secret of the next one is durable      | making   |
// | making   | that is done                                       |                                                    | telling  |
// | telling  | a `key` line with the next key is written          |                                                    | covering |
// | covering | a checkpoint over that line is signed, so D is behind it | `note`: `keys` with the next key, signed by this one, is durable | noting |
// | noting   | that is done                                       | `erase`: the secret of this epoch is gone          | erasing  |
// | erasing  | that is done                                       |                                                    | steady, in the next epoch |
//
// Invariants:
//   - the order above. † A secret is never erased before `keys` names its successor durably: after a power cut, nobody could go
//     on;
//   - the key of an epoch signs nothing behind its successor's note, and the successor nothing before the old secret is gone;
//   - what could not be done is asked for again after a second. Each request may be repeated.
// A start finishes what it finds, and needs no state but the files: see Notary.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "lib/log/format/numbers.hpp"

namespace shmring::log {

enum class EpochStep : u8 { none, settle, make, note, erase };

class Epochs {
 public:
  enum class State : u8 { settling, steady, making, telling, covering, noting, erasing };

  Epochs() = default;
  // Goes on in this epoch, which has lasted for `age_ns` when the first due() is asked.
  Epochs(u64 epoch, u64 age_ns, u64 length_ns) : epoch_(epoch), age_ns_(age_ns), length_ns_(length_ns) {}
  // As a start does, which may find a change of keys that was cut short.
  void settle_first() { state_ = State::settling; }

  // Returns what is to be done now. `signed_index` is behind the last line that a checkpoint covers. After a request done() is
  // called before the next one. `now_ns` is monotonic.
  EpochStep due(u64 now_ns, u64 signed_index) {
    if (begun_ns_ == 0) begun_ns_ = now_ns;
    if (now_ns < retry_ns_) return EpochStep::none;
    now_ns_ = now_ns;
    if (state_ == State::steady && age_ns_ + (now_ns - begun_ns_) >= length_ns_) state_ = State::making;
    if (state_ == State::covering && signed_index > told_index_) state_ = State::noting;
    switch (state_) {
      case State::settling: return EpochStep::settle;
      case State::making: return EpochStep::make;
      case State::noting: return EpochStep::note;
      case State::erasing: return EpochStep::erase;
      default: return EpochStep::none;
    }
  }
  // `key` is the next epoch's verifier key, of `make`.
  void done(EpochStep step, bool is_good, std::string key) {
    retry_ns_ = is_good ? 0 : now_ns_ + retry_after_ns;
    if (!is_good) return;
    if (step == EpochStep::settle) state_ = State::steady;
    if (step == EpochStep::make) state_ = State::telling, key_ = std::move(key);
    if (step == EpochStep::note) state_ = State::erasing;
    if (step == EpochStep::erase) state_ = State::steady, ++epoch_, age_ns_ = 0, begun_ns_ = now_ns_;
  }

  // Returns the key that a `key` line is to name, if one is due.
  const std::string* key_to_tell() const { return state_ == State::telling ? &key_ : nullptr; }
  void was_told(u64 index) { state_ = State::covering, told_index_ = index; }

  bool may_sign() const { return state_ != State::settling && state_ != State::noting && state_ != State::erasing; }
  u64 epoch() const { return epoch_; }
  State state() const { return state_; }

 private:
  static constexpr u64 retry_after_ns = 1'000'000'000;

  State state_ = State::steady;
  u64 epoch_ = 0, age_ns_ = 0, length_ns_ = ~u64{0};
  u64 begun_ns_ = 0, now_ns_ = 0, retry_ns_ = 0;  // monotonic
  u64 told_index_ = 0;
  std::string key_;
};

}  // namespace shmring::log
