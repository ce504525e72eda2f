// What a collector asks of the world outside, and where its lines go: two interfaces, each with few calls per pass.
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

  // The first learns who has died, before the questions of a reading. The second returns whether the process that this entry's
  // owner word names is proven dead. The third says that the entry is free and the process may be forgotten.
  virtual void look() = 0;
  virtual bool dead(u32 entry, u64 owner_word) = 0;
  virtual void forget(u32 entry) = 0;
  // Returns the path of its program, or "" if that cannot be read.
  virtual std::string exe(ring::Owner owner) = 0;

  // Both return nanoseconds: of UTC, and of a clock that only goes forward.
  virtual u64 now_utc_ns() = 0;
  virtual u64 now_ns() = 0;
  // Converts ticks of the ring's clock to UTC nanoseconds, in place.
  virtual void to_utc(std::span<u64> times) = 0;

  // Wakes all who wait for a place in a lane, on its word `freed`.
  virtual void wake(std::atomic<u32>& freed) = 0;
  // Wakes the producer that waits for its word `durable` to come further.
  virtual void wake_waiter(std::atomic<u64>& durable) = 0;
};

// The log that takes a collector's lines. Thread role: the collector's.
class Log {
 public:
  virtual ~Log() = default;

  // Takes over one or more lines of the ring `of`, which need not live longer than this call. Returns the number of their
  // batch.
  virtual u64 append(std::span<const log::Line> lines, const ring::RingId& of) = 0;
  // Writes what was taken over, as far as that is possible now, and returns how far the log has come. It never waits: the next
  // call tries again what cannot be written.
  virtual log::Commit commit() = 0;
};

}  // namespace shmring::collect
