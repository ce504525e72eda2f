// What a start finds to be explained: see overlapping.hpp.
#include "lib/log/files/overlapping.hpp"

#include <fcntl.h>

#include <algorithm>

#include "lib/log/files/cursor.hpp"
#include "lib/log/files/explained.hpp"
#include "lib/log/files/search.hpp"
#include "lib/log/files/sync_job.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/os/durable.hpp"

namespace shmring::log {
namespace {

constexpr std::string_view incident_line = "{\"v\":1,\"kind\":\"incident\",";

// If it stays as it is, the next start looks at it again.
void seal_file(int directory, const std::string& dir, const std::string& name) {
  os::Fd file;
  if (open_log_file(directory, dir, name, O_RDONLY, file) == 0) seal(file.get());
}

// A line that explains a file stands behind what the file says.
int drop_explained(int directory, const std::string& dir, const std::vector<FoundFile>& files, u64 durable,
                   std::vector<std::pair<std::string, u64>>& overlapping) {
  u64 first = no_end;
  for (const auto& [name, from] : overlapping) first = std::min(first, first_index_of(name));
  const auto file = std::ranges::find_if(files, [&](const FoundFile& found) { return found.file.first_index >= first; });
  if (file == files.end()) return 0;
  Cursor lines;
  if (const int error = lines.open_at(directory, dir, file->file, 0)) return error;
  LogLine line;
  Parsed parsed;
  Mistake mistake;
  int got = 0;
  while (!overlapping.empty() && (got = lines.next(line)) == 1 && line.whole && line.index < durable) {
    std::string_view name;
    u64 from = 0;
    if (!line.text.starts_with(incident_line) || !parse(line.text, parsed, mistake) || !explains(parsed, name, from)) continue;
    const auto told = std::ranges::find(overlapping, name, [](const auto& named) { return named.first; });
    if (told == overlapping.end() || from > told->second) continue;
    seal_file(directory, dir, told->first);
    overlapping.erase(told);
  }
  return std::min(got, 0);
}

}  // namespace

// A collector that has replaced a file may have been killed before it said so, and others may have begun files since. What was
// said and is durable is looked for once: the file is sealed then, since nothing more is to be done for it. Of the superseded
// files, those are meant that could not be removed. Their seal says nothing: a replacement may have failed behind it, and then
// the next one has superseded it.
int find_overlapping(int directory, const std::string& dir, const std::vector<FoundFile>& files,
                     const std::vector<LogFile>& superseded, u64 durable, std::vector<std::pair<std::string, u64>>& out) {
  for (const LogFile& old : superseded) {
    struct stat status {};
    if (os::calls.fstatat(directory, old.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    out.emplace_back(old.name, old.first_index);
  }
  for (const FoundFile& found : files) {
    if (found.file.end == no_end || found.file.is_compressed() || found.is_sealed) continue;
    std::unique_ptr<ByteSource> source;
    u64 end = 0;
    if (const int error = open_source(directory, dir, found.file, source)) return error;
    if (const int error = find_end(*source, found.file, end)) return error;
    if (end > found.file.end) out.emplace_back(found.file.name, found.file.end);
  }
  return out.empty() ? 0 : drop_explained(directory, dir, files, durable, out);
}

}  // namespace shmring::log
