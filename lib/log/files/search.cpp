// Lines of a log found without reading what is before them: see search.hpp.
#include "lib/log/files/search.hpp"

#include <algorithm>
#include <cstring>

#include "lib/log/format/parse.hpp"

namespace shmring::log {
namespace {

constexpr std::size_t first_look_bytes = 512, small_block = std::size_t{4} << 10, large_block = std::size_t{64} << 10;
constexpr u64 near_bytes = u64{64} << 10;  // what is read rather than searched
constexpr std::string_view accounts_needle = "\n{\"v\":1,\"kind\":\"accounts\",";

// Reads lines of a source at any place.
class Probe {
 public:
  explicit Probe(ByteSource& source) : source_(source) {}

  // Finds `needle` from `from` on, beginning before `limit`. Returns 1 and `at`, 0 if there is none, or −errno.
  int find(std::string_view needle, u64 from, u64 limit, u64& at) {
    std::size_t block = small_block;
    while (from < limit) {
      if (const int error = read_block(source_, from, block, text_)) return error;
      const std::size_t found = std::string_view(text_).find(needle);
      if (found != text_.npos) return at = from + found, at < limit;
      if (text_.size() < block) return 0;
      from += text_.size() - (needle.size() - 1);
      block = large_block;
    }
    return 0;
  }
  // Reads the first keys of the line that begins at `at`. Returns 1, 0 if they are not a line's, or −errno.
  int head(u64 at, Parsed& out) {
    if (const int error = read_block(source_, at, first_look_bytes, text_)) return error;
    return parse_head(text_, out);
  }

 private:
  ByteSource& source_;
  std::string text_;
};

std::string shifted(const std::string& time, i64 ns) {
  i64 at = parse_time(time).value_or(0);
  if (__builtin_add_overflow(at, ns, &at)) return time;
  const auto text = format_time(at);
  return {text.data(), text.size()};
}

// Returns a line's time as files are named: 20261124T220008Z.
std::string in_names(std::string_view time) {
  std::string out;
  for (const char c : time.substr(0, 19))
    if (c != '-' && c != ':') out += c;
  return out + "Z";
}

}  // namespace

int find_index(ByteSource& source, const LogFile& file, u64 index, Place& out) {
  Probe probe(source);
  Parsed line;
  out = {file.first_index, 0};
  u64 high = 0;
  if (const int error = source.size(high)) return error;
  while (high - std::min(high, out.byte) > near_bytes) {
    const u64 middle = out.byte + (high - out.byte) / 2;
    u64 newline = 0;
    int got = probe.find("\n", middle, high, newline);
    if (got == 1) got = probe.head(newline + 1, line);
    if (got < 0) return got;
    if (got == 1 && line.index > out.index && line.index <= index) {
      out = {line.index, newline + 1};
    } else {
      high = middle;
    }
  }
  return 0;
}

int find_end(ByteSource& source, const LogFile& file, u64& end) {
  Probe probe(source);
  Parsed line;
  end = file.first_index;
  u64 size = 0, last = 0, before = 0;
  if (const int error = source.size(size)) return error;
  for (u64 limit = size;; limit = last) {  // until a line's first keys are whole
    int got = find_back(source, limit, "\n", last);
    if (got != 1) return got;
    got = find_back(source, last, "\n", before);
    if (got >= 0) got = probe.head(got == 1 ? before + 1 : 0, line);
    if (got < 0) return got;
    ++end;
    if (got == 1 && line.index >= file.first_index) return end += line.index - file.first_index, 0;
  }
}

int Search::end(u64& index) const {
  std::unique_ptr<ByteSource> source;
  if (const int error = open_source(directory_, dir_, files_.back(), source)) return error;
  return find_end(*source, files_.back(), index);
}

// Sets the indexes of an accounts line before `time`, and of one at it or behind it; the file's ends if there is none.
int Search::around(const LogFile& file, std::string_view time, u64& before, u64& behind) const {
  std::unique_ptr<ByteSource> source;
  if (const int error = open_source(directory_, dir_, file, source)) return error;
  Probe probe(*source);
  Parsed line;
  before = file.first_index, behind = file.end;
  u64 low = 0, high = 0;
  if (const int error = source->size(high)) return error;
  while (high - std::min(high, low) > near_bytes) {
    const u64 middle = low + (high - low) / 2;
    u64 at = 0;
    int got = probe.find(accounts_needle, middle, high, at);
    if (got == 1) got = probe.head(at + 1, line);
    if (got < 0) return got;
    if (got == 1 && line.time < time && line.index > before && line.index < file.end) {
      low = at + 1, before = line.index;
    } else {
      high = middle;
      if (got == 1 && line.time >= time && line.index > before) behind = std::min(behind, line.index);
    }
  }
  return 0;
}

// Files are compared by their names, which are never earlier than their lines before them.
int Search::since(const std::string& time, u64& index) const {
  const std::string from = shifted(time, -since_slack_ns), name = in_names(from);
  std::size_t file = 0;
  while (file + 1 < files_.size() && files_[file + 1].name.substr(0, name.size()) < name) ++file;
  u64 behind;
  return around(files_[file], from, index, behind);
}

// The name of a file that replaces another one is later than its lines, so its first line decides.
int Search::until(const std::string& time, u64& index) const {
  const std::string to = shifted(time, until_slack_ns), name = in_names(to);
  std::size_t file = 1;
  for (bool after = false; file < files_.size(); ++file) {
    if (files_[file].name.substr(0, name.size()) <= name) continue;
    if (const int error = begins_after(files_[file], to, after)) return error;
    if (after) break;
  }
  u64 before;
  return around(files_[file - 1], to, before, index);
}

int Search::begins_after(const LogFile& file, std::string_view time, bool& out) const {
  std::unique_ptr<ByteSource> source;
  if (const int error = open_source(directory_, dir_, file, source)) return error;
  Probe probe(*source);  // it has the text that the line refers to
  Parsed line;
  const int got = probe.head(0, line);
  out = got == 1 && line.time > time;
  return std::min(got, 0);
}

}  // namespace shmring::log
