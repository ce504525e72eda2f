// The older files of a log: see oldest.hpp.
#include "lib/log/files/oldest.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "lib/log/files/cursor.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

// A damaged file is no clean start, and does not hold up what may be done with the others. Any other file that cannot be read
// now may be read later, so an error is no answer.
int begins_clean(int directory, const std::string& dir, const LogFile& file, bool& out) {
  std::unique_ptr<ByteSource> source;
  out = false;
  const auto is_damaged = [](int error) { return error == -EFBIG || error == -EBADMSG || error == -EIO || error == -ELOOP; };
  if (const int error = open_source(directory, dir, file, source)) return is_damaged(error) ? 0 : error;
  LineReader lines;
  lines.read(std::move(source));
  std::string_view text;
  const int got = lines.next(text);
  Parsed line;
  Mistake mistake;
  out = got == 1 && parse(text, line, mistake) && line.kind == Kind::accounts && line.clean;
  return is_damaged(got) ? 0 : std::min(got, 0);
}

}  // namespace

bool is_sealed(int directory, const LogFile& file) {
  struct stat status {};
  if (os::calls.fstatat(directory, file.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
  return S_ISREG(status.st_mode) && is_sealed(status.st_mode);
}

int OldFiles::read(int directory, const std::string& dir) {
  struct statfs space {};
  if (os::calls.fstatfs(directory, &space) != 0) return file_error(-errno, dir, ".", "see how much space is free");
  free_ = u64{space.f_bavail} * static_cast<u64>(space.f_bsize);
  std::vector<LogFile> ranges, names;
  int error = list_log_files(directory, dir, ranges);
  if (error == 0) error = list_log_names(directory, dir, names);
  if (error != 0) return error;
  files_.clear();
  std::map<std::string, bool, std::less<>> known;
  for (const LogFile& file : ranges) {
    const auto before = is_clean_.find(file.plain_name());
    bool is_clean = before != is_clean_.end() && before->second;
    if (before == is_clean_.end()) error = begins_clean(directory, dir, file, is_clean);
    if (error != 0) return error;
    known.emplace(file.plain_name(), is_clean);
    const bool is_over = file.is_compressed() || is_sealed(directory, file);
    files_.push_back({file.first_index, time_of(file.plain_name()).value_or(no_end), 0, is_over, is_clean});
  }
  is_clean_ = std::move(known);
  for (const LogFile& name : names) {
    const auto range = std::ranges::lower_bound(files_, name.first_index, {}, &RetainedFile::first_index);
    struct stat status {};
    if (range == files_.end() || os::calls.fstatat(directory, name.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    range->bytes += static_cast<u64>(status.st_size);
  }
  return 0;
}

int remove_before(int directory, const std::string& dir, u64 before, DirectorySync& sync, const std::atomic<bool>& stop,
                  bool& is_directory) {
  is_directory = false;
  std::vector<LogFile> files;
  if (const int error = list_log_names(directory, dir, files)) return error;
  std::ranges::sort(files, {},
                    [](const LogFile& file) { return std::tuple(file.first_index, file.plain_name(), !file.is_compressed()); });
  for (const LogFile& file : files) {
    if (file.first_index >= before) break;
    if (stop.load(std::memory_order_relaxed)) return -ECANCELED;
    if (os::calls.unlinkat(directory, file.name.c_str(), 0) != 0 && errno != ENOENT)
      return file_error(-errno, dir, file.name, "remove it, as the limits of [retain] say");
    if (const int error = sync.for_removal(directory)) {
      is_directory = true;
      return file_error(error, dir, file.name, "make its removal last");
    }
  }
  return 0;
}

}  // namespace shmring::log
