// The bytes of one file of a log: see source.hpp.
#include "lib/log/files/source.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/log/files/zstd_source.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr std::size_t search_bytes = std::size_t{64} << 10;

}  // namespace

ssize_t PlainSource::read(u64 at, std::span<char> room) {
  const ssize_t got = os::read_full(file_.get(), room.data(), room.size(), at);
  if (got >= 0) return got;
  return os::fail(static_cast<int>(-got), "log %s: cannot read: %s", path_.c_str(), std::strerror(static_cast<int>(-got)));
}

int PlainSource::size(u64& out) {
  struct stat status {};
  if (const int error = os::result(os::calls.fstat(file_.get(), &status)); error != 0)
    return os::fail(-error, "log %s: cannot read its size: %s", path_.c_str(), std::strerror(-error));
  out = static_cast<u64>(status.st_size);
  return 0;
}

int open_source(int directory, const std::string& dir, const LogFile& file, std::unique_ptr<ByteSource>& out) {
  os::Fd opened;
  std::string name = file.name;
  int error = open_log_file(directory, dir, name, O_RDONLY, opened);
  if (error == -ENOENT && !file.is_compressed()) {
    name += compressed_suffix;
    error = open_log_file(directory, dir, name, O_RDONLY, opened);
  }
  if (error != 0) return error;
  if (name.ends_with(compressed_suffix)) return ZstdSource::open(std::move(opened), dir + "/" + name, out);
  out = std::make_unique<PlainSource>(std::move(opened), dir + "/" + name);
  return 0;
}

int read_block(ByteSource& source, u64 at, std::size_t bytes, std::string& out) {
  out.resize(bytes);
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got = source.read(at + done, std::span(out).subspan(done));
    if (got < 0) return static_cast<int>(got);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  out.resize(done);
  return 0;
}

int find_back(ByteSource& source, u64 end, std::string_view needle, u64& at) {
  std::string block;
  for (u64 from = end; from > 0;) {
    const u64 to = std::min(end, from + needle.size() - 1);  // a needle may span two blocks
    from -= std::min<u64>(from, search_bytes);
    if (const int error = read_block(source, from, to - from, block)) return error;
    if (const std::size_t found = block.rfind(needle); found != block.npos) return at = from + found, 1;
  }
  return 0;
}

}  // namespace shmring::log
