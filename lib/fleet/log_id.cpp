// Which log a directory has: see log_id.hpp.
#include "lib/fleet/log_id.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "lib/fleet/message.hpp"
#include "lib/log/files/archived.hpp"
#include "lib/log/files/cursor.hpp"
#include "lib/log/seal/kept.hpp"
#include "lib/os/error.hpp"

namespace shmring::fleet {
namespace {

constexpr std::size_t id_digits = 16;

int read_first_line(int directory, const std::string& dir, const log::LogFile& file, std::string& out) {
  std::unique_ptr<log::ByteSource> source;
  if (const int error = log::open_source(directory, dir, file, source)) return error;
  log::LineReader lines;
  std::string_view line;
  lines.read(std::move(source));
  const int got = lines.next(line);
  if (got == 1) return out = std::string(line) + '\n', 0;
  if (got == 0 || got == -EFBIG) return os::fail(ENOENT, "log %s/%s: it has no whole line yet", dir.c_str(), file.name.c_str());
  return got;
}

// Sets an empty id if there is no such file.
int read_id(int directory, const std::string& dir, std::string& out) {
  std::string text;
  const int error = os::read_regular(directory, log_id_name, id_digits + 1, text);
  out.clear();
  if (error == -ENOENT) return 0;
  if (error == 0 && text.ends_with('\n') && is_log_id(std::string_view(text).substr(0, text.size() - 1)))
    return out = text.substr(0, id_digits), 0;
  const char* const what = error == 0 || error == -EBADMSG ? "it is not 16 hex digits and a newline" : std::strerror(-error);
  return os::fail(error == 0 ? EBADMSG : -error,
                  "log %s/%s: %s, so nobody knows which log the archive has of it; if the archive has none, remove the file",
                  dir.c_str(), log_id_name, what);
}

}  // namespace

std::string log_id_of(std::string_view first_line) { return hex_of(first_line); }

bool is_log_id(std::string_view text) {
  return text.size() == id_digits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

int find_log_id(int directory, const std::string& dir, const std::vector<log::LogFile>& files, std::string& out) {
  if (files.empty()) return os::fail(ENOENT, "log %s: it has no file yet", dir.c_str());
  if (const int error = read_id(directory, dir, out)) return error;
  if (!out.empty() && files.front().first_index > 0) return 0;
  std::string line;
  if (const int error = read_first_line(directory, dir, files.front(), line)) return error;
  const std::string id = log_id_of(line);
  if (id == out) return 0;
  out = id;
  os::calls.unlinkat(directory, log::archived_name, 0);  // it is of a former log
  return log::write_kept(directory, dir, log_id_name, id + '\n');
}

}  // namespace shmring::fleet
