// The bytes of one file of a log, from front to back. A cursor reads them from here, however the file keeps them.
#pragma once

#include <span>
#include <utility>

#include "lib/log/format/numbers.hpp"
#include "lib/os/file.hpp"

namespace shmring::log {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Reads the next bytes, as many as are there now and fit the room. Returns their number, 0 if there are none now (ask again
  // later), or −errno.
  virtual ssize_t read(std::span<char> room) = 0;
};

// A file as it is.
class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(os::Fd file, u64 offset = 0) : file_(std::move(file)), offset_(offset) {}
  ssize_t read(std::span<char> room) override {
    const ssize_t got = os::read_full(file_.get(), room.data(), room.size(), offset_);
    if (got > 0) offset_ += static_cast<u64>(got);
    return got;
  }

 private:
  os::Fd file_;
  u64 offset_;
};

}  // namespace shmring::log
