// What the service manager is told, by the protocol of sd_notify: datagrams to the socket that $NOTIFY_SOCKET names; and
// whether what is said goes to its journal.
//
// Invariants: no call waits. What the socket does not take now goes with the next call. Without $NOTIFY_SOCKET nothing is told,
// and a value that can name no socket is refused once, with a text.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

#include "lib/os/file.hpp"

namespace shmring::os {

// Returns true if this descriptor is the stream to the journal that $JOURNAL_STREAM names, by device and inode. The journal
// takes "<4>" at the beginning of a line for its priority; a file or a pipe to another program would just have these bytes.
bool is_journal(int fd);

// Thread role: one thread.
class Notify {
 public:
  // Returns 0, also if $NOTIFY_SOCKET is not set, or −errno with its text; then nothing is ever told.
  int open();
  // `state` is one or more lines NAME=VALUE, without a newline at the end: "READY=1", "STATUS=…".
  void tell(std::string_view state);

 private:
  Fd socket_;
  sockaddr_un address_{};
  socklen_t address_bytes_ = 0;
  std::string waiting_;  // not taken yet
};

}  // namespace shmring::os
