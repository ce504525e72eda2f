// Compresses a file of a log: see compress.hpp.
#include "lib/log/files/compress.hpp"

#include <fcntl.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "lib/log/files/cursor.hpp"
#include "lib/log/files/zstd_source.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr const char* temporary = "compress.tmp";

class Compression {
 public:
  Compression(int directory, const std::string& dir, const LogFile& file, DirectorySync& sync, const std::atomic<bool>& stop)
      : directory_(directory), dir_(dir), file_(file), sync_(sync), stop_(stop), context_(ZSTD_createCCtx(), ZSTD_freeCCtx) {}

  int run() {
    if (file_.end == no_end || file_.is_compressed())
      return os::fail(EINVAL, "log %s/%s: a file is compressed once, and only if another one follows it", dir_.c_str(),
                      file_.name.c_str());
    int error = make();
    if (error == 0) error = compare();
    if (error == 0) error = step(os::calls.fsync(made_.get()), "bring the compressed one to the disk");
    if (error == 0)
      error = step(os::calls.renameat(directory_, temporary, directory_, name_.c_str()), "name the compressed one");
    if (error != 0) return os::calls.unlinkat(directory_, temporary, 0), error;
    error = sync_directory();
    if (error == 0) error = step(os::calls.unlinkat(directory_, file_.name.c_str(), 0), "remove it, now that it is compressed");
    if (error != 0) return os::calls.unlinkat(directory_, name_.c_str(), 0), error;
    return sync_directory();
  }

 private:
  int step(int result, const char* what) const { return result == -1 ? fail(-errno, what) : 0; }
  int fail(int error, const char* what) const {
    return os::fail(-error, "log %s/%s: cannot %s: %s", dir_.c_str(), file_.name.c_str(), what, std::strerror(-error));
  }
  int sync_directory() const {
    const int error = sync_.for_removal(directory_);
    return error == 0 ? 0 : fail(error, "bring its directory to the disk");
  }
  bool is_stopped() const { return stop_.load(std::memory_order_relaxed); }
  int stopped() const {
    return os::fail(ECANCELED, "log %s/%s: it was not compressed, since the collector ends", dir_.c_str(), file_.name.c_str());
  }

  int make();
  int begin_temporary();
  int frames(LineReader& lines);
  int put_frame(std::string& frame);
  int compare();

  const int directory_;
  const std::string& dir_;
  const LogFile& file_;
  DirectorySync& sync_;
  const std::atomic<bool>& stop_;
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context_;
  const std::string name_ = file_.name + std::string(compressed_suffix);
  os::Fd made_;
  SeekTable table_;
  std::vector<char> packed_;
};

// A temporary file that an earlier attempt has left may be a link to anything.
int Compression::begin_temporary() {
  struct stat status {};
  if (const int error =
          step(os::calls.fstatat(directory_, file_.name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "read its status"))
    return error;
  os::calls.unlinkat(directory_, temporary, 0);
  if (const int error = os::open_at(directory_, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, made_))
    return fail(error, "create compress.tmp beside it");
  return step(os::calls.fchmod(made_.get(), status.st_mode & 0777), "give the compressed one its mode");
}

int Compression::make() {
  if (context_ == nullptr) return fail(-ENOMEM, "compress it");
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, 1);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  if (const int error = begin_temporary()) return error;
  std::unique_ptr<ByteSource> source;
  if (const int error = open_source(directory_, dir_, file_, source)) return error;
  LineReader lines;
  lines.read(std::move(source));
  if (const int error = frames(lines)) return error;
  const std::string table = table_.text();
  const int error = os::write_full(made_.get(), table.data(), table.size());
  return error == 0 ? 0 : fail(error, "write the compressed one");
}

int Compression::frames(LineReader& lines) {
  std::string frame;
  std::string_view line;
  for (u64 index = file_.first_index; index < file_.end; ++index) {
    if (is_stopped()) return stopped();
    const int got = lines.next(line);
    if (got < 0 && got != -EFBIG) return got;
    if (got != 1)
      return os::fail(EBADMSG, "log %s/%s: it has no line of index %llu, and was not compressed: run `shmring verify %s`",
                      dir_.c_str(), file_.name.c_str(), wide(index), dir_.c_str());
    if (!frame.empty() && frame.size() + line.size() + 1 > frame_bytes)
      if (const int error = put_frame(frame)) return error;
    frame.append(line) += '\n';
  }
  return put_frame(frame);
}

int Compression::put_frame(std::string& frame) {
  packed_.resize(ZSTD_compressBound(frame.size()));
  const std::size_t bytes = ZSTD_compress2(context_.get(), packed_.data(), packed_.size(), frame.data(), frame.size());
  if (ZSTD_isError(bytes))
    return os::fail(EIO, "log %s/%s: cannot compress it: %s", dir_.c_str(), file_.name.c_str(), ZSTD_getErrorName(bytes));
  table_.frames.push_back({static_cast<u32>(bytes), static_cast<u32>(frame.size())});
  frame.clear();
  const int error = os::write_full(made_.get(), packed_.data(), bytes);
  return error == 0 ? 0 : fail(error, "write the compressed one");
}

// Reads both files anew, since memory may have lied to the compressor.
int Compression::compare() {
  std::unique_ptr<ByteSource> plain, packed;
  os::Fd made;
  if (const int error = open_source(directory_, dir_, file_, plain)) return error;
  if (const int error = os::open_at(directory_, temporary, O_RDONLY | O_NOFOLLOW, 0, made))
    return fail(error, "open compress.tmp beside it");
  if (const int error = ZstdSource::open(std::move(made), dir_ + "/" + temporary, packed)) return error;
  u64 size = 0;
  if (const int error = packed->size(size)) return error;
  std::vector<char> one(frame_bytes), other(frame_bytes);
  for (u64 at = 0; at < size;) {
    if (is_stopped()) return stopped();
    const ssize_t got = packed->read(at, one);
    if (got < 0) return static_cast<int>(got);
    const std::span<char> same = std::span(other).first(static_cast<std::size_t>(got));
    const ssize_t there = plain->read(at, same);
    if (there < 0) return static_cast<int>(there);
    if (there != got || std::memcmp(one.data(), other.data(), same.size()) != 0)
      return os::fail(EIO, "log %s/%s: what was compressed is not what it says at byte %llu or behind it; it was left as it is",
                      dir_.c_str(), file_.name.c_str(), wide(at));
    at += static_cast<u64>(got);
  }
  return 0;
}

}  // namespace

int compress(int directory, const std::string& dir, const LogFile& file, DirectorySync& sync, const std::atomic<bool>& stop) {
  return Compression(directory, dir, file, sync, stop).run();
}

}  // namespace shmring::log
