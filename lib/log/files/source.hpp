// The bytes of one file of a log, however the file keeps them. All readers of a log read through here.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lib/log/files/names.hpp"
#include "lib/log/format/numbers.hpp"
#include "lib/os/file.hpp"

namespace shmring::log {

inline constexpr std::size_t max_line_bytes = std::size_t{128} << 20;

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Reads bytes from `at` on. Returns how many, which may be fewer than fit the room; 0 if there are none now (ask again
  // later); or −errno with its text.
  virtual ssize_t read(u64 at, std::span<char> room) = 0;

  // Sets how many bytes there are now. Returns 0, or −errno with its text.
  virtual int size(u64& out) = 0;
};

// A file as it is.
class PlainSource final : public ByteSource {
 public:
  PlainSource(os::Fd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  ssize_t read(u64 at, std::span<char> room) override;
  int size(u64& out) override;

 private:
  os::Fd file_;
  std::string path_;  // for messages
};

// Opens a file of the log to read it, also if it was compressed since it was listed. Returns 0, or −errno with its text: as
// open_log_file(), and −EBADMSG if it is compressed and damaged.
int open_source(int directory, const std::string& dir, const LogFile& file, std::unique_ptr<ByteSource>& out);

// Reads so many bytes, or as many as there are. Returns 0, or −errno with its text.
int read_block(ByteSource& source, u64 at, std::size_t bytes, std::string& out);
// Finds the last place before `end` that holds the whole `needle`. Returns 1 and `at`, 0 if there is none, or −errno with its
// text.
int find_back(ByteSource& source, u64 end, std::string_view needle, u64& at);

}  // namespace shmring::log
