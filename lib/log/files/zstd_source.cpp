// A compressed file of a log: see zstd_source.hpp.
#include "lib/log/files/zstd_source.hpp"

#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr u32 table_magic = 0x184D2A5E, footer_magic = 0x8F92EAB1;
constexpr std::size_t table_head_bytes = 8, entry_bytes = 8, footer_bytes = 9;
constexpr u64 most_frames = u64{1} << 22;                         // a file of 1 TiB
constexpr std::size_t most_plain = max_line_bytes + frame_bytes;  // of one frame

void put_u32(std::string& out, u32 value) {
  for (int byte = 0; byte < 4; ++byte) out += static_cast<char>(value >> 8 * byte);
}

u32 get_u32(const char* at) {
  u32 value = 0;
  for (int byte = 0; byte < 4; ++byte) value |= static_cast<u32>(static_cast<unsigned char>(at[byte])) << 8 * byte;
  return value;
}

}  // namespace

std::string SeekTable::text() const {
  std::string out;
  put_u32(out, table_magic);
  put_u32(out, static_cast<u32>(frames.size() * entry_bytes + footer_bytes));
  for (const Frame& frame : frames) put_u32(out, frame.packed), put_u32(out, frame.plain);
  put_u32(out, static_cast<u32>(frames.size()));
  out += '\0';
  put_u32(out, footer_magic);
  return out;
}

ZstdSource::ZstdSource(os::Fd file, std::string path)
    : file_(std::move(file)), path_(std::move(path)), context_(ZSTD_createDCtx()) {}

ZstdSource::~ZstdSource() { ZSTD_freeDCtx(context_); }

int ZstdSource::open(os::Fd file, std::string path, std::unique_ptr<ByteSource>& out) {
  std::unique_ptr<ZstdSource> source(new ZstdSource(std::move(file), std::move(path)));
  if (source->context_ == nullptr) return os::fail(ENOMEM, "log %s: no memory to uncompress it", source->path_.c_str());
  if (const int error = source->read_table()) return error;
  out = std::move(source);
  return 0;
}

int ZstdSource::damage(const std::string& what) const {
  return os::fail(EBADMSG, "log %s: it is damaged: %s; if there is a copy of the file, put that in its place", path_.c_str(),
                  what.c_str());
}

// Fills `room`.
int ZstdSource::read_file(u64 at, std::span<char> room) {
  const ssize_t got = os::read_full(file_.get(), room.data(), room.size(), at);
  if (got < 0)
    return os::fail(static_cast<int>(-got), "log %s: cannot read: %s", path_.c_str(), std::strerror(static_cast<int>(-got)));
  return static_cast<std::size_t>(got) == room.size() ? 0 : damage("it became shorter while it was read");
}

int ZstdSource::read_table() {
  struct stat status {};
  if (const int error = os::result(os::calls.fstat(file_.get(), &status)); error != 0)
    return os::fail(-error, "log %s: cannot read its size: %s", path_.c_str(), std::strerror(-error));
  const u64 size = static_cast<u64>(status.st_size);
  if (size < table_head_bytes + footer_bytes) return damage("it has no table of frames at its end");
  char footer[footer_bytes];
  if (const int error = read_file(size - sizeof footer, footer)) return error;
  if (get_u32(footer + 5) != footer_magic) return damage("it has no table of frames at its end");
  if (footer[4] != 0) return damage("the table of frames has a descriptor other than 0");
  const u64 count = get_u32(footer);
  if (count > most_frames || count * entry_bytes > size - table_head_bytes - footer_bytes)
    return damage("the table of frames is for " + std::to_string(count) + " frames, more than the file can have");
  return read_entries(size, count);
}

int ZstdSource::read_entries(u64 file_size, u64 count) {
  const u64 begin = file_size - footer_bytes - count * entry_bytes - table_head_bytes;
  std::vector<char> table(table_head_bytes + count * entry_bytes);
  if (const int error = read_file(begin, table)) return error;
  if (get_u32(table.data()) != table_magic || get_u32(table.data() + 4) != count * entry_bytes + footer_bytes)
    return damage("the table of frames does not begin where its end says");
  Begin at{0, 0};
  for (u64 i = 0; i < count; ++i) {
    begins_.push_back(at);
    const char* const entry = table.data() + table_head_bytes + i * entry_bytes;
    const u32 packed = get_u32(entry), plain = get_u32(entry + 4);
    if (packed == 0 || plain == 0 || plain > most_plain || packed > ZSTD_compressBound(plain))
      return damage("frame " + std::to_string(i) + " has " + std::to_string(packed) + " bytes for " + std::to_string(plain) +
                    ", says the table");
    at.packed += packed, at.plain += plain;
  }
  begins_.push_back(at);
  return at.packed == begin ? 0 : damage("the frames have not the bytes that the table says");
}

int ZstdSource::unpack(std::size_t frame) {
  frame_ = ~std::size_t{0};
  packed_.resize(begins_[frame + 1].packed - begins_[frame].packed);
  plain_.resize(begins_[frame + 1].plain - begins_[frame].plain);
  if (const int error = read_file(begins_[frame].packed, packed_)) return error;
  const auto bad = [&](const char* what) { return damage("frame " + std::to_string(frame) + ": " + what); };
  const std::size_t found = ZSTD_findFrameCompressedSize(packed_.data(), packed_.size());
  if (ZSTD_isError(found)) return bad(ZSTD_getErrorName(found));
  if (found != packed_.size()) return bad("it ends elsewhere than the table says");
  const std::size_t got = ZSTD_decompressDCtx(context_, plain_.data(), plain_.size(), packed_.data(), packed_.size());
  if (ZSTD_isError(got)) return bad(ZSTD_getErrorName(got));
  if (got != plain_.size()) return bad("it is not as long as the table says");
  frame_ = frame;
  return 0;
}

ssize_t ZstdSource::read(u64 at, std::span<char> room) {
  if (at >= begins_.back().plain) return 0;
  const auto after = std::ranges::upper_bound(begins_, at, {}, &Begin::plain);
  const auto frame = static_cast<std::size_t>(after - begins_.begin()) - 1;
  if (frame != frame_)
    if (const int error = unpack(frame)) return error;
  const std::size_t from = at - begins_[frame].plain, bytes = std::min(room.size(), plain_.size() - from);
  std::memcpy(room.data(), plain_.data() + from, bytes);
  return static_cast<ssize_t>(bytes);
}

}  // namespace shmring::log
