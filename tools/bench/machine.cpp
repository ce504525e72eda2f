// See machine.hpp.
#include "tools/bench/machine.hpp"

#include "lib/os/file.hpp"
#include "tools/bench/board.hpp"
#include "tools/bench/round_trip.hpp"
#include "tools/commit.hpp"

namespace shmring::bench {
namespace {

// Returns what follows `key` and a colon, up to the end of the line.
std::string value_of(const std::string& text, const std::string& key) {
  const std::size_t at = text.find(key);
  const std::size_t from = at == std::string::npos ? at : text.find(": ", at);
  return from == std::string::npos ? "unknown" : text.substr(from + 2, text.find('\n', from) - from - 2);
}

std::string first_line(const char* path) {
  std::string text;
  if (os::read_small(path, text) != 0) return "unknown";
  return text.substr(0, text.find('\n'));
}

std::string compiler() {
#if defined(__clang__)
  return "clang++ " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

// Describes where writers and reader run, as Placement decides it.
std::string placement_text(const std::vector<int>& processors) {
  const std::string first = std::to_string(processors.front());
  if (processors.size() == 1) return "quiet, full: writer and reader on " + first + "; else: all share it";
  const std::string room = std::to_string(processors.size() - 1);
  return "quiet, full: writer and reader take turns on " + first + "; else: reader on " + first + ", writer on " +
         std::to_string(processors[1]) + ", up to " + room + " writer(s) each on its own; more: where the kernel puts them";
}

}  // namespace

Machine this_machine() {
  std::string info;
  constexpr std::size_t limit = std::size_t{4} << 20;
  if (os::read_small("/proc/cpuinfo", info, limit) != 0) info.clear();
  const std::vector<int> usable = processors();
  Machine machine;
  machine.processor = value_of(info, "model name");
  machine.kernel = first_line("/proc/sys/kernel/osrelease");
  machine.compiler = compiler();
  machine.commit = SHMRING_COMMIT;
  machine.time_source = os::choose_clock() == ring::Clock::tsc ? "TSC" : "CLOCK_MONOTONIC";
  machine.timer_ns = timer_ticks() * ns_per_tick();
  machine.placement = placement_text(usable);
  machine.distance = distance_text(usable);
  machine.processors = usable.size();
  return machine;
}

}  // namespace shmring::bench
