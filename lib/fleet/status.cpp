// What an archive has, as values: see status.hpp.
#include "lib/fleet/status.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/fleet/committed.hpp"
#include "lib/fleet/log_id.hpp"
#include "lib/fleet/log_store.hpp"
#include "lib/log/files/names.hpp"
#include "lib/log/seal/kept.hpp"
#include "lib/os/error.hpp"

namespace shmring::fleet {
namespace {

// Lists the directories below one, in order. What is no directory, or has no name of ours, is passed over.
int list_directories(int directory, const std::string& path, std::vector<std::string>& out) {
  std::vector<std::string> names;
  if (const int error = os::list_names(directory, names))
    return os::fail(-error, "archive %s: cannot list it: %s", path.c_str(), std::strerror(-error));
  std::ranges::sort(names);
  out.clear();
  for (const std::string& name : names) {
    struct stat status {};
    if (is_name(name) && os::calls.fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(status.st_mode))
      out.push_back(name);
  }
  return 0;
}

int list_below(int parent, const std::string& path, const std::string& name, os::Fd& directory, std::vector<std::string>& out) {
  out.clear();
  const int error = os::open_at(parent, name.c_str(), os::directory_flags, 0, directory);
  if (error == -ENOENT || error == -ENOTDIR) return 0;  // it was there a moment ago
  if (error != 0)
    return os::fail(-error, "archive %s/%s: cannot open it: %s", path.c_str(), name.c_str(), std::strerror(-error));
  return list_directories(directory.get(), path + "/" + name, out);
}

void measure(int directory, ArchivedLogState& out) {
  std::vector<std::string> names;
  struct stat status {};
  u64 first = 0;
  if (os::list_names(directory, names) != 0) return;
  for (const std::string& name : names) {
    out.conflicts += name.ends_with(conflict_suffix);
    if (!log::is_log_file_name(name, first) || os::calls.fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    ++out.files, out.bytes += static_cast<u64>(status.st_size);
  }
  if (os::calls.fstatat(directory, committed_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
    out.changed_utc_s = static_cast<u64>(status.st_mtim.tv_sec);
}

void read_log(int root, const std::string& root_path, ArchivedLogState& out) {
  const std::string path = path_of(root_path, out.name), below = path_of(".", out.name);
  os::Fd directory;
  Committed committed;
  int error = os::open_at(root, below.c_str(), os::directory_flags, 0, directory);
  if (error == 0) measure(directory.get(), out);
  if (error == 0) error = read_committed(directory.get(), committed);
  if (error == -EBADMSG)
    out.text = path + "/" + committed_name + ": neither of its records can be read";
  else if (error != 0)
    out.text = path + "/" + committed_name + ": cannot read it: " + std::strerror(-error);
  else
    out.archived = {committed.file, committed.bytes, committed.index, committed.wanted};
}

}  // namespace

int list_logs(int root, const std::string& root_path, std::vector<LogName>& out) {
  std::vector<std::string> hosts, rings, logs;
  out.clear();
  if (const int error = list_directories(root, root_path, hosts)) return error;
  for (const std::string& host : hosts) {
    os::Fd host_directory;
    if (const int error = list_below(root, root_path, host, host_directory, rings)) return error;
    std::string host_path = root_path;
    host_path.append("/").append(host);
    for (const std::string& ring : rings) {
      os::Fd directory;
      if (const int error = list_below(host_directory.get(), host_path, ring, directory, logs)) return error;
      for (const std::string& log : logs)
        if (is_log_id(log)) out.push_back({host, ring, log});
    }
  }
  return 0;
}

int read_archive(const std::string& root, std::vector<ArchivedLogState>& out) {
  os::Fd directory;
  std::vector<LogName> names;
  out.clear();
  if (const int error = os::open_at(AT_FDCWD, root.c_str(), O_RDONLY | O_DIRECTORY, 0, directory))
    return os::fail(-error, "archive %s: cannot open it: %s", root.c_str(), std::strerror(-error));
  if (const int error = list_logs(directory.get(), root, names)) return error;
  for (const LogName& name : names) {
    out.emplace_back().name = name;
    read_log(directory.get(), root, out.back());
  }
  return 0;
}

int judge(const std::string& root, const LogName& name, unsigned threads, Judgement& out, log::LineTaker* taker) {
  const std::string path = path_of(root, name);
  os::Fd directory;
  std::string keys;
  std::vector<log::KeyNote> chain;
  out = {};
  if (const int error = log::open_log_directory(path, directory)) return error;
  const int error = log::read_kept(directory.get(), path, log::keys_name, keys);
  if (error != 0 && error != -ENOENT) return error;
  if (error == 0) {
    if (std::string wrong = log::read_key_chain(keys, chain); !wrong.empty())
      return out.text = path + "/" + log::keys_name + ": " + wrong, 0;
    log::AuditRequest request;
    request.keys = {chain.front().key}, request.threads = threads, request.taker = taker;
    out.sealed = true, out.key = log::text_of(chain.front().key);
    if (const int failed = log::audit(path, request, out.verdict, out.audit)) return failed;
  } else if (const int failed = log::verify(path, out.verdict, taker)) {
    return failed;
  }
  out.holds = out.verdict.proven && (!out.sealed || out.audit.holds);
  const log::Deviation& deviation = out.verdict.deviation;
  if (!out.verdict.proven)
    out.text = deviation.file + " line " + std::to_string(deviation.line) + ": expected " + deviation.expected + ", found " +
               deviation.found;
  else if (out.sealed && !out.audit.holds)
    out.text = out.audit.file + ": expected " + out.audit.expected + ", found " + out.audit.found;
  else
    out.text = std::to_string(out.verdict.lines) + " lines proven, " + std::to_string(out.verdict.lost.total()) + " lost" +
               (out.sealed ? ", signed through " + std::to_string(out.audit.signed_lines) + " lines" : "");
  return 0;
}

}  // namespace shmring::fleet
