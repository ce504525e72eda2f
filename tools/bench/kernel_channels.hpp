// The kernel's channels as transports: a pipe, a pair of sequenced-packet sockets, and a POSIX message queue. None of them
// waits.
//
// Invariants:
//   - the creator of a channel holds both ends until remove(). Writers and readers are processes that inherit them, so no
//     channel has a name that could be left behind;
//   - a channel takes a record whole or refuses it. For a pipe this holds up to PIPE_BUF, including the record's length;
//   - a channel has the room that the kernel grants, up to what was asked for. A message queue has 10 messages if this process
//     is not privileged.
#pragma once

#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/bench/channel.hpp"
#include "tools/bench/transport.hpp"

namespace shmring::bench {

// The open channels, by the name that create() was given.
inline std::map<std::string, Ends>& kernel_ends() {
  static std::map<std::string, Ends> ends;
  return ends;
}

template <Ends (*make)(std::size_t records, std::size_t bytes)>
struct KernelChannel {
  static constexpr Role role = Role::kernel;
  static constexpr bool overwrites = false;
  static constexpr bool survives_death = true;
  static constexpr u32 max_producers = 64;
  static void create(const std::string& name, const Shape& shape) { kernel_ends()[name] = make(shape.slots, shape.bytes); }
  static void remove(const std::string& name) noexcept {
    const auto found = kernel_ends().find(name);
    if (found == kernel_ends().end()) return;
    close_ends(found->second);
    kernel_ends().erase(found);
  }

 protected:
  struct End {
    explicit End(const std::string& name) : ends(kernel_ends().at(name)) {}
    const Ends ends;
  };
};

// A channel of packets: one system call per record.
template <Ends (*make)(std::size_t records, std::size_t bytes), bool (*put)(int, const void*, std::size_t),
          std::size_t (*take)(int, void*, std::size_t)>
struct PacketChannel : KernelChannel<make> {
  struct Writer : KernelChannel<make>::End {
    using KernelChannel<make>::End::End;
    bool write(const void* record, std::size_t bytes) { return put(this->ends.in, record, bytes); }
  };
  struct Reader : KernelChannel<make>::End {
    explicit Reader(const std::string& name) : KernelChannel<make>::End(name), room_(this->ends.packet) {}
    template <class Sink>
    std::size_t read(Sink&& sink) {
      std::size_t count = 0;
      for (std::size_t bytes; count < read_batch && (bytes = take(this->ends.out, room_.data(), room_.size())) != 0; ++count)
        sink(static_cast<const std::byte*>(room_.data()), bytes);
      return count;
    }

   private:
    std::vector<std::byte> room_;
  };
};

struct SeqPacket : PacketChannel<open_seqpacket, send_packet, receive_packet> {
  static constexpr const char* name = "seqpacket";
};
struct PosixQueue : PacketChannel<open_queue, send_queued, receive_queued> {
  static constexpr const char* name = "posix-mq";
  static void create(const std::string& name, const Shape& shape) {
    PacketChannel::create(name, shape);
    const std::size_t granted = kernel_ends().at(name).records;
    if (granted < shape.slots)
      note() = "posix-mq has room for " + std::to_string(granted) + " records only: for more, this process lacks privilege";
  }
  static std::string& note() {
    static std::string text;
    return text;
  }
};

// A stream of records, each after its length. The reader takes many records with one system call.
struct Pipe : KernelChannel<open_pipe> {
  static constexpr const char* name = "pipe";
  static constexpr u32 max_bytes = 4096 - sizeof(u64);  // PIPE_BUF less the length

  struct Writer : End {
    using End::End;
    bool write(const void* record, std::size_t bytes) {
      const u64 length = bytes;
      return send_parts(ends.in, &length, sizeof length, record, bytes);
    }
  };
  struct Reader : End {
    explicit Reader(const std::string& name) : End(name), stream_(stream_bytes) {}
    template <class Sink>
    std::size_t read(Sink&& sink) {
      have_ += receive_stream(ends.out, stream_.data() + have_, stream_.size() - have_);
      std::size_t count = 0, at = 0;
      for (u64 length = 0; at + sizeof length <= have_; at += sizeof length + length, ++count) {
        std::memcpy(&length, stream_.data() + at, sizeof length);
        if (length > max_bytes) throw std::runtime_error("pipe: a length that nobody wrote");
        if (at + sizeof length + length > have_) break;
        sink(static_cast<const std::byte*>(stream_.data() + at + sizeof length), static_cast<std::size_t>(length));
      }
      std::memmove(stream_.data(), stream_.data() + at, have_ - at);
      have_ -= at;
      return count;
    }

   private:
    static constexpr std::size_t stream_bytes = 65536;
    std::vector<std::byte> stream_;
    std::size_t have_ = 0;
  };
};

}  // namespace shmring::bench
