// Real processes: see process.hpp.
#include "tests/support/process.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

namespace shmring::test {

Waiting::Waiting(std::chrono::milliseconds deadline) : end_(Steady::now() + deadline) {}

bool Waiting::goes_on() const {
  if (Steady::now() > end_) return false;
  std::this_thread::sleep_for(std::chrono::microseconds(200));
  return true;
}

double milliseconds_since(Steady::time_point begin) {
  return std::chrono::duration<double, std::milli>(Steady::now() - begin).count();
}

std::uint64_t nanoseconds_since(Steady::time_point begin) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(Steady::now() - begin).count());
}

std::uint64_t ready_ns(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/schedstat");
  std::uint64_t running = 0, ready = 0;
  file >> running >> ready;
  return ready;
}

std::uint64_t own_memory_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::uint64_t kib = 0;
  for (std::string word; status >> word;)
    if (word == "RssAnon:") status >> kib;
  return kib;
}

char state_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string name;
  char state = 0;
  std::getline(file, name, ')');
  file >> state;
  return state;
}

void random_pause(std::mt19937_64& random, std::uint64_t most) {
  std::this_thread::sleep_for(std::chrono::microseconds(below(random, most + 1)));
}

void* shared_memory(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) std::perror("mmap"), std::abort();
  return memory;
}

Child::Child(const std::function<int()>& role) {
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGTERM, SIG_DFL), ::signal(SIGINT, SIG_DFL);  // doctest has handlers
  if (::getppid() != parent) ::_exit(99);
  ::_exit(role());
}

Child::Child(Child&& other) noexcept { swap(other); }

Child& Child::operator=(Child&& other) noexcept {
  Child(std::move(other)).swap(*this);
  return *this;
}

Child::~Child() {
  if (running()) signal(SIGKILL), wait();
}

bool Child::running() {
  if (pid_ > 0 && !ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
  return pid_ > 0 && !ended_;
}

int Child::wait(std::chrono::milliseconds deadline) {
  if (!eventually([this] { return !running(); }, deadline)) return -1000;
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

int Child::kill() {
  signal(SIGKILL);
  return wait();
}

bool Child::sleeps() { return running() && state_of(pid_) == 'S'; }

void Child::stop() {
  signal(SIGSTOP);
  int status = 0;
  ::waitpid(pid_, &status, WUNTRACED);
  if (!WIFSTOPPED(status)) status_ = status, ended_ = true;
}

void Child::swap(Child& other) {
  std::swap(pid_, other.pid_), std::swap(status_, other.status_), std::swap(ended_, other.ended_);
}

}  // namespace shmring::test
