// Which of a log's oldest files may go, by age, size and free space.
//
// Invariants:
//   - only the oldest go, and the newest never. So what is left has no hole;
//   - what goes ends where a file begins with a clean start (`"clean":true` in its first line): a log may begin there;
//   - a file that is not sealed goes only if a later one is sealed, which proves that it is over: files become durable in their
//     order, and one that was replaced is never sealed;
//   - a limit of age takes no line that is younger. The two of space take the next file, too, if they must;
//   - no line goes that an archive is to have and does not have yet, whatever the limits say.
// Values in, values out.
#pragma once

#include <span>

#include "lib/log/files/policy.hpp"

namespace shmring::log {

struct RetainedFile {
  u64 first_index;
  u64 time_ns;  // UTC, in its name; ~0: there is none, and then it is never old
  u64 bytes;    // of all files that begin with this index: compressed and plain ones, and those that are superseded
  bool is_sealed, is_clean;
};

enum class Limit : u8 { none, age, bytes, free };
const char* name_of(Limit limit);  // its key in [retain]

struct Retention {
  u64 before = 0;  // the lines below this index may go; 0: none may
  Limit why = Limit::none;
  Limit blocked = Limit::none;  // this one asks for more than may go, …
  bool lacks_archive = false;   // … and more could if the archive had it
  bool operator==(const Retention&) const = default;
};

// `files` are those of a log in their order, without those that are superseded. `free` is in bytes. The archive has the lines
// below `archived`; that counts only if the limits say so.
Retention retain(std::span<const RetainedFile> files, u64 now_utc_ns, u64 free, const RetainLimits& limits, u64 archived);

}  // namespace shmring::log
