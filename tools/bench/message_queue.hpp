// boost::interprocess::message_queue as a transport: non-blocking, with one priority for all records, and with the faster of
// its two indexes.
//
// Invariant: the queue opens its shared memory itself, always in /dev/shm.
#pragma once

#define BOOST_INTERPROCESS_MSG_QUEUE_CIRCULAR_INDEX
#include <boost/interprocess/ipc/message_queue.hpp>
#include <vector>

#include "tools/bench/shared_file.hpp"

namespace shmring::bench {

class MessageQueue {
  using Queue = boost::interprocess::message_queue;

 public:
  static constexpr const char* name = "boost-mq";
  static constexpr Role role = Role::alternative;
  static constexpr bool overwrites = false;
  static constexpr bool survives_death = false;
  static constexpr u32 max_producers = 64;

  static void create(const std::string& name, const Shape& shape) {
    Queue(boost::interprocess::create_only, file_name(name).c_str(), shape.slots, shape.bytes);
  }
  static void remove(const std::string& name) noexcept { Queue::remove(file_name(name).c_str()); }

  class Writer {
   public:
    explicit Writer(const std::string& name) : queue_(boost::interprocess::open_only, file_name(name).c_str()) {}
    bool write(const void* record, std::size_t bytes) { return queue_.try_send(record, bytes, 0); }

   private:
    Queue queue_;
  };

  class Reader {
   public:
    explicit Reader(const std::string& name)
        : queue_(boost::interprocess::open_only, file_name(name).c_str()), record_(queue_.get_max_msg_size()) {}

    template <class Sink>
    std::size_t read(Sink&& sink) {
      std::size_t count = 0, bytes = 0;
      unsigned priority = 0;
      for (; count < read_batch && queue_.try_receive(record_.data(), record_.size(), bytes, priority); ++count)
        sink(static_cast<const std::byte*>(record_.data()), bytes);
      return count;
    }

   private:
    Queue queue_;
    std::vector<std::byte> record_;
  };
};

}  // namespace shmring::bench
