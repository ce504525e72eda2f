// The files of a log: see names.hpp.
#include "lib/log/files/names.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <utility>

#include "lib/log/format/time.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {

namespace {

constexpr std::string_view name_shape = "00000000T000000Z-00000000000000000000.jsonl";  // 0 stands for a digit

const char* kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFIFO: return "a FIFO";
    case S_IFDIR: return "a directory";
    case S_IFSOCK: return "a socket";
    case S_IFLNK: return "a symbolic link";
    default: return "a device";
  }
}

}  // namespace

std::string compact_time(u64 time_ns) {
  char text[20];
  format_second(static_cast<i64>(time_ns / 1'000'000'000), text);
  std::string out;
  for (const char c : std::string_view(text, 19))  // without the point
    if (c != '-' && c != ':') out += c;
  return out + "Z";
}

std::string log_file_name(u64 time_ns, u64 first_index) {
  char index[32];
  std::snprintf(index, sizeof index, "-%020llu.jsonl", wide(first_index));
  return compact_time(time_ns) + index;
}

bool is_log_file_name(std::string_view name, u64& first_index) {
  if (name.ends_with(compressed_suffix)) name.remove_suffix(compressed_suffix.size());
  if (name.size() != name_shape.size()) return false;
  u64 index = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool digit = name[i] >= '0' && name[i] <= '9';
    if (name_shape[i] == '0' ? !digit : name[i] != name_shape[i]) return false;
    if (i < name_shape.find('-') || !digit) continue;
    if (__builtin_mul_overflow(index, 10, &index) || __builtin_add_overflow(index, static_cast<u64>(name[i] - '0'), &index))
      return false;
  }
  first_index = index;
  return index != no_end;
}

u64 first_index_of(std::string_view name) {
  u64 index = 0;
  return is_log_file_name(name, index) ? index : 0;
}

std::optional<u64> time_of(std::string_view name) {
  const auto part = [name](std::size_t from, std::size_t bytes) { return std::string(name.substr(from, bytes)); };
  const std::string time =
      part(0, 4) + "-" + part(4, 2) + "-" + part(6, 2) + "T" + part(9, 2) + ":" + part(11, 2) + ":" + part(13, 2) + "Z";
  const std::optional<i64> ns = parse_time(time);
  if (!ns || *ns < 0) return std::nullopt;
  return static_cast<u64>(*ns);
}

std::string later_name(std::string_view name) {
  const std::optional<u64> ns = time_of(name);
  return ns ? log_file_name(*ns + static_cast<u64>(second_ns), first_index_of(name)) : std::string();
}

namespace {

// Gives each file its end, and takes out what has no range.
void apply_order(std::vector<LogFile>& files, std::vector<LogFile>* superseded) {
  std::sort(files.begin(), files.end(), [](const LogFile& a, const LogFile& b) {
    const auto order = a <=> b;
    return order == 0 ? a.name.size() < b.name.size() : order < 0;
  });
  files.erase(std::unique(files.begin(), files.end()), files.end());  // the plain one stays
  for (std::size_t i = 0; i + 1 < files.size(); ++i) files[i].end = files[i + 1].first_index;
  const auto has_no_range = [](const LogFile& file) { return file.end == file.first_index; };
  if (superseded != nullptr) {
    superseded->clear();
    std::copy_if(files.begin(), files.end(), std::back_inserter(*superseded), has_no_range);
  }
  std::erase_if(files, has_no_range);
}

}  // namespace

int file_error(int error, const std::string& dir, const std::string& name, const char* what) {
  return os::fail(-error, "log %s/%s: cannot %s: %s", dir.c_str(), name.c_str(), what, std::strerror(-error));
}

int open_log_directory(const std::string& dir, os::Fd& out) {
  const int error = os::open_at(AT_FDCWD, dir.c_str(), O_RDONLY | O_DIRECTORY, 0, out);
  if (error == 0) return 0;
  const char* advice = error == -ENOENT    ? "give the directory that shmringd --log writes to"
                       : error == -ENOTDIR ? "give the directory, not a file in it"
                                           : "check its owner and mode";
  return os::fail(-error, "log %s: cannot open the directory: %s; %s", dir.c_str(), std::strerror(-error), advice);
}

int list_names(int directory, const std::string& dir, const std::function<void(const char* name)>& take) {
  std::vector<std::string> names;
  const int error = os::list_names(directory, names);
  for (const std::string& name : names) take(name.c_str());
  if (error != 0) return os::fail(-error, "log %s: cannot list the directory: %s", dir.c_str(), std::strerror(-error));
  return 0;
}

int list_log_names(int directory, const std::string& dir, std::vector<LogFile>& out) {
  out.clear();
  return list_names(directory, dir, [&out](const char* name) {
    u64 first_index;
    if (is_log_file_name(name, first_index)) out.push_back({name, first_index});
  });
}

int list_log_files(int directory, const std::string& dir, std::vector<LogFile>& out, std::vector<LogFile>* superseded) {
  if (const int error = list_log_names(directory, dir, out)) return error;
  apply_order(out, superseded);
  return 0;
}

int open_log_file(int directory, const std::string& dir, const std::string& name, int flags, os::Fd& out) {
  // The file is checked before it is opened, because opening a FIFO or a device has effects. It is checked again afterwards,
  // because it may be another file by then.
  struct stat status {};
  int error = os::result(os::calls.fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW));
  if (error == 0 && S_ISREG(status.st_mode)) {
    error = os::open_at(directory, name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK, 0, out);
    if (error == 0) error = os::result(os::calls.fstat(out.get(), &status));
  }
  if (error != 0) return os::fail(-error, "log %s/%s: cannot open it: %s", dir.c_str(), name.c_str(), std::strerror(-error));
  if (S_ISREG(status.st_mode)) return 0;
  return os::fail(EBADMSG, "log %s/%s: it is %s, and not a file of an audit log: move it elsewhere", dir.c_str(), name.c_str(),
                  kind_of(status.st_mode));
}

}  // namespace shmring::log
