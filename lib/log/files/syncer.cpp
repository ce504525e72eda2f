// Who does the jobs of sync_job.hpp: see syncer.hpp.
#include "lib/log/files/syncer.hpp"

#include <fcntl.h>

namespace shmring::log {

int Syncer::open_files(int directory) { return os::open_at(directory, ".", O_RDONLY | O_DIRECTORY, 0, directory_.fd); }

}  // namespace shmring::log
