// What a collector asks of the world outside, and where its lines go: two interfaces, each with few calls a pass.
#pragma once

#include <atomic>
#include <span>
#include <string>

#include "lib/log/files/batch.hpp"
#include "lib/log/format/line.hpp"
#include "lib/ring/found.hpp"

namespace shmring::collect {

using ring::u32;
using ring::u64;

// Time, death and sleepers. Thread role: the collector's.
class Host {
 public:
  virtual ~Host() = default;

  // Whether the process that this owner word of this entry names is proven dead; the entry is free: forget that process.
  virtual bool dead(u32 entry, u64 owner_word) = 0;
  virtual void forget(u32 entry) = 0;
  // The path of its program; "": it cannot be read.
  virtual std::string exe(ring::Owner owner) = 0;

  // Nanoseconds: UTC; and of a clock that only goes forward.
  virtual u64 now_utc_ns() = 0;
  virtual u64 now_ns() = 0;
  // Ticks of the ring's clock become UTC nanoseconds, each in its place.
  virtual void to_utc(std::span<u64> times) = 0;

  // Wake all who wait for a place in a lane, on its word `freed`.
  virtual void wake(std::atomic<u32>& freed) = 0;
};

// The log that takes a collector's lines. Thread role: the collector's.
class Log {
 public:
  virtual ~Log() = default;

  // Take over lines of the ring `of`, one at least; they need not live longer than this call. The number of their batch.
  virtual u64 append(std::span<const log::Line> lines, const ring::RingId& of) = 0;
  // Write what was taken over, as far as that is possible now, and say how far the log has come. It never waits: what cannot be
  // written is tried again by the next call.
  virtual log::Commit commit() = 0;
};

}  // namespace shmring::collect
