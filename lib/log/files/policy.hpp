// When a log begins a new file, how much of it is kept, and who may read its files.
//
// Invariant: plain values. They may change between two writes, and decide about nothing that is written already.
#pragma once

#include <sys/types.h>

#include <optional>

#include "lib/log/format/numbers.hpp"

namespace shmring::log {

// What is to be kept of a log. 0: there is no such limit.
struct RetainLimits {
  u64 age_ns = 0;         // lines that are older may go
  u64 bytes = 0;          // all files together are to have no more
  u64 free = 0;           // so many bytes are to be free on the log's file system
  bool archived = false;  // whatever these say, what the archive does not have is kept
  bool any() const { return age_ns != 0 || bytes != 0 || free != 0; }
  bool operator==(const RetainLimits&) const = default;
};

struct FilePolicy {
  u64 max_bytes = u64{128} << 20;              // a new file is begun when one has reached this size, in bytes
  u64 max_age_ns = u64{3600} * 1'000'000'000;  // … or this age, in nanoseconds
  bool compress = false;                       // files that are closed
  RetainLimits retain{};
  std::optional<gid_t> group{};  // whose members may read the files; none: nobody but their owner
  bool operator==(const FilePolicy&) const = default;
};

}  // namespace shmring::log
