// The lines of a log that may be sent: see log_feed.hpp.
#include "lib/fleet/log_feed.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/log/files/mark.hpp"
#include "lib/log/files/search.hpp"
#include "lib/os/error.hpp"

namespace shmring::fleet {
namespace {

auto named(const std::string& plain_name) {
  return [&plain_name](const log::LogFile& file) { return file.plain_name() == plain_name; };
}

u64 newlines(std::string_view text) { return static_cast<u64>(std::ranges::count(text, '\n')); }

// Returns how many bytes the first so many lines have, or npos if there are not so many.
std::size_t bytes_of_lines(std::string_view text, u64 lines) {
  std::size_t at = 0;
  for (; lines > 0; --lines) {
    const std::size_t newline = text.find('\n', at);
    if (newline == text.npos) return text.npos;
    at = newline + 1;
  }
  return at;
}

}  // namespace

int LogFeed::look_at_mark() {
  durable_ = 0;
  if (const int error = log::open_log_directory(dir_, directory_)) return error;
  struct stat status {};
  if (os::calls.fstat(directory_.get(), &status) != 0)
    return os::fail(errno, "log %s: cannot read its directory's status: %s", dir_.c_str(), std::strerror(errno));
  if (status.st_dev != device_ || status.st_ino != inode_) {
    device_ = status.st_dev, inode_ = status.st_ino, ++place_;
    source_.reset();
  }
  log::Mark mark;
  switch (log::read_mark(directory_.get(), mark)) {
    case log::MarkSays::this_place: return durable_ = mark.durable, 0;
    case log::MarkSays::nothing:
      return os::fail(ENOENT,
                      "log %s: it has no mark that says how far it survives a power cut, so nothing of it is sent; is it the "
                      "directory of a collector with a level of durability?",
                      dir_.c_str());
    case log::MarkSays::torn:
      return os::fail(EBADMSG, "log %s: its mark is torn, so nothing more of it is sent until a collector writes it again",
                      dir_.c_str());
    default:
      return os::fail(
          EBADMSG,
          "log %s: its mark was written in another place, so this is a copy; nothing of it is sent until a collector "
          "writes here",
          dir_.c_str());
  }
}

int LogFeed::list() {
  if (const int error = log::list_log_files(directory_.get(), dir_, files_, &superseded_)) return error;
  return files_.empty() ? os::fail(ENOENT, "log %s: it has no file yet", dir_.c_str()) : 0;
}

bool LogFeed::find(u64 index, Position& out) const {
  const auto holding =
      std::ranges::find_if(files_, [index](const log::LogFile& file) { return file.first_index <= index && index < file.end; });
  if (holding == files_.end()) return false;
  out = {std::string(holding->plain_name()), 0, holding->first_index};
  return true;
}

bool LogFeed::holds(const std::string& plain_name, u64 index) const {
  const auto file = std::ranges::find_if(files_, named(plain_name));
  return file != files_.end() && file->first_index <= index && index < file->end;
}

int LogFeed::end(u64& index) {
  log::ByteSource* source = nullptr;
  u64 bytes = 0;
  if (const int error = open(std::string(files_.back().plain_name()), source, bytes)) return error;
  return log::find_end(*source, files_.back(), index);
}

// A file that is open may have been compressed, or its name may be another file's by now.
int LogFeed::open(const std::string& plain_name, log::ByteSource*& out, u64& bytes) {
  struct stat status {};
  const bool is_there = os::calls.fstatat(directory_.get(), plain_name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  const u64 inode = is_there ? u64{status.st_ino} : 0;
  if (source_ == nullptr || open_name_ != plain_name || open_inode_ != inode) {
    source_.reset();
    const log::LogFile file{plain_name, log::first_index_of(plain_name)};
    if (const int error = log::open_source(directory_.get(), dir_, file, source_)) return error;
    open_name_ = plain_name, open_inode_ = inode;
  }
  out = source_.get();
  return source_->size(bytes);
}

int LogFeed::count(const std::string& plain_name, u64 byte, u64& lines) {
  log::ByteSource* source = nullptr;
  u64 bytes = 0;
  std::string block;
  lines = 0;
  if (const int error = open(plain_name, source, bytes)) return error;
  for (u64 at = 0; at < byte; at += block.size()) {
    if (const int error = log::read_block(*source, at, std::min<u64>(os::block_bytes, byte - at), block)) return error;
    if (block.empty())
      return os::fail(ENODATA, "log %s/%s: it has %llu bytes, and %llu of it were sent", dir_.c_str(), plain_name.c_str(),
                      log::wide(bytes), log::wide(byte));
    lines += newlines(block);
  }
  return 0;
}

int LogFeed::next(Position from, std::size_t most, Chunk& out) {
  if (!holds(from.file, from.index)) {
    const u64 index = from.index;
    if (!find(index, from))
      return os::fail(ENODATA, "log %s: no file of it holds line %llu; it begins with line %llu", dir_.c_str(),
                      log::wide(index), log::wide(files_.front().first_index));
  }
  const auto file = std::ranges::find_if(files_, named(from.file));
  const u64 limit = std::min(durable_, file->end);
  return from.index < limit ? read(from, limit, most, out) : 0;
}

int LogFeed::read(const Position& from, u64 limit, std::size_t most, Chunk& out) {
  log::ByteSource* source = nullptr;
  u64 bytes = 0;
  if (const int error = open(from.file, source, bytes)) return error;
  const std::size_t before = std::min<u64>(hashed_before, from.byte);
  const std::size_t room = std::min<u64>(most, bytes - std::min(bytes, from.byte));
  if (const int error = log::read_block(*source, from.byte - before, before + room, block_)) return error;
  const std::string_view all(block_), text = all.substr(std::min(before, all.size()));
  std::size_t size = bytes_of_lines(text, limit - from.index);
  if (size == text.npos) size = text.rfind('\n') + 1;  // 0 if there is none
  if (size == 0 && text.size() == most) size = most;   // a piece of a line that is longer
  if (size == 0)
    return os::fail(EUCLEAN,
                    "log %s/%s: it ends at byte %llu, before the end of line %llu, which is durable: another program has cut "
                    "it; run `shmring verify %s`",
                    dir_.c_str(), from.file.c_str(), log::wide(bytes), log::wide(from.index), dir_.c_str());
  out.range = {from.file, from.byte, from.byte + size, from.index + newlines(text.substr(0, size)),
               hash_before(all.substr(0, before))};
  out.bytes = text.substr(0, size);
  return 1;
}

}  // namespace shmring::fleet
