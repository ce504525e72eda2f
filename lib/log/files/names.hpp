// The files of a log: their names, and how they are listed and opened.
//
// Invariants:
//   - the files of a log are those named YYYYMMDDTHHMMSSZ-<first index, 20 digits>.jsonl, in the order of that index (the clock
//     in a name may have gone back). Nothing else in the directory is looked at;
//   - a thing with such a name that is not a regular file is neither waited for nor read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/log/format/numbers.hpp"
#include "lib/os/file.hpp"

namespace shmring::log {

struct LogFile {
  std::string name;
  u64 first_index;
  auto operator<=>(const LogFile& other) const {
    if (const auto order = first_index <=> other.first_index; order != 0) return order;
    return name <=> other.name;
  }
  bool operator==(const LogFile&) const = default;
};

std::string log_file_name(u64 time_ns, u64 first_index);
bool is_log_file_name(std::string_view name, u64& first_index);

// Returns a name with the same index that stands behind this one. It is empty if this one's time is none.
std::string later_name(std::string_view name);
u64 first_index_of(std::string_view name);  // 0 if it is not such a name

// Returns "YYYYMMDDTHHMMSSZ", as used in file names.
std::string compact_time(u64 time_ns);

// Opens a log's directory. Returns 0, or −errno with its text (ENOENT, ENOTDIR, EACCES …).
int open_log_directory(const std::string& dir, os::Fd& out);

// Lists the log's files by first index. Returns 0 (there may be none), or −errno with its text.
int list_log_files(int directory, const std::string& dir, std::vector<LogFile>& out);

// Opens a file of the log. Returns 0, or −errno with its text. Anything but a regular file (a FIFO, a directory, a symbolic
// link …) is −EBADMSG, and is neither waited for nor read.
int open_log_file(int directory, const std::string& dir, const std::string& name, int flags, os::Fd& out);

}  // namespace shmring::log
