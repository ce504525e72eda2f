// The log, for all that one collector drains: whole batches of one ring's lines, however long it takes.
//
// Invariant: lines that store() was given are in the log when it returns true; where it returns false they are in none, and no
// batch is stored from then on: whoever gives it lines releases nothing more.
#pragma once

#include <span>

#include "lib/log/files/log.hpp"

namespace shmring::collect {

// How long it waits before it tries again what the log refused.
inline constexpr log::u64 store_retry_ns = 100'000'000;

class Store {
 public:
  explicit Store(log::Log& log) : log_(log) {}

  // Lines of the ring `of`. False: told to stop while the log cannot be written, or the log is lost.
  bool store(std::span<const log::Line> lines, const log::RingId& of);

  // The log is where it was; false: it is lost.
  bool in_place();

  // Removed, moved or replaced under us: a log is to be begun anew.
  bool lost() const { return lost_; }

 private:
  bool give_up();

  log::Log& log_;
  bool lost_ = false;
};

}  // namespace shmring::collect
