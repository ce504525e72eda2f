// A message: a byte range of one file of a log, and where it belongs. Or a small file that rides along, whole.
//
//   range   a file of the log, [begin, end), whole lines; a line that is longer than a message comes in pieces
//   rider   `keys` or `checkpoint`; it is replaced as a whole, and holds for the lines below `next_index`
//
// Invariants:
//   - a range never crosses files, so the archive's files have the bytes of the host's, and verify runs on them unchanged;
//   - a header that is not right in every part makes no Message: whoever parses one may rely on what is written here;
//   - what a message unpacks to is as long as its header says, and never longer than most_bytes: a small message cannot make
//     a receiver run out of memory.
// Values in, values out.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/fleet/log_name.hpp"
#include "lib/log/format/numbers.hpp"

namespace shmring::fleet {

using log::u64, log::u8;

inline constexpr std::size_t most_bytes = std::size_t{4} << 20;  // of a range, before it is packed
inline constexpr std::size_t most_rider_bytes = std::size_t{1} << 20;
inline constexpr std::size_t hashed_before = 32;  // bytes before a range, whose hash is Range::before
inline constexpr u64 most_file_bytes = u64{1} << 50;
inline constexpr std::string_view rider_names[] = {"keys", "checkpoint"};  // as they are named in the log's directory

// As an engine carries them, in no order.
using Headers = std::vector<std::pair<std::string, std::string>>;

// What the host says of the lines before a range. Without it, an archive that has lost the first messages would begin with a
// later file, tell the host so, and the host would remove what nobody has.
enum class Follows : u8 {
  sent,     // they were sent, too
  nothing,  // the host has none: this is its oldest line. An archive that has nothing of the log begins here
  given_up  // a person has decided that the archive will not get them
};

struct Range {
  std::string file;        // the plain name of a file of the log
  u64 begin = 0, end = 0;  // bytes of that file
  u64 next_index = 0;      // of the line that begins at `end`, or in which `end` lies
  std::string before;  // 16 hex digits of the SHA-256 of the (at most 32) bytes before `begin`: another file of this name is
                       // noticed before anything is written
  Follows follows = Follows::sent;
  bool operator==(const Range&) const = default;
};

struct Rider {
  std::string file;    // its name, as in the subject
  u64 next_index = 0;  // the archive must have the lines below it before this says anything about them
  bool operator==(const Rider&) const = default;
};

// The first 16 hex digits of the SHA-256 of these bytes.
std::string hex_of(std::string_view bytes);
// The hash of Range::before. `bytes` ends where the range begins; only its last 32 bytes count.
std::string hash_before(std::string_view bytes);

// The headers of a message, and back. Parsing returns "" or what is wrong, which names the header and its value.
Headers headers_of(const Range& range);
Headers headers_of(const Rider& rider, std::size_t bytes);
std::string parse_range(const Headers& headers, Range& out);
std::string parse_rider(const Headers& headers, std::string_view name, Rider& out, std::size_t& bytes);

// Packs the bytes of a message (zstd, level 1), and back. unpack returns "" or what is wrong: it is damaged, or has not as many
// bytes as its header says.
std::string pack(std::string_view bytes);
std::string unpack(std::string_view data, std::size_t bytes, std::string& out);

}  // namespace shmring::fleet
