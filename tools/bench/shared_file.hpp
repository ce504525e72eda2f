// Memory that processes share, in a file in $SHMRING_DIR or /dev/shm, and a ring of slots in such a file.
//
// Invariants: all memory of a file is reserved before it is used. No pointer is stored in it.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include "lib/os/error.hpp"
#include "lib/os/segment.hpp"
#include "tools/bench/transport.hpp"

namespace shmring::bench {

inline constexpr std::size_t line = 64;

inline std::string file_name(const std::string& name) { return "shmring-bench." + name; }

class SharedFile {
 public:
  // Creates the file with `bytes` zeros. If `bytes` is 0, it opens the file instead.
  SharedFile(const std::string& name, std::size_t bytes) {
    std::string path;
    os::Fd directory, file;
    if (os::open_directory(name, path, directory) != 0) throw std::runtime_error(os::last_error());
    path += "/" + file_name(name);
    const int flags = bytes != 0 ? O_RDWR | O_CREAT | O_EXCL : O_RDWR;
    int error = -os::open_at(directory.get(), file_name(name).c_str(), flags, 0600, file);
    if (error == 0 && bytes != 0) error = os::calls.posix_fallocate(file.get(), 0, static_cast<off_t>(bytes));
    struct stat facts {};
    if (error == 0 && os::calls.fstat(file.get(), &facts) != 0) error = errno;
    if (error == 0) {
      size_ = static_cast<std::size_t>(facts.st_size);
      data_ = os::calls.mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file.get(), 0);
      if (data_ == MAP_FAILED) error = errno;
    }
    if (error != 0) throw std::runtime_error(path + ": " + std::strerror(error));
  }
  SharedFile(SharedFile&& other) noexcept : data_(std::exchange(other.data_, MAP_FAILED)), size_(other.size_) {}
  SharedFile& operator=(SharedFile&&) = delete;
  ~SharedFile() {
    if (data_ != MAP_FAILED) os::calls.munmap(data_, size_);
  }
  void* data() const { return data_; }

  static void remove(const std::string& name) noexcept {
    try {
      std::string path;
      os::Fd directory;
      if (os::open_directory(name, path, directory) == 0) os::calls.unlinkat(directory.get(), file_name(name).c_str(), 0);
    } catch (const std::bad_alloc&) {  // the file stays
    }
  }

 private:
  void* data_ = MAP_FAILED;
  std::size_t size_ = 0;
};

// A place for one record. In some rings `word` tells whether a writer or the reader has the slot. The payload follows.
struct Slot {
  std::atomic<u64> word;
  u64 length;
  std::byte* payload() { return reinterpret_cast<std::byte*>(this + 1); }
};

// A Control, which has a member `Shape shape`, and the slots behind it. A position counts slots from the start, over all laps.
template <class Control>
class SlotRing {
 public:
  static void create(const std::string& name, const Shape& shape) {
    SharedFile file(name, slots_at + shape.slots * stride(shape.bytes));
    auto* control = new (file.data()) Control;
    control->shape = shape;
  }
  explicit SlotRing(const std::string& name)
      : file_(name, 0), control_(static_cast<Control*>(file_.data())), slots_(static_cast<std::byte*>(file_.data()) + slots_at),
        mask_(control_->shape.slots - 1), stride_(stride(control_->shape.bytes)) {}

  Control& control() const { return *control_; }
  u64 slots() const { return mask_ + 1; }
  Slot& at(u64 position) const { return *reinterpret_cast<Slot*>(slots_ + (position & mask_) * stride_); }
  std::size_t stride() const { return stride_; }

 private:
  static constexpr std::size_t slots_at = (sizeof(Control) + line - 1) / line * line;
  static std::size_t stride(u32 bytes) { return (sizeof(Slot) + bytes + line - 1) / line * line; }

  SharedFile file_;
  Control* control_;
  std::byte* slots_;
  u64 mask_;
  std::size_t stride_;
};

}  // namespace shmring::bench
