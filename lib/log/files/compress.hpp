// Compresses a file of a log.
//
// Invariants:
//   - there is at each moment a whole file with the lines: the original is removed once the other one was compared with it byte
//     by byte, is on the disk, and has its name there;
//   - what stands behind the file's end is left out;
//   - a failure leaves the original as it was.
// Thread role: any thread; it reads and writes much, and is meant for one that yields to all others.
#pragma once

#include <atomic>
#include <string>

#include "lib/log/files/directory_sync.hpp"
#include "lib/log/files/names.hpp"

namespace shmring::log {

// Replaces a file that nobody writes any more, and that has an end, by a compressed one. Returns 0, or −errno with its text:
// −ECANCELED if `stop` was set meanwhile, −EBADMSG if the file lacks lines of its range, −EINVAL if it has no end or is
// compressed, −ENOSPC …
int compress(int directory, const std::string& dir, const LogFile& file, DirectorySync& sync, const std::atomic<bool>& stop);

}  // namespace shmring::log
