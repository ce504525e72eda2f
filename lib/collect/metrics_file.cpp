// Writing the file of metrics: see metrics_file.hpp.
#include "lib/collect/metrics_file.hpp"

#include <cstring>

#include "lib/collect/messages.hpp"
#include "lib/os/replace.hpp"

namespace shmring::collect {

void MetricsFile::write(const std::string& text) {
  const int error = os::replace_public(path_, text);
  if (error != 0 && error != error_)
    warn("shmringd: metrics {}: cannot write them: {}; shmringd tries again, and collects meanwhile\n", path_,
         std::strerror(-error));
  if (error == 0 && error_ != 0) tell("shmringd: metrics {}: they can be written again\n", path_);
  error_ = error;
}

}  // namespace shmring::collect
