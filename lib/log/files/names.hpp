// The files of a log: their names, their order, and how they are listed and opened.
//
// Invariants:
//   - the files of a log are those named YYYYMMDDTHHMMSSZ-<first index, 20 digits>.jsonl, in the order of (first index, name),
//     since the clock in a name may have gone back. Nothing else in the directory is looked at;
//   - a file ends where the next one's first index says. This one rule covers rotation, a file that was replaced, and a repair
//     that was cut short. A file whose range is empty is superseded, and nothing of it is read;
//   - a file may be compressed: its name then ends with .jsonl.zst. Where both exist they are one file, and .jsonl is taken,
//     because the other may be torn;
//   - a thing with such a name that is not a regular file is neither waited for nor read.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/log/format/numbers.hpp"
#include "lib/os/file.hpp"

namespace shmring::log {

inline constexpr u64 no_end = ~u64{0};
inline constexpr std::string_view compressed_suffix = ".zst";
// In so many files at the end of a log, an overlap need not be explained yet.
inline constexpr std::size_t explained_later = 3;

// A file is the same file when it is compressed: only its end and its suffix change.
struct LogFile {
  std::string name;
  u64 first_index;
  u64 end = no_end;  // the first index behind its range; no_end: it is the last file

  bool is_compressed() const { return name.ends_with(compressed_suffix); }
  std::string_view plain_name() const {
    return std::string_view(name).substr(0, name.size() - (is_compressed() ? compressed_suffix.size() : 0));
  }
  auto operator<=>(const LogFile& other) const {
    if (const auto order = first_index <=> other.first_index; order != 0) return order;
    return plain_name() <=> other.plain_name();
  }
  bool operator==(const LogFile& other) const { return (*this <=> other) == 0; }
};

// A file without write bits in its mode is sealed: nothing is appended to it any more.
inline constexpr mode_t write_bits = 0222;
constexpr bool is_sealed(mode_t mode) { return (mode & write_bits) == 0; }

std::string log_file_name(u64 time_ns, u64 first_index);
// Recognizes the name of a file, compressed or not.
bool is_log_file_name(std::string_view name, u64& first_index);

// Returns the time in a name, UTC nanoseconds, or nothing if that is no time.
std::optional<u64> time_of(std::string_view name);
// Returns a name with the same index that stands behind this one. It is empty if this one's time is none.
std::string later_name(std::string_view name);
u64 first_index_of(std::string_view name);  // 0 if it is not such a name

// Returns "YYYYMMDDTHHMMSSZ", as used in file names.
std::string compact_time(u64 time_ns);

// Keeps the text "log DIR/NAME: cannot WHAT: …" for os::last_error(), and returns `error`, which is −errno.
int file_error(int error, const std::string& dir, const std::string& name, const char* what);

// Opens a log's directory. Returns 0, or −errno with its text (ENOENT, ENOTDIR, EACCES …).
int open_log_directory(const std::string& dir, os::Fd& out);

// Names all that is in a log's directory, in no order. Returns 0, or −errno with its text.
int list_names(int directory, const std::string& dir, const std::function<void(const char* name)>& take);

// Lists all that is named like a file of the log, in no order and without ends: also what is superseded, and both a compressed
// file and its plain one. Returns 0, or −errno with its text.
int list_log_names(int directory, const std::string& dir, std::vector<LogFile>& out);

// Lists the log's files in their order, with their ends. What is superseded is left out, and goes into `superseded` if that is
// given. Returns 0 (there may be none), or −errno with its text.
int list_log_files(int directory, const std::string& dir, std::vector<LogFile>& out,
                   std::vector<LogFile>* superseded = nullptr);

// Opens a file of the log. Returns 0, or −errno with its text. Anything but a regular file (a FIFO, a directory, a symbolic
// link …) is −EBADMSG, and is neither waited for nor read.
int open_log_file(int directory, const std::string& dir, const std::string& name, int flags, os::Fd& out);

}  // namespace shmring::log
