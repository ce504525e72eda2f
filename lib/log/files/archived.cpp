// What an archive has of a log: see archived.hpp.
#include "lib/log/files/archived.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/log/files/names.hpp"
#include "lib/log/format/json.hpp"
#include "lib/os/file.hpp"

namespace shmring::log {
namespace {

constexpr std::size_t most_text = 512;  // bytes

// Returns what is wrong with one value, or "".
std::string check(const Archived& archived) {
  if (archived.file.empty())
    return archived.bytes != 0 || archived.index != 0 ? "file: it is empty, but bytes or index is not 0" : "";
  u64 first = 0;
  if (!is_log_file_name(archived.file, first) || archived.file.ends_with(compressed_suffix))
    return "file: it is not the plain name of a file of a log";
  return archived.index < first ? "index: it is below the first index of the file" : "";
}

}  // namespace

std::string text_of(const Archived& archived) {
  return "{\"v\":1,\"file\":\"" + archived.file + "\",\"bytes\":" + std::to_string(archived.bytes) +
         ",\"index\":" + std::to_string(archived.index) + ",\"wanted\":" + (archived.wanted ? "true" : "false") + "}\n";
}

std::string parse_archived(std::string_view text, Archived& out) {
  Scanner scanner(text);
  Archived found;
  std::string_view file;
  if (!scanner.literal("{\"v\":1")) return "v: it is not 1, or does not come first";
  if (!scanner.literal(",\"file\":") || !scanner.string(file)) return "file: there is no such text";
  if (!scanner.literal(",\"bytes\":") || !scanner.number(found.bytes)) return "bytes: there is no such number";
  if (!scanner.literal(",\"index\":") || !scanner.number(found.index)) return "index: there is no such number";
  found.wanted = scanner.literal(",\"wanted\":true");
  if (!found.wanted && !scanner.literal(",\"wanted\":false")) return "wanted: it is neither true nor false";
  if (!scanner.literal("}\n") || !scanner.at_end()) return "wanted: it is not followed by the end of the only line";
  found.file = file;
  if (std::string problem = check(found); !problem.empty()) return problem;
  out = std::move(found);
  return "";
}

int read_archived(int directory, std::optional<std::string>& out) {
  std::string text;
  const int error = os::read_regular(directory, archived_name, most_text, text);
  out.reset();
  if (error == 0) out = std::move(text);
  return error == -ENOENT ? 0 : error;
}

// What was said of a text when it was first seen holds as long as it stands there.
bool ArchivedLines::look(int error, const std::optional<std::string>& text, u64 written, u64& before) {
  if (error == 0 && error_ == 0 && text == text_) return false;
  before = index_;
  error_ = error, text_ = text, problem_.clear(), index_ = 0;
  Archived found;
  if (error == -EBADMSG) {
    problem_ = "it is no regular file, or has more than 512 bytes";
  } else if (error != 0) {
    problem_ = std::string("it cannot be read: ") + std::strerror(-error);
  } else if (text) {
    problem_ = parse_archived(*text, found);
    if (problem_.empty() && found.index > written)
      problem_ = "index: it is " + std::to_string(found.index) + ", but the log has only the lines below " +
                 std::to_string(written) + ": the archive has another log";
    if (problem_.empty()) index_ = found.index;
  }
  return index_ < before;
}

}  // namespace shmring::log
