// Which segment a log is of: its directory holds a symbolic link `segment` to it.
//
// A ring of the same name in another directory is another ring: a collector that continued the log for it would end the
// accounts of the first one's producers, and their records would have no log to go to. It is a help against a wrong
// $SHMRING_DIR and no evidence: `verify` does not look at it, and where it cannot be written the collector goes on.
#pragma once

#include <string>

namespace shmring::os {

// Before the ring is opened or made, and again with the log locked. 0: the log, if there is one, is this ring's, or of one that
// is not there any more, or is over. −EINVAL: of another of that name that is there, or may be; what open_directory says.
int check_origin(const std::string& log_dir, const std::string& ring);

// With the log locked. 0 or −errno, with its text.
int record_origin(const std::string& log_dir, const std::string& ring);

}  // namespace shmring::os
