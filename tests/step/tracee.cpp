// See tracee.hpp. A point is reached by a breakpoint in the tracee's own copy of the code, not by counting steps.
#include "tests/step/tracee.hpp"

#include <elf.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <unordered_map>

#include "tests/step/reach.hpp"

namespace shmring::test {

namespace {

constexpr unsigned char breakpoint = 0xcc;  // int3, one byte
constexpr unsigned char syscall_code[] = {0x0f, 0x05};

bool is_system_call(std::uintptr_t pc) {
  return std::memcmp(reinterpret_cast<const void*>(pc), syscall_code, sizeof syscall_code) == 0;
}

// Bytes of a string instruction with its prefix, which is stepped once a round; 0: it is none.
int string_bytes(std::uintptr_t pc) {
  const auto* code = reinterpret_cast<const unsigned char*>(pc);
  const int rex = code[1] == 0x48;
  const bool moves_or_fills = (code[1 + rex] & 0xfe) == 0xa4 || (code[1 + rex] & 0xfe) == 0xaa;
  return code[0] == 0xf3 && moves_or_fills ? 2 + rex : 0;
}

// The vDSO is one loaded segment, its header first. It lies at the same place in a fork.
bool is_in_vdso(std::uintptr_t pc) {
  const std::uintptr_t begin = ::getauxval(AT_SYSINFO_EHDR);
  if (begin == 0 || pc < begin) return false;
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(begin);
  const auto* segments = reinterpret_cast<const Elf64_Phdr*>(begin + header->e_phoff);
  for (unsigned i = 0; i < header->e_phnum; ++i)
    if (segments[i].p_type == PT_LOAD && pc - begin < segments[i].p_offset + segments[i].p_memsz) return true;
  return false;
}

long peek(pid_t pid, std::uintptr_t at) { return ::ptrace(PTRACE_PEEKTEXT, pid, at, nullptr); }
void poke(pid_t pid, std::uintptr_t at, long value) { ::ptrace(PTRACE_POKETEXT, pid, at, value); }

}  // namespace

[[gnu::noinline]] void call_begins() { asm volatile("int3"); }
[[gnu::noinline]] void call_ends() { asm volatile("int3"); }

Tracee::Tracee(const std::function<int()>& role) {
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int number : {SIGTERM, SIGINT, SIGSEGV, SIGABRT, SIGFPE, SIGILL}) ::signal(number, SIG_DFL);  // doctest's
    if (::getppid() != parent) ::_exit(99);
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(98);
    ::_exit(role());
  }
  ::waitpid(pid_, &wait_status_, 0);
  ended_ = !WIFSTOPPED(wait_status_);
  stands_ = !ended_ && WSTOPSIG(wait_status_) == SIGTRAP;
  if (!ended_) ::ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_EXITKILL);
}

Tracee::~Tracee() {
  if (!ended_) kill();
}

bool Tracee::permitted() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// True: it stands at a trap again. Any other signal is its own, and is delivered.
bool Tracee::go(int request, int signal) {
  for (stands_ = false; !ended_ && !stands_; signal = WSTOPSIG(wait_status_)) {
    ::ptrace(static_cast<__ptrace_request>(request), pid_, nullptr, signal);
    ::waitpid(pid_, &wait_status_, 0);
    ended_ = !WIFSTOPPED(wait_status_);
    stands_ = !ended_ && WSTOPSIG(wait_status_) == SIGTRAP;
  }
  return stands_;
}

std::uintptr_t Tracee::pc() const {
  return static_cast<std::uintptr_t>(::ptrace(PTRACE_PEEKUSER, pid_, offsetof(user_regs_struct, rip), nullptr));
}

std::vector<Step> Tracee::walk(const std::byte* watched, std::size_t bytes, const std::string& file) {
  std::vector<Step> steps;
  Reach reach(pid_, file);
  user_regs_struct registers;
  std::unordered_map<std::uintptr_t, unsigned> hits;
  std::vector<std::byte> before(watched, watched + bytes);
  while (stands_) {
    if (::ptrace(PTRACE_GETREGS, pid_, nullptr, &registers) != 0) break;
    const std::uintptr_t here = registers.rip;
    steps.push_back({});
    steps.back().at = {here, ++hits[here]};
    if (here == reinterpret_cast<std::uintptr_t>(&call_ends)) break;
    steps.back().system_call = is_system_call(here);
    steps.back().in_vdso = is_in_vdso(here);
    steps.back().accesses = reach.accesses(registers);
    steps.back().reaches = !steps.back().accesses.empty();
    go(PTRACE_SINGLESTEP, 0);
    if (steps.back().system_call && stands_) reach.look_again();
    if (std::memcmp(before.data(), watched, bytes) != 0) {
      steps.back().stores = true;
      std::memcpy(before.data(), watched, bytes);
    } else if (string_bytes(here) != 0 && pc() == here) {
      run_to({here + static_cast<unsigned>(string_bytes(here)), 1});  // thousands of rounds over its own memory
    }
  }
  return steps;
}

bool Tracee::run_to(Point point) {
  const long original = peek(pid_, point.pc);
  for (unsigned hit = 1;; ++hit) {
    poke(pid_, point.pc, (original & ~0xffL) | breakpoint);
    if (!go(PTRACE_CONT, 0)) return false;
    if (pc() != point.pc + 1) return poke(pid_, point.pc, original), false;  // the end of the call
    ::ptrace(PTRACE_POKEUSER, pid_, offsetof(user_regs_struct, rip), point.pc);
    poke(pid_, point.pc, original);
    if (hit == point.hit) return true;
    if (!go(PTRACE_SINGLESTEP, 0)) return false;
  }
}

void Tracee::resume(int signal) {
  stands_ = false;
  ::ptrace(PTRACE_CONT, pid_, nullptr, signal);
}

void Tracee::kill() {
  ::kill(pid_, SIGKILL);
  do {
    ::waitpid(pid_, &wait_status_, 0);
  } while (WIFSTOPPED(wait_status_));
  stands_ = false, ended_ = true;
}

bool Tracee::ended() {
  if (ended_ || ::waitpid(pid_, &wait_status_, WNOHANG) != pid_) return ended_;
  ended_ = !WIFSTOPPED(wait_status_);
  const int signal = WSTOPSIG(wait_status_);
  if (!ended_) ::ptrace(PTRACE_CONT, pid_, nullptr, signal == SIGTRAP ? 0 : signal);  // a trap: the end of the call
  return ended_;
}

int Tracee::status() const { return WIFEXITED(wait_status_) ? WEXITSTATUS(wait_status_) : -WTERMSIG(wait_status_); }

}  // namespace shmring::test
