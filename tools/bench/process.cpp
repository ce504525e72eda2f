// See process.hpp. System calls that only the benchmark needs are not in os::calls, and are made here directly.
#include "tools/bench/process.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "lib/os/calls.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/wakeup.hpp"
#include "tools/common/say.hpp"

namespace shmring::bench {
namespace {

volatile std::sig_atomic_t stop_signal = 0;
void on_stop(int signal) { stop_signal = signal; }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  os::calls.sigaction(signal, &action, nullptr);
}

}  // namespace

std::vector<int> processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> found;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) found.push_back(cpu);
  return found;
}

bool pin(int processor) { return pin(std::vector<int>{processor}); }
bool pin(const std::vector<int>& processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int processor : processors) CPU_SET(processor, &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

void yield() { ::sched_yield(); }

std::uint64_t preemptions() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<std::uint64_t>(used.ru_nivcsw);
}

Child::Child(const std::function<int()>& role) {
  std::fflush(nullptr);
  const pid_t parent = os::calls.getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error(std::string("cannot start a process: ") + std::strerror(errno));
  if (pid_ != 0) return;
  handle(SIGINT, SIG_DFL), handle(SIGTERM, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(99);
  int status = 99;
  try {
    status = role();
  } catch (const std::exception& error) {
    tool::say("shmring: bench: {}\n", error.what());
  }
  ::_exit(status);
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)), status_(other.status_), ended_(other.ended_) {}

Child::~Child() {
  if (pid_ == 0 || ended()) return;
  kill();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

void Child::kill() const { os::calls.kill(pid_, SIGKILL); }

bool Child::ended() {
  if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
  return ended_;
}

int Child::wait(std::uint64_t deadline_ns) {
  while (!ended()) {
    if (os::monotonic_now_ns() >= deadline_ns) return running;
    os::sleep_for(1'000'000);
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

void stop_on_signals() { handle(SIGINT, on_stop), handle(SIGTERM, on_stop); }
bool stop_requested() { return stop_signal != 0; }
void end_by_signal() {
  handle(stop_signal, SIG_DFL);
  os::calls.kill(os::calls.getpid(), stop_signal);
}

void* shared_zeros(std::size_t bytes) {
  void* at = os::calls.mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::runtime_error(std::string("cannot map memory: ") + std::strerror(errno));
  return at;
}
void free_shared(void* at, std::size_t bytes) { os::calls.munmap(at, bytes); }

}  // namespace shmring::bench
