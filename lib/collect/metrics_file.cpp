// Writing the file of metrics: see metrics_file.hpp.
#include "lib/collect/metrics_file.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/collect/messages.hpp"
#include "lib/os/file.hpp"

namespace shmring::collect {

void MetricsFile::write(const std::string& text) {
  const int error = put(text);
  if (error != 0 && error != error_)
    warn("shmringd: metrics {}: cannot write them: {}; shmringd tries again, and collects meanwhile\n", path_,
         std::strerror(-error));
  if (error == 0 && error_ != 0) tell("shmringd: metrics {}: they can be written again\n", path_);
  error_ = error;
}

// Everybody may read it, whatever the umask says: the scraper is another user. What a collector that was killed has left is
// replaced.
int MetricsFile::put(const std::string& text) const {
  const std::string next = path_ + ".tmp";
  os::calls.unlinkat(AT_FDCWD, next.c_str(), 0);
  os::Fd file;
  int error = os::open_at(AT_FDCWD, next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644, file);
  if (error != 0) return error;
  error = os::result(os::calls.fchmod(file.get(), 0644));
  if (error == 0) error = os::write_full(file.get(), text.data(), text.size());
  if (error == 0) error = os::result(os::calls.renameat(AT_FDCWD, next.c_str(), AT_FDCWD, path_.c_str()));
  if (error != 0) os::calls.unlinkat(AT_FDCWD, next.c_str(), 0);
  return error;
}

}  // namespace shmring::collect
