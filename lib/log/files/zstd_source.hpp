// A compressed file of a log: zstd frames with a table of them at the end, which is zstd's seekable format.
//
//   frame …  each holds whole lines, and has a checksum of its content
//   table    a skippable frame: 5E 2A 4D 18, its size; for each frame its bytes in the file and uncompressed; the number of
//            frames, a descriptor (0: no further checksums), B1 EA 92 8F. Numbers are 32 bits, the lowest byte first
//
// Invariants:
//   - any zstd program reads such a file, since the table is a frame to skip;
//   - the bytes are hostile. The table is compared with the file's size, and a frame with the table, before anything is
//     allocated for it; what is wrong is named with the file and the frame;
//   - memory is bounded by the table and one frame.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/log/files/source.hpp"

struct ZSTD_DCtx_s;

namespace shmring::log {

inline constexpr std::size_t frame_bytes = std::size_t{256} << 10;  // uncompressed; more only if one line is longer

struct SeekTable {
  struct Frame {
    u32 packed, plain;  // bytes in the file, and uncompressed
  };
  std::vector<Frame> frames;

  std::string text() const;
};

class ZstdSource final : public ByteSource {
 public:
  // Reads the table. Returns 0, or −errno with its text; −EBADMSG if this is not such a file.
  static int open(os::Fd file, std::string path, std::unique_ptr<ByteSource>& out);
  ~ZstdSource() override;

  // −EBADMSG also if a frame is damaged.
  ssize_t read(u64 at, std::span<char> room) override;
  int size(u64& out) override {
    out = begins_.back().plain;
    return 0;
  }

 private:
  struct Begin {
    u64 packed, plain;
  };
  ZstdSource(os::Fd file, std::string path);
  int read_table();
  int read_entries(u64 file_size, u64 count);
  int read_file(u64 at, std::span<char> room);
  int unpack(std::size_t frame);
  int damage(const std::string& what) const;

  os::Fd file_;
  std::string path_;
  ZSTD_DCtx_s* const context_;
  std::vector<Begin> begins_;  // of each frame, and of what follows the last one
  std::vector<char> packed_, plain_;
  std::size_t frame_ = ~std::size_t{0};  // the one that plain_ holds
};

}  // namespace shmring::log
