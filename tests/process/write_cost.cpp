// Counts the instructions of one warm write of 64 bytes, by single steps of a child under ptrace: for write_code.py.
// Prints a JSON object a lane: instructions of libshmring, of others (memcpy in libc, which depends on the processor),
// and locked instructions of both. Exit status 77: this machine gives no exact count (no TSC clock, no ptrace).
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "lib/include/shmring/shmring.h"
#include "lib/ring/layout.hpp"

namespace {

using Write = int (*)(shmring_producer*, const shmring_meta*, const void*, size_t);

// Through a pointer that the compiler must not see through: the call goes to the library itself, past the linkage table.
volatile Write write_function = shmring_write;

int write_once_stopped(uint32_t lane) {
  shmring_attach_options options{};
  options.struct_size = sizeof options;
  options.lane = lane;
  shmring_producer* producer = nullptr;
  if (shmring_attach("cost", &options, &producer) != 0) return 1;
  char payload[64];
  std::memset(payload, 'x', sizeof payload);
  const Write write = write_function;
  for (int warm = 0; warm < 100; ++warm)
    if (write(producer, nullptr, payload, sizeof payload) != 0) return 1;
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::raise(SIGSTOP);
  return write(producer, nullptr, payload, sizeof payload);
}

// Whether the instruction has the lock prefix, or is an exchange with memory, which locks without it.
bool is_locked(const unsigned char* code) {
  bool locked = false;
  for (;; ++code) {
    locked = locked || *code == 0xf0;
    const bool prefix = *code == 0xf0 || *code == 0xf2 || *code == 0xf3 || *code == 0x66 || *code == 0x67 || *code == 0x2e ||
                        *code == 0x36 || *code == 0x3e || *code == 0x26 || *code == 0x64 || *code == 0x65;
    if (!prefix) break;
  }
  if ((*code & 0xf0) == 0x40) ++code;  // REX
  return locked || ((*code == 0x86 || *code == 0x87) && (code[1] & 0xc0) != 0xc0);
}

struct Range {
  unsigned long begin = 0, end = 0;
};

Range library_in(pid_t pid) {
  Range range;
  std::FILE* maps = std::fopen(("/proc/" + std::to_string(pid) + "/maps").c_str(), "r");
  char line[1024];
  while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long begin = 0, end = 0;
    if (std::strstr(line, "libshmring.so") == nullptr || std::sscanf(line, "%lx-%lx", &begin, &end) != 2) continue;
    if (range.begin == 0) range.begin = begin;
    range.end = end;
  }
  if (maps != nullptr) std::fclose(maps);
  return range;
}

struct Cost {
  int inside = 0, outside = 0, locked = 0, status = -1;
};

bool step(pid_t pid, user_regs_struct& registers) {
  int status = 0;
  if (::ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr) != 0) return false;
  if (::waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return false;
  return ::ptrace(PTRACE_GETREGS, pid, nullptr, &registers) == 0;
}

Cost count(uint32_t lane) {
  Cost cost;
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(write_once_stopped(lane));
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return cost;
  ::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_EXITKILL);
  const Range library = library_in(pid);
  const auto entry = reinterpret_cast<unsigned long>(write_function);
  user_regs_struct registers{};
  do {
    if (!step(pid, registers)) return cost;
  } while (registers.rip != entry);
  const unsigned long stack = registers.rsp;
  while (registers.rsp <= stack) {  // until it has returned
    const long code[2] = {::ptrace(PTRACE_PEEKTEXT, pid, registers.rip, nullptr),
                          ::ptrace(PTRACE_PEEKTEXT, pid, registers.rip + 8, nullptr)};
    ++(registers.rip >= library.begin && registers.rip < library.end ? cost.inside : cost.outside);
    cost.locked += is_locked(reinterpret_cast<const unsigned char*>(code));
    if (!step(pid, registers)) return cost;
  }
  ::ptrace(PTRACE_CONT, pid, nullptr, nullptr);
  ::waitpid(pid, &status, 0);
  cost.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return cost;
}

// TSC, timestamp and tripwire: what a ring has by default on a machine that can.
bool ring_is_usual(const std::string& file) {
  using namespace shmring::ring;
  Geometry geometry{};
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  const bool read = ::pread(fd, &geometry, sizeof geometry, offsetof(Header, geometry)) == sizeof geometry;
  ::close(fd);
  return read && geometry.clock == static_cast<u32>(Clock::tsc) && geometry.flags == (with_tripwire | with_timestamp);
}

}  // namespace

int main() {
  char folder[] = "/dev/shm/shmring-process-XXXXXX";
  if (::mkdtemp(folder) == nullptr) return 1;
  ::setenv("SHMRING_DIR", folder, 1);
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = 1024;
  int status = shmring_create("cost", &options) == 0 ? 0 : 1;
  if (status == 0 && !ring_is_usual(folder + std::string("/shmring.cost"))) status = 77;
  if (status == 0) {
    const Cost shared = count(SHMRING_LANE_SHARED), exclusive = count(SHMRING_LANE_EXCLUSIVE);
    std::printf(
        "{\"exclusive\": {\"instructions\": %d, \"locked\": %d, \"outside\": %d},\n"
        " \"shared\": {\"instructions\": %d, \"locked\": %d, \"outside\": %d}}\n",
        exclusive.inside, exclusive.locked, exclusive.outside, shared.inside, shared.locked, shared.outside);
    if (shared.status != 0 || exclusive.status != 0) status = shared.inside == 0 ? 77 : 1;
  }
  std::filesystem::remove_all(folder);
  return status;
}
