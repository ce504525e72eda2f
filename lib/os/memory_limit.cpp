// See memory_limit.hpp.
#include "lib/os/memory_limit.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "lib/os/file.hpp"

namespace shmring::os {
namespace {

using u64 = std::uint64_t;

// One kind of hierarchy. In the first kind, `total_` says that the groups below are included.
struct Kind {
  const char *root, *limit, *used, *inactive, *active;
};
constexpr Kind first{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ",
                     "total_active_file "};
constexpr Kind second{"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file ", "active_file "};

std::optional<u64> leading_number(std::string_view text) {
  u64 value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end != text.data() ? std::optional(value) : std::nullopt;
}

std::optional<u64> number_in(const std::string& path) {
  std::string text;
  if (read_small(path.c_str(), text) != 0) return std::nullopt;
  const std::optional<u64> value = leading_number(text);
  return value && text == std::to_string(*value) + "\n" ? value : std::nullopt;
}

// Takes the first line off `text`, which is not empty.
std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

// Returns the number after `key`, with which a line begins.
std::optional<u64> number_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.substr(0, key.size()) != key) continue;
    const std::size_t digits = line.find_first_not_of(' ', key.size());
    return digits == std::string_view::npos ? std::nullopt : leading_number(line.substr(digits));
  }
  return std::nullopt;
}

bool has_swap() {
  std::string text;
  return read_small("/proc/meminfo", text) != 0 || number_of(text, "SwapTotal:").value_or(1) != 0;
}

// A group that cannot be seen here has no limit: a container sees its own group as the root.
void tighten(MemoryLimit& out, const Kind& kind, const std::string& group) {
  const std::string folder = kind.root + group + "/";
  const std::optional<u64> limit = number_in(folder + kind.limit), used = number_in(folder + kind.used);
  if (!limit || !used) return;
  std::string text;
  if (read_small((folder + "memory.stat").c_str(), text) != 0) return;
  const u64 files = number_of(text, kind.inactive).value_or(0) + number_of(text, kind.active).value_or(0);
  const u64 kept = *used > files ? *used - files : 0, left = *limit > kept ? *limit - kept : 0;
  if (left < out.left) out = {left, folder + kind.limit};
}

}  // namespace

MemoryLimit memory_limit() {
  MemoryLimit out;
  std::string groups;
  if (read_small("/proc/self/cgroup", groups) != 0 || has_swap()) return out;
  for (std::string_view rest = groups; !rest.empty();) {
    // A line has the number of the hierarchy, its controllers (none in the second kind), and the path of the group.
    const std::string_view line = take_line(rest);
    const std::size_t controllers = line.find(':'), path = line.find(':', controllers + 1);
    if (controllers == std::string_view::npos || path == std::string_view::npos) continue;
    const std::string_view names = line.substr(controllers + 1, path - controllers - 1);
    if (!names.empty() && ("," + std::string(names) + ",").find(",memory,") == std::string::npos) continue;
    std::string group(line.substr(path + 1));
    if (!group.empty() && group.back() == '/') group.pop_back();
    for (;;) {
      tighten(out, names.empty() ? second : first, group);
      if (group.empty()) break;
      const std::size_t above = group.rfind('/');
      group.resize(above == std::string::npos ? 0 : above);
    }
  }
  return out;
}

}  // namespace shmring::os
