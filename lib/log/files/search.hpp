// Lines of a log found without reading what is before them.
//
// Invariants:
//   - what is found is where to begin or to end to read. A line that is asked for is never outside, but others may be inside:
//     the reader compares each line itself;
//   - an index is found by halving, since indexes have no hole. A line on the way that is not one makes the search begin
//     earlier. In a file in which an index was changed, which verify finds, another line may be taken for the one asked for;
//   - a time is found by the `accounts` lines, which have the time at which they were written, and by the names of the files.
//     The time of an event is that of its write: it may stand far behind younger lines, but not before an accounts line of an
//     earlier time. So what stands before such a line is older than it; only a clock that was set back makes an exception, and
//     `since` begins a minute earlier for that. How late an event may come has no limit. `until` ends where the log is an hour
//     beyond the time: an event that came into the log later than that, after an outage or from a producer that was stopped in
//     the middle of its write, is not in the range.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/log/files/names.hpp"
#include "lib/log/files/source.hpp"
#include "lib/log/format/time.hpp"

namespace shmring::log {

inline constexpr i64 since_slack_ns = 60 * second_ns;
inline constexpr i64 until_slack_ns = 3600 * second_ns;

// A line of one file.
struct Place {
  u64 index, byte;
};

// Finds a place from which to read for line `index`, at most 64 KiB or one line before it. Returns 0, or −errno with its text.
int find_index(ByteSource& source, const LogFile& file, u64 index, Place& out);

// Finds the last whole line, and sets the index behind it. Returns 0, or −errno with its text.
int find_end(ByteSource& source, const LogFile& file, u64& end);

// Searches through a log whose files were listed. All times are in the form of a line's time. Returns 0, or −errno with its
// text.
class Search {
 public:
  Search(int directory, const std::string& dir, const std::vector<LogFile>& files)
      : directory_(directory), dir_(dir), files_(files) {}

  int end(u64& index) const;                             // behind the last whole line of the log
  int since(const std::string& time, u64& index) const;  // no line before it has that time or a later one
  int until(const std::string& time, u64& index) const;  // no line from it on came within an hour after that time

 private:
  int around(const LogFile& file, std::string_view time, u64& before, u64& behind) const;
  int begins_after(const LogFile& file, std::string_view time, bool& out) const;

  int directory_;
  const std::string& dir_;
  const std::vector<LogFile>& files_;
};

}  // namespace shmring::log
