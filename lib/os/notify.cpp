// Datagrams to the service manager: see notify.hpp.
#include "lib/os/notify.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "lib/os/error.hpp"

namespace shmring::os {

bool is_journal(int fd) {
  const char* const name = ::secure_getenv("JOURNAL_STREAM");
  struct stat status {};
  if (name == nullptr || calls.fstat(fd, &status) != 0) return false;
  return name == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

int Notify::open() {
  const char* const name = ::secure_getenv("NOTIFY_SOCKET");
  if (name == nullptr) return 0;
  const std::size_t bytes = std::strlen(name);
  if ((name[0] != '/' && name[0] != '@') || bytes < 2 || bytes >= sizeof address_.sun_path) {
    return fail(EINVAL,
                "NOTIFY_SOCKET is \"%.120s\", expected an absolute path, or @ and a name, of at most %zu bytes: the "
                "service manager is told nothing",
                name, sizeof address_.sun_path - 1);
  }
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, name, bytes);
  if (name[0] == '@') address_.sun_path[0] = '\0';  // the kernel's form of an abstract name
  address_bytes_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + bytes + (name[0] == '@' ? 0 : 1));
  socket_ = Fd(calls.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket_) return 0;
  return fail(errno, "cannot make a socket for NOTIFY_SOCKET: %s: the service manager is told nothing", std::strerror(errno));
}

void Notify::tell(std::string_view state) {
  constexpr std::size_t most_waiting = 4096;  // more is no news any more
  if (!socket_) return;
  if (!waiting_.empty()) waiting_ += '\n';
  waiting_ += state;
  const ssize_t sent = calls.sendto(socket_.get(), waiting_.data(), waiting_.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                    reinterpret_cast<const sockaddr*>(&address_), address_bytes_);
  if (sent >= 0 || waiting_.size() > most_waiting) waiting_.clear();
}

}  // namespace shmring::os
