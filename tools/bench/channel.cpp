// See channel.hpp. System calls that only the benchmark needs are not in os::calls, and are made here directly.
#include "tools/bench/channel.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include "lib/os/calls.hpp"
#include "lib/os/clock.hpp"

namespace shmring::bench {
namespace {

[[noreturn]] void fail(const char* what) { throw std::runtime_error(std::string(what) + ": " + std::strerror(errno)); }

// Returns the result of a non-blocking call: the number of bytes, or 0 if it would have blocked.
std::size_t done(ssize_t bytes, const char* what) {
  if (bytes >= 0) return static_cast<std::size_t>(bytes);
  if (errno == EAGAIN || errno == EINTR) return 0;
  fail(what);
}

constexpr std::size_t granted_to_all = 10;  // messages of up to 8 KiB: the kernel's default for unprivileged processes

}  // namespace

Ends open_pipe(std::size_t records, std::size_t bytes) {
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) fail("pipe");
  for (std::size_t room = std::bit_ceil(records * (bytes + 8)); room > 65536; room /= 2)
    if (::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(room)) >= 0) break;
  return {ends[1], ends[0], bytes, 0};
}

Ends open_seqpacket(std::size_t records, std::size_t bytes) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) fail("seqpacket");
  constexpr std::size_t overhead = 768;  // what the kernel adds to each packet, about
  const int room = static_cast<int>(records * (bytes + overhead));
  if (::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0)
    ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  return {ends[0], ends[1], bytes, 0};
}

Ends open_queue(std::size_t records, std::size_t bytes) {
  const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
  ::setrlimit(RLIMIT_MSGQUEUE, &all);  // fails if we are not privileged
  const std::string unique = std::to_string(os::calls.getpid()) + "." + std::to_string(os::monotonic_now_ns());
  const std::string name = "/shmring-bench." + unique;
  for (std::size_t room = records;; room = granted_to_all) {
    mq_attr shape{};
    shape.mq_maxmsg = static_cast<long>(room);
    shape.mq_msgsize = static_cast<long>(bytes);
    const mqd_t queue = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &shape);
    if (queue >= 0) {
      ::mq_unlink(name.c_str());
      return {queue, queue, bytes, room};
    }
    if (room <= granted_to_all) fail("posix-mq");
  }
}

void close_ends(const Ends& ends) noexcept {
  ::close(ends.in);
  if (ends.out != ends.in) ::close(ends.out);
}

bool send_packet(int end, const void* record, std::size_t bytes) {
  return done(::send(end, record, bytes, MSG_NOSIGNAL), "seqpacket") == bytes;
}
std::size_t receive_packet(int end, void* record, std::size_t room) { return done(::recv(end, record, room, 0), "seqpacket"); }

bool send_queued(int end, const void* record, std::size_t bytes) {
  if (::mq_send(end, static_cast<const char*>(record), bytes, 0) == 0) return true;
  return done(-1, "posix-mq") != 0;
}
std::size_t receive_queued(int end, void* record, std::size_t room) {
  return done(::mq_receive(end, static_cast<char*>(record), room, nullptr), "posix-mq");
}

bool send_parts(int end, const void* first, std::size_t first_bytes, const void* second, std::size_t second_bytes) {
  const iovec parts[2] = {{const_cast<void*>(first), first_bytes}, {const_cast<void*>(second), second_bytes}};
  return done(::writev(end, parts, 2), "pipe") != 0;
}
std::size_t receive_stream(int end, void* bytes, std::size_t room) { return done(::read(end, bytes, room), "pipe"); }

}  // namespace shmring::bench
