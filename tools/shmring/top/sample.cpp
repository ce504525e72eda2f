// Looks at rings: see sample.hpp.
#include "tools/shmring/top/sample.hpp"

#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "lib/os/file.hpp"

namespace shmring::tool::top {
namespace {

RingSample look_at(const std::string& name) {
  RingSample out;
  out.name = name;
  os::Segment segment;
  std::vector<std::string> findings;
  out.error = os::open_readonly(name, segment, findings);
  if (out.error != 0)
    out.problem = os::last_error();
  else
    out.look = {inspect::read_segment(segment, findings, false), os::monotonic_now_ns()};
  return out;
}

std::string host_name() {
  std::string name;
  if (os::read_small("/proc/sys/kernel/hostname", name) != 0) return "";
  return name.substr(0, name.find('\n'));
}

}  // namespace

Sample take_sample(const std::vector<std::string>& names) {
  Sample out;
  out.at_ns = os::monotonic_now_ns(), out.utc_ns = os::utc_now_ns(), out.host = host_name();
  std::vector<std::string> all = names;
  if (names.empty()) {
    out.error = os::list(all);
    if (out.error != 0) out.problem = os::last_error();
  }
  for (const std::string& name : all) out.rings.push_back(look_at(name));
  return out;
}

}  // namespace shmring::tool::top
