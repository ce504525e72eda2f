// boost::lockfree::queue in shared memory. It has a fixed capacity, so that its nodes are inside the object and are known by
// their index instead of a pointer.
//
// Invariant: the queue never allocates. Each record is copied as a whole node, so it costs as much as `room` bytes.
#pragma once

#include <boost/lockfree/queue.hpp>

#include "tools/bench/shared_file.hpp"

namespace shmring::bench {

template <u32 slots, u32 room>
class LockfreeQueue {
  struct Record {
    u64 length;
    std::byte payload[room];
  };
  using Queue = boost::lockfree::queue<Record, boost::lockfree::capacity<slots>>;
  static Queue& queue(const SharedFile& file) { return *static_cast<Queue*>(file.data()); }

 public:
  static constexpr const char* name = "boost-lockfree";
  static constexpr Role role = Role::alternative;
  static constexpr bool overwrites = false;
  static constexpr bool survives_death = true;  // but a node is lost
  static constexpr u32 max_producers = 64;

  static void create(const std::string& name, const Shape& shape) {
    if (shape.slots != slots || shape.bytes > room)
      throw std::runtime_error("boost-lockfree: compiled for other sizes than " + std::to_string(shape.slots) + " × " +
                               std::to_string(shape.bytes) + " bytes");
    SharedFile file(name, sizeof(Queue));
    new (file.data()) Queue;
  }
  static void remove(const std::string& name) noexcept { SharedFile::remove(name); }

  class Writer {
   public:
    explicit Writer(const std::string& name) : file_(name, 0) {}

    bool write(const void* record, std::size_t bytes) {
      Record copy;
      copy.length = bytes;
      std::memcpy(copy.payload, record, bytes);
      return queue(file_).bounded_push(copy);
    }

   private:
    SharedFile file_;
  };

  class Reader {
   public:
    explicit Reader(const std::string& name) : file_(name, 0) {}

    template <class Sink>
    std::size_t read(Sink&& sink) {
      std::size_t count = 0;
      for (Record record; count < read_batch && queue(file_).pop(record); ++count)
        sink(static_cast<const std::byte*>(record.payload), static_cast<std::size_t>(record.length));
      return count;
    }

   private:
    SharedFile file_;
  };
};

}  // namespace shmring::bench
