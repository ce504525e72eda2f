// os/memory_limit.cpp over files of our own: both kinds of control groups, a container, swap, and what is no limit; and a
// ring made in a group whose limit it passes.
#include "lib/os/memory_limit.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string_view>

#include "lib/os/error.hpp"
#include "lib/os/segment.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/mode.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;

namespace {

std::string machine;  // the folder whose proc and sys the calls see

int open_there(int dir, const char* path, int flags, mode_t mode) {
  const bool is_asked = std::string_view(path).starts_with("/proc/") || std::string_view(path).starts_with("/sys/");
  return Replaced<&os::Calls::openat>::real(dir, is_asked ? (machine + path).c_str() : path, flags, mode);
}

struct Machine {
  explicit Machine(const std::string& groups, const std::string& swap = "0") {
    machine = box.path;
    write("/proc/self/cgroup", groups);
    write("/proc/meminfo", "MemTotal:       24000000 kB\nSwapTotal:             " + swap + " kB\nSwapFree:   0 kB\n");
  }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(box.path + path).parent_path());
    std::ofstream(box.path + path) << text;
  }
  void second(const std::string& group, const std::string& limit, const std::string& used, const std::string& stat) const {
    const std::string folder = "/sys/fs/cgroup" + group;
    write(folder + "/memory.max", limit + "\n"), write(folder + "/memory.current", used + "\n");
    write(folder + "/memory.stat", stat);
  }
  void first(const std::string& group, const std::string& limit, const std::string& used, const std::string& stat) const {
    const std::string folder = "/sys/fs/cgroup/memory" + group;
    write(folder + "/memory.limit_in_bytes", limit + "\n"), write(folder + "/memory.usage_in_bytes", used + "\n");
    write(folder + "/memory.stat", stat);
  }
  Sandbox box;
  Replaced<&os::Calls::openat> files{open_there};
};

// A group of our own below this process', with a limit for memory; gone when nobody is in it.
struct ControlGroup {
  explicit ControlGroup(std::size_t bytes) {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line) && !made;) {
      const bool first = line.find(":memory:") != std::string::npos, second = line.starts_with("0::");
      if (!first && !second) continue;
      folder = (first ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup") + line.substr(line.rfind(':') + 1) + "/shmring-test-" +
               std::to_string(::getpid());
      limit = folder + (first ? "/memory.limit_in_bytes" : "/memory.max");
      made = ::mkdir(folder.c_str(), 0755) == 0 && write(limit, std::to_string(bytes));
      if (!made) ::rmdir(folder.c_str());
    }
  }
  ~ControlGroup() {
    if (made) ::rmdir(folder.c_str());
  }
  ControlGroup(const ControlGroup&) = delete;
  bool enter() const { return write(folder + "/cgroup.procs", std::to_string(::getpid())); }
  static bool write(const std::string& path, const std::string& text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) ::close(fd);
    return written;
  }
  std::string folder, limit;
  bool made = false;
};

constexpr std::uint64_t no_limit = ~std::uint64_t{0};

}  // namespace

TEST_CASE("a group's limit, less what it uses, but for pages of files") {
  const Machine it("0::/app\n");
  it.second("/app", "1000", "700", "anon 400\nfile 300\ninactive_file 120\nactive_file 80\nshmem 100\n");
  const os::MemoryLimit limit = os::memory_limit();
  CHECK(limit.left == 500);
  CHECK(limit.file == "/sys/fs/cgroup/app/memory.max");
}

TEST_CASE("of a group and those above it the tightest counts") {
  const Machine it("0::/pod/app\n");
  it.second("/pod/app", "max", "10", "inactive_file 0\nactive_file 0\n");
  it.second("/pod", "900", "800", "inactive_file 0\nactive_file 0\n");
  it.second("", "5000", "800", "inactive_file 0\nactive_file 0\n");
  CHECK(os::memory_limit().left == 100);
  CHECK(os::memory_limit().file == "/sys/fs/cgroup/pod/memory.max");
}

TEST_CASE("the first kind of groups: its own files, and its totals") {
  const Machine it("9:cpu:/x\n4:hugetlb,memory:/app\n0::/\n");
  it.first("/app", "1000", "700", "inactive_file 1\nactive_file 1\ntotal_inactive_file 50\ntotal_active_file 30\n");
  it.first("", "9223372036854771712", "123456", "total_inactive_file 0\ntotal_active_file 0\n");
  CHECK(os::memory_limit().left == 380);
  CHECK(os::memory_limit().file == "/sys/fs/cgroup/memory/app/memory.limit_in_bytes");
}

TEST_CASE("a container that is named as its host names it sees its own limit at the root") {
  const Machine it("4:memory:/docker/0123abcd\n");
  it.first("", "2000", "500", "total_inactive_file 0\ntotal_active_file 0\n");
  CHECK(os::memory_limit().left == 1500);
}

TEST_CASE("a group that uses more than its limit leaves nothing") {
  const Machine it("0::/app\n");
  it.second("/app", "1000", "1700", "inactive_file 100\nactive_file 0\n");
  CHECK(os::memory_limit().left == 0);
}

TEST_CASE("where there is swap, nothing is judged") {
  const Machine it("0::/app\n", "2097148");
  it.second("/app", "1000", "900", "inactive_file 0\nactive_file 0\n");
  CHECK(os::memory_limit().left == no_limit);
}

TEST_CASE("what cannot be read or is no number is no limit") {
  for (const char* groups : {"", "garbage", "0:", "0::", "0::/\n", "4:memory:/app\n", "::\n:::\n", "0::app\n"}) {
    const Machine it(groups);
    CHECK(os::memory_limit().left == no_limit);
    it.second("", "1e3", "10", "");
    it.first("/app", "1000", "ten", "");
    CHECK(os::memory_limit().left == no_limit);
    CHECK(os::memory_limit().file.empty());
  }
  const Machine it("0::/app\n");
  it.second("/app", "1000", "10", "nothing of it\ninactive_file\nactive_file x\n");
  CHECK(os::memory_limit().left == 990);
  std::filesystem::remove(it.box.path + "/proc/meminfo");
  CHECK(os::memory_limit().left == no_limit);
}

TEST_CASE("a control group's limit for memory is ENOMEM at create, not a kill") {
  const ControlGroup group(16u << 20);
  if (!group.made) {
    skipped("a control group's limit: may not make a group here");
    return;
  }
  const std::string outcome = in_child([&]() -> std::string {
    Sandbox box("/dev/shm");
    if (!group.enter()) return "no group";
    std::string text = std::to_string(os::create("audit", nullptr)) + (box.empty() ? " empty " : " left ") + os::last_error();
    shmring_create_options options{};
    options.struct_size = sizeof options;
    options.slots = 64, options.lanes = 2;
    return text + " small: " + std::to_string(os::create("small", &options));
  });
  CAPTURE(outcome);
  CHECK(outcome.starts_with("-12 empty "));
  CHECK(outcome.find(group.limit) != std::string::npos);
  CHECK(outcome.ends_with("small: 0"));
}
