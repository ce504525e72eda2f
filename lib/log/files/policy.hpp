// When a log begins a new file, and who may read its files.
//
// Invariant: plain values. They may change between two writes, and decide about nothing that is written already.
#pragma once

#include <sys/types.h>

#include <optional>

#include "lib/log/format/numbers.hpp"

namespace shmring::log {

struct FilePolicy {
  u64 max_bytes = u64{128} << 20;              // a new file is begun when one has reached this size, in bytes
  u64 max_age_ns = u64{3600} * 1'000'000'000;  // … or this age, in nanoseconds
  bool compress = false;                       // files that are closed
  std::optional<gid_t> group{};                // whose members may read the files; none: nobody but their owner
  bool operator==(const FilePolicy&) const = default;
};

}  // namespace shmring::log
