// A log that takes each batch at once, for tests that read the lines as values.
#pragma once

#include "lib/collect/world.hpp"

namespace plain {

class PlainLog : public shmring::collect::Log {
 public:
  shmring::ring::u64 append(std::span<const shmring::log::Line> lines, const shmring::ring::RingId&) override {
    store(lines);
    return ++batches_;
  }
  // Nothing is ever durable.
  shmring::log::Commit commit() override { return {batches_, batches_ + 1}; }

 private:
  virtual void store(std::span<const shmring::log::Line> lines) = 0;

  shmring::ring::u64 batches_ = 0;
};

}  // namespace plain
