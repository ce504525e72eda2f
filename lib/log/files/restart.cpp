// What a new collector finds: see restart.hpp.
#include "lib/log/files/restart.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/log/files/aside.hpp"
#include "lib/log/files/cursor.hpp"
#include "lib/log/files/mark.hpp"
#include "lib/log/files/search.hpp"
#include "lib/log/files/sync_job.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"
#include "lib/os/process.hpp"

namespace shmring::log {
namespace {

unsigned long long wide(u64 value) { return value; }

enum class Origin { this_boot, earlier_boot, unknown, copy };

struct Found {
  LogFile file;
  u64 bytes;
  bool is_sealed;
};

class Restart {
 public:
  Restart(int directory, const std::string& dir, std::string_view ring, Recovered& out)
      : directory_(directory), dir_(dir), ring_(ring), out_(out) {}

  int run() {
    read_mark();
    if (const int error = list()) return error;
    u64 cut_bytes = 0;
    if (origin_ == Origin::earlier_boot) {
      if (const int error = cut_what_is_not_whole(cut_bytes)) return error;
    }
    if (const int error = recover(directory_, dir_, ring_, out_)) return error;
    out_.cut_bytes += cut_bytes;
    if (out_.aside.empty()) out_.aside = aside_;
    for (const char* name : {new_file_name, replacement_name}) os::calls.unlinkat(directory_, name, 0);
    if (const int error = list()) return error;
    return judge();
  }

 private:
  void read_mark();
  int list();
  int cut_what_is_not_whole(u64& cut_bytes);
  int read_file(const LogFile& file, u64& next, u64& whole);
  int cut(std::size_t at, u64 whole, u64 next, u64& cut_bytes);
  // Files become durable in their order, so a sealed one proves all before it: also a file that was replaced, and is never
  // sealed.
  std::vector<Found>::const_iterator first_unsealed() const {
    return std::find_if(files_.rbegin(), files_.rend(), [](const Found& found) { return found.is_sealed; }).base();
  }
  int sync_cut(std::size_t at, bool is_there);
  int judge();
  int find_overlapping();
  int find_unsynced();
  int end_of(std::size_t at, u64& byte);
  int find_line(LogFile file, u64 index, u64& byte);
  bool has_accounts_at_mark(const LogFile& file);
  int io_error(int error, const std::string& name, const char* what) const {
    return os::fail(-error, "log %s/%s: cannot %s: %s", dir_.c_str(), name.c_str(), what, std::strerror(-error));
  }
  int refuse_below_durable(u64 index) const {
    return os::fail(
        EBADMSG,
        "log %s: the lines with the indexes %llu to %llu are missing or damaged, but had been on the disk; the log was "
        "left as it is: put the files back, or run `shmring verify %s` and move what is left elsewhere",
        dir_.c_str(), wide(index), wide(mark_.durable - 1), dir_.c_str());
  }

  int directory_;
  const std::string& dir_;
  std::string_view ring_;
  Recovered& out_;
  Mark mark_;
  Origin origin_ = Origin::unknown;
  std::vector<Found> files_;  // without those that are superseded
  std::string aside_;
};

void Restart::read_mark() {
  const MarkSays says = log::read_mark(directory_, mark_);
  if (says != MarkSays::this_place) {
    mark_ = {};
    origin_ = says == MarkSays::nothing ? Origin::unknown : Origin::copy;
    return;
  }
  const os::MachineId machine = os::this_machine();
  const bool same = mark_.boot[0] == machine.boot_id[0] && mark_.boot[1] == machine.boot_id[1];
  origin_ = same ? Origin::this_boot : Origin::earlier_boot;
}

// A file that has superseded another is sealed once it is durable. Then the other one is removed.
int Restart::list() {
  std::vector<LogFile> files, superseded;
  if (const int error = list_log_files(directory_, dir_, files, &superseded)) return error;
  files_.clear();
  for (const LogFile& file : files) {
    struct stat status {};
    if (os::calls.fstatat(directory_, file.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return io_error(-errno, file.name, "read its status");
    const bool is_sealed = file.is_compressed() || ((status.st_mode & 0222) == 0 && origin_ != Origin::copy);
    files_.push_back({file, static_cast<u64>(status.st_size), is_sealed});
    const auto is_behind = [&](const LogFile& old) { return is_sealed && old.first_index == file.first_index; };
    for (const LogFile& old : superseded)
      if (is_behind(old)) os::calls.unlinkat(directory_, old.name.c_str(), 0);
  }
  return 0;
}

// After a power cut: the disk may have kept any part of what was not synced. All from the first unsealed file on is read, and
// the log ends where the first line is missing or damaged.
int Restart::cut_what_is_not_whole(u64& cut_bytes) {
  const auto first = first_unsealed();
  u64 next = first == files_.end() ? 0 : first->file.first_index;
  for (std::size_t i = static_cast<std::size_t>(first - files_.cbegin()); i < files_.size(); ++i) {
    u64 whole = 0;
    if (files_[i].file.first_index == next) {
      if (const int error = read_file(files_[i].file, next, whole)) return error;
      if (files_[i].file.end == no_end ? whole == files_[i].bytes : next == files_[i].file.end) continue;
    }
    if (next < mark_.durable) return refuse_below_durable(next);
    return cut(i, whole, next, cut_bytes);
  }
  return 0;
}

// Sets how many bytes of the file's range are whole lines with indexes from `next` on, and which index follows.
int Restart::read_file(const LogFile& file, u64& next, u64& whole) {
  Cursor lines;
  if (const int error = lines.open_at(directory_, dir_, file, 0)) return error;
  LogLine line;
  Parsed parsed;
  Mistake mistake;
  while (next < file.end) {
    const int got = lines.next(line);
    if (got < 0 && got != -EBADMSG) return got;
    if (got != 1 || !line.whole || line.file != file.name) return 0;
    if (!parse(line.text, parsed, mistake) || parsed.index != next) return 0;
    ++next;
    whole = line.byte + line.text.size() + 1;
  }
  return 0;
}

// The log ends in file `at`, behind so many bytes. Files behind the cut go first, the last one first, so that the log has no
// hole whenever this is cut short.
int Restart::cut(std::size_t at, u64 whole, u64 next, u64& cut_bytes) {
  if (at == 0 && whole == 0 && files_[0].file.first_index > 0) {
    return os::fail(EBADMSG,
                    "log %s/%s: it has no whole line, and no other file says how the log goes on; it was left as it is",
                    dir_.c_str(), files_[0].file.name.c_str());
  }
  for (std::size_t i = files_.size(); i-- > at;) {
    const Found& found = files_[i];
    const u64 keeps = i == at ? whole : 0;
    if (keeps == found.bytes) continue;
    const int error = keeps == 0 ? move_aside(directory_, dir_, found.file.name, found.bytes, found.file.first_index, aside_)
                                 : cut_aside(directory_, dir_, found.file.name, keeps, found.bytes, next, aside_);
    if (error != 0) return error;
    cut_bytes += found.bytes - keeps;
  }
  return sync_cut(at, whole > 0);
}

int Restart::sync_cut(std::size_t at, bool is_there) {
  int error = 0;
  os::Fd file;
  const std::string& name = files_[at].file.name;
  if (is_there) error = open_log_file(directory_, dir_, name, O_RDONLY, file);
  if (error != 0) return error;
  if (is_there) error = os::sync_data(file.get());
  if (error == 0) error = os::sync_all(directory_);
  return error == 0 ? 0 : io_error(error, name, "sync what was cut");
}

int Restart::judge() {
  const auto last = std::ranges::find(files_, out_.file, [](const Found& found) { return found.file.name; });
  out_.is_sealed = last != files_.end() && last->is_sealed;
  if (files_.empty()) return out_.durable = 0, 0;  // all was taken away, and a new log begins
  const auto unsealed = first_unsealed();
  const u64 proven = unsealed == files_.end() ? out_.next_index : unsealed->file.first_index;
  switch (origin_) {
    case Origin::this_boot: out_.durable = mark_.durable; break;
    case Origin::earlier_boot: out_.durable = out_.next_index; break;
    case Origin::unknown: out_.durable = proven; break;
    case Origin::copy: out_.durable = files_.empty() ? 0 : files_.front().file.first_index; break;
  }
  if (mark_.durable > out_.next_index) return refuse_below_durable(out_.next_index);
  if (const int error = find_overlapping()) return error;
  return out_.durable < out_.next_index ? find_unsynced() : 0;
}

// Only the last files may be without an incident that explains them.
int Restart::find_overlapping() {
  const std::size_t begin = files_.size() - std::min(files_.size(), explained_later + 1);
  for (std::size_t i = begin; i < files_.size(); ++i) {
    const LogFile& file = files_[i].file;
    if (file.end == no_end || file.is_compressed() || files_[i].is_sealed) continue;
    std::unique_ptr<ByteSource> source;
    u64 end = 0;
    if (const int error = open_source(directory_, dir_, file, source)) return error;
    if (const int error = find_end(*source, file, end)) return error;
    if (end > file.end) out_.overlapping.emplace_back(file.name, file.end);
  }
  return 0;
}

int Restart::find_unsynced() {
  for (std::size_t i = static_cast<std::size_t>(first_unsealed() - files_.cbegin()); i < files_.size(); ++i) {
    const LogFile& file = files_[i].file;
    const u64 end = std::min(file.end, out_.next_index);
    if (end <= out_.durable) continue;
    Unsynced unsynced{file.name, file.first_index, end, 0, 0};
    if (const int error = end_of(i, unsynced.end_byte)) return error;
    if (has_accounts_at_mark(file)) unsynced.from = mark_.accounts, unsynced.begin_byte = mark_.byte;
    out_.unsynced.push_back(std::move(unsynced));
  }
  return 0;
}

// Sets where the file's range ends in it. Its last lines may be in its successor, too.
int Restart::end_of(std::size_t at, u64& byte) {
  byte = files_[at].bytes;
  return files_[at].file.end == no_end ? 0 : find_line(files_[at].file, files_[at].file.end, byte);
}

// Sets `byte` only if the file has a line with that index.
int Restart::find_line(LogFile file, u64 index, u64& byte) {
  file.end = no_end;
  Cursor lines;
  if (const int error = lines.open_at(directory_, dir_, file, 0)) return error;
  LogLine line;
  for (u64 at = file.first_index; at <= index; ++at) {
    const int got = lines.next(line);
    if (got < 0) return got;
    if (got == 0 || !line.whole || line.file != file.name) return 0;
    if (at == index) byte = line.byte;
  }
  return 0;
}

// The mark is another process's word, so it is looked at.
bool Restart::has_accounts_at_mark(const LogFile& file) {
  if (mark_.file != file.name || mark_.accounts < file.first_index || mark_.accounts >= out_.durable) return false;
  os::Fd fd;
  if (open_log_file(directory_, dir_, file.name, O_RDONLY, fd) != 0) return false;
  const std::string expected =
      (mark_.byte > 0 ? "\n" : "") + ("{\"v\":1,\"kind\":\"accounts\",\"index\":" + std::to_string(mark_.accounts) + ",");
  std::string found(expected.size(), '\0');
  const u64 at = mark_.byte > 0 ? mark_.byte - 1 : 0;
  return os::read_full(fd.get(), found.data(), found.size(), at) == static_cast<ssize_t>(found.size()) && found == expected;
}

}  // namespace

int restart(int directory, const std::string& dir, std::string_view ring, Recovered& out) {
  return Restart(directory, dir, ring, out).run();
}

}  // namespace shmring::log
