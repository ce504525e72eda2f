// The mark of a log: see mark.hpp.
#include "lib/log/files/mark.hpp"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <cstdio>

#include "lib/log/files/names.hpp"
#include "lib/os/durable.hpp"

namespace shmring::log {
namespace {

constexpr const char *mark_name = "mark", *temporary_mark = "mark.tmp";
constexpr const char* cut_key = ",\"cut\":true";
constexpr std::size_t mark_bytes = 256;  // less than a sector, so that one write is seldom torn

// FNV-1a. It finds a torn or a scribbled mark; nobody's forgery is to be found here.
u64 checksum(std::string_view text) {
  u64 hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

// Reads fields that stand in a fixed order, each behind its key.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}
  bool is_next(std::string_view expected) const { return rest_.starts_with(expected); }
  bool skip(std::string_view expected) {
    if (!rest_.starts_with(expected)) return good_ = false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  u64 number(std::string_view key) {
    u64 value = 0;
    if (!skip(key)) return 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{}) good_ = false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  std::string word(std::string_view key) {
    if (!skip(key)) return {};
    const std::size_t end = std::min(rest_.find('"'), rest_.size());
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return out;
  }
  bool is_good() const { return good_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::string body(const Mark& mark) {
  char text[mark_bytes];
  const int length = std::snprintf(
      text, sizeof text,
      R"({"v":1,"boot":"%016llx%016llx","device":%llu,"inode":%llu,"durable":%llu,"accounts":%llu,"file":"%s","byte":%llu)",
      wide(mark.boot[0]), wide(mark.boot[1]), wide(mark.device), wide(mark.inode), wide(mark.durable), wide(mark.accounts),
      mark.file.c_str(), wide(mark.byte));
  return std::string(text, static_cast<std::size_t>(length)) + (mark.is_cut ? cut_key : "");
}

// Two numbers of 16 hex digits.
bool parse_boot(std::string_view text, u64 (&out)[2]) {
  if (text.size() != 32) return false;
  for (std::size_t i = 0; i < 2; ++i) {
    const char* const from = text.data() + 16 * i;
    const auto [end, error] = std::from_chars(from, from + 16, out[i], 16);
    if (error != std::errc{} || end != from + 16) return false;
  }
  return true;
}

}  // namespace

std::string mark_text(const Mark& mark) {
  std::string text = body(mark);
  char sum[32];
  std::snprintf(sum, sizeof sum, R"(,"sum":"%016llx"})", wide(checksum(text)));
  text += sum;
  text.resize(mark_bytes - 1, ' ');
  return text + '\n';
}

bool parse_mark(std::string_view text, Mark& out) {
  Fields fields(text);
  Mark mark;
  u64 first;
  if (!parse_boot(fields.word(R"({"v":1,"boot":")"), mark.boot)) return false;
  mark.device = fields.number("\",\"device\":");
  mark.inode = fields.number(",\"inode\":");
  mark.durable = fields.number(",\"durable\":");
  mark.accounts = fields.number(",\"accounts\":");
  mark.file = fields.word(",\"file\":\"");
  mark.byte = fields.number("\",\"byte\":");
  mark.is_cut = fields.is_next(cut_key);
  if (!fields.is_good() || (!mark.file.empty() && !is_log_file_name(mark.file, first))) return false;
  if (text != mark_text(mark)) return false;
  out = std::move(mark);
  return true;
}

MarkSays read_mark(int directory, Mark& out) {
  os::Fd file;
  struct stat status {};
  if (os::open_at(directory, mark_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, file) != 0) return MarkSays::nothing;
  if (os::calls.fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return MarkSays::nothing;
  char text[mark_bytes + 1];
  const ssize_t got = os::read_full(file.get(), text, sizeof text, 0);
  if (got != static_cast<ssize_t>(mark_bytes) || !parse_mark({text, mark_bytes}, out)) return MarkSays::torn;
  return out.device == status.st_dev && out.inode == status.st_ino ? MarkSays::this_place : MarkSays::another_place;
}

void remove_mark(int directory) {
  for (const char* name : {mark_name, temporary_mark}) os::calls.unlinkat(directory, name, 0);
}

int MarkFile::begin(int directory, const Mark& mark) {
  int error = make(directory, mark);
  if (error == 0) error = os::rename_over(directory, temporary_mark, mark_name);
  if (error != 0) os::calls.unlinkat(directory, temporary_mark, 0);
  if (error == -ENOSPC || error == -EDQUOT) {
    const int in_place = open(directory, mark_name, O_RDWR, mark);  // this needs no more space
    if (in_place != -ENOENT) error = in_place;
  }
  return error == 0 ? os::sync_with_name(directory) : error;
}

int MarkFile::make(int directory, const Mark& mark) {
  os::calls.unlinkat(directory, temporary_mark, 0);  // left by a collector that was killed here
  return open(directory, temporary_mark, O_RDWR | O_CREAT | O_EXCL, mark);
}

// Writes the mark, and syncs it.
int MarkFile::open(int directory, const char* name, int flags, const Mark& mark) {
  if (const int error = os::open_at(directory, name, flags | O_NOFOLLOW | O_NONBLOCK, 0600, file_)) return error;
  struct stat status {};
  if (os::calls.fstat(file_.get(), &status) != 0) return -errno;
  if (!S_ISREG(status.st_mode)) return -EBADMSG;
  device_ = status.st_dev, inode_ = status.st_ino;
  const int error = write(mark);
  return error == 0 ? os::sync_data(file_.get()) : error;
}

int MarkFile::write(Mark mark) const {
  mark.device = device_, mark.inode = inode_;
  const std::string text = mark_text(mark);
  return os::write_full_at(file_.get(), text.data(), text.size(), 0);  // a torn one does not count
}

}  // namespace shmring::log
