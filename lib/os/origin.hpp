// Records which segment a log is of: the log's directory holds a symbolic link `segment` to it.
//
// A ring of the same name in another directory is another ring. A collector that continued the log for it would end the
// accounts of the first ring's producers, and their records would have no log to go to. The link helps against a wrong
// $SHMRING_DIR and proves nothing: `verify` does not look at it, and a collector that cannot write it goes on.
#pragma once

#include <string>

namespace shmring::os {

// Called before the ring is opened or made, and again with the log locked. Returns 0 if there is no log, or if the log is of
// this ring, or of one that is gone or over. Returns −EINVAL if it is of another ring of that name that is there, or may be; or
// what open_directory returns.
int check_origin(const std::string& log_dir, const std::string& ring);

// Called with the log locked. Returns 0, or −errno with its text.
int record_origin(const std::string& log_dir, const std::string& ring);

}  // namespace shmring::os
