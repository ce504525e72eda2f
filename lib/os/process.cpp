// Identity and proof of death, see process.hpp. Invariant: no bytes of /proc are believed before they are parsed completely.
#include "lib/os/process.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "lib/os/segment.hpp"

namespace shmring::os {
namespace {

u64 namespace_inode(const char* path) {
  struct stat status;
  return calls.fstatat(AT_FDCWD, path, &status, 0) == 0 ? status.st_ino : 0;
}

// 32 hex digits with dashes between them.
void read_boot_id(u64 (&out)[2]) {
  std::string text;
  out[0] = out[1] = 0;
  if (read_small("/proc/sys/kernel/random/boot_id", text, 64) != 0) return;
  int digits = 0;
  for (const char c : text) {
    unsigned digit = 0;
    if (digits == 32 || std::from_chars(&c, &c + 1, digit, 16).ec != std::errc{}) continue;
    u64& half = out[digits++ / 16];
    half = half << 4 | digit;
  }
}

// `process` is a pid, or "self". The result is in the units of owner words.
std::optional<u64> start_time_in_proc(const std::string& process) {
  std::string text;
  if (read_small(("/proc/" + process + "/stat").c_str(), text) != 0) return std::nullopt;
  const std::optional<u64> start = start_time_in(text);
  return start ? std::optional(*start & ring::Owner::start_mask) : std::nullopt;
}

// If this is not known, no descriptor is held for long.
int first_spare_descriptor() {
  rlimit limit{};
  if (calls.getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t most = std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<int>::max());
  return static_cast<int>(most) - spare_descriptors;
}

// A /proc of another pid namespace (in a container that kept its host's) shows other processes under our pids.
bool proc_shows_our_pids() {
  char link[16];
  const ssize_t bytes = calls.readlink("/proc/self", link, sizeof link);
  return bytes > 0 && std::string_view(link, static_cast<std::size_t>(bytes)) == std::to_string(calls.getpid());
}

// The proof of death: a pidfd is readable once its process has ended, before its parent has reaped it.
bool has_ended(const Fd& pidfd) {
  pollfd poll{pidfd.get(), POLLIN, 0};
  const timespec now{};
  return calls.ppoll(&poll, 1, &now, nullptr) == 1 && (poll.revents & POLLIN);
}

}  // namespace

std::optional<u64> start_time_of(u32 pid) {
  return proc_shows_our_pids() ? start_time_in_proc(std::to_string(pid)) : std::nullopt;
}

MachineId this_machine() {
  MachineId host{};
  read_boot_id(host.boot_id);
  host.pid_namespace = namespace_inode("/proc/self/ns/pid");
  host.time_namespace = namespace_inode("/proc/self/ns/time");
  return host;
}

ring::Clock choose_clock() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned invariant_tsc = 1u << 8;
  if (!__get_cpuid(0x80000007, &a, &b, &c, &d) || !(d & invariant_tsc)) return ring::Clock::monotonic;
  // The kernel watches the TSC against other clocks, and takes another source if the TSC is not steady.
  std::string source;
  const int error = read_small("/sys/devices/system/clocksource/clocksource0/current_clocksource", source, 64);
  return error != 0 || source == "tsc\n" ? ring::Clock::tsc : ring::Clock::monotonic;
#else
  return ring::Clock::monotonic;
#endif
}

std::optional<u64> start_time_in(std::string_view stat) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  std::string_view rest = stat.substr(name_end + 1);
  for (int field = 3;; ++field) {  // one space precedes each field
    if (rest.empty() || rest.front() != ' ') return std::nullopt;
    rest.remove_prefix(1);
    const std::size_t length = std::min(rest.find(' '), rest.size());
    if (field == 22) {
      u64 value = 0;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + length, value);
      if (error != std::errc{} || end != rest.data() + length) return std::nullopt;
      return value;
    }
    rest.remove_prefix(length);
  }
}

bool same_namespaces(const ring::Header& header) {
  const MachineId host = this_machine();
  return host.pid_namespace != 0 && host.pid_namespace == header.pid_namespace && host.time_namespace == header.time_namespace;
}

ring::Owner self(const ring::Header& header) {
  ring::Owner owner{static_cast<u32>(calls.getpid()), 0, ring::OwnerState::free};
  if (same_namespaces(header)) owner.start_time = start_time_in_proc("self").value_or(0);
  return owner;
}

void claimed_program(char (&out)[ring::program_bytes]) {
  const char* const name = program_invocation_short_name;
  std::memset(out, 0, sizeof out);
  if (name != nullptr) std::memcpy(out, name, strnlen(name, sizeof out - 1));
}

void program_name(char (&out)[ring::name_bytes]) {
  const char* from = program_invocation_short_name;
  std::size_t n = 0;
  for (; from && from[n] != '\0' && n < ring::name_bytes - 1; ++n) {
    const char c = from[n];
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    out[n] = plain ? c : '_';
  }
  out[n] = '\0';
  if (!valid_name(out)) std::memcpy(out, "_", 2);  // empty, or only dots
}

int hold_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (calls.fcntl(fd, F_GETFD, nullptr) != -1) continue;
    if (calls.open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY, 0) < 0) return -errno;  // all below are open: it gets this one
  }
  return 0;
}

int raise_descriptor_limit() {
  rlimit limit{};
  if (calls.getrlimit(RLIMIT_NOFILE, &limit) != 0) return -errno;
  if (limit.rlim_cur == limit.rlim_max) return 0;
  limit.rlim_cur = limit.rlim_max;
  return result(calls.setrlimit(RLIMIT_NOFILE, &limit));
}

int leave_no_core() { return result(calls.prctl(PR_SET_DUMPABLE, 0)); }

std::string exe_path(u32 pid, u64 start_time) {
  const std::string process = "/proc/" + std::to_string(pid);
  const auto is_that_one = [&] {
    const std::optional<u64> start = start_time_in_proc(std::to_string(pid));
    return start && start_time != 0 && *start == start_time;
  };
  char path[1023];
  if (!is_that_one()) return "";
  const ssize_t bytes = calls.readlink((process + "/exe").c_str(), path, sizeof path);
  return bytes > 0 && is_that_one() ? std::string(path, static_cast<std::size_t>(bytes)) : std::string();
}

Deaths::Deaths(const ring::Ring& ring)
    : watches_(ring.geometry.producers), first_spare_(first_spare_descriptor()), can_judge_(same_namespaces(*ring.header)),
      proc_is_ours_(proc_shows_our_pids()) {
  if (can_judge_) watch_afresh();
}

bool Deaths::dead(u32 entry, u64 owner_word) {
  ring::Owner owner = ring::Owner::of(owner_word);
  owner.state = ring::OwnerState::free;
  if (entry >= watches_.size()) return false;
  Watch& watch = watches_[entry];
  if (watch.owner != owner.bits()) {
    forget(entry);
    watch.owner = owner.bits();
  }
  if (!can_judge_ || owner.start_time == 0 || owner.pid == 0) return false;
  if (!watch.dead && !watch.pidfd) watch.dead = prove(entry, owner);
  return watch.dead;
}

// Proves it by a pidfd of this moment, and watches the pidfd of a process that lives.
bool Deaths::prove(u32 entry, ring::Owner owner) {
  Fd& pidfd = watches_[entry].pidfd;
  const pid_t pid = static_cast<pid_t>(owner.pid);
  pidfd.reset(calls.pidfd_open(pid, 0));
  // pidfd_open fails for want of descriptors, or on an old kernel. kill() tells whether there is a process.
  if (!pidfd && calls.kill(pid, 0) != 0 && errno == ESRCH) return true;
  // The pidfd may belong to another process that got this pid later, and an unreadable start time leaves that open. But the
  // pidfd is still useful: once it becomes readable, the owner has ended, and so has any process that got the pid after it.
  if (proc_is_ours_) {
    const std::optional<u64> start = start_time_in_proc(std::to_string(owner.pid));
    if (start && *start != owner.start_time) return pidfd.reset(), true;
  }
  if (!pidfd) return false;
  const bool dead = has_ended(pidfd);
  if (dead || pidfd.get() >= first_spare_ || !watch(entry)) pidfd.reset();
  return dead;
}

bool Deaths::watch(u32 entry) {
  epoll_event event{EPOLLIN, {.u32 = entry}};
  return epoll_ && calls.epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, watches_[entry].pidfd.get(), &event) == 0;
}

// A closed descriptor would stay in the set for as long as a forked process holds it, so it is taken out first.
void Deaths::unwatch(Watch& watch) {
  epoll_event none{};
  const bool is_left = watch.pidfd && calls.epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, watch.pidfd.get(), &none) != 0;
  watch.pidfd.reset();
  if (is_left) watch_afresh();
}

// Forgets the set with all that is in it. The next question about an owner finds the proof itself, and watches it again.
void Deaths::watch_afresh() {
  for (Watch& watch : watches_) watch.pidfd.reset();
  epoll_.reset();
  epoll_.reset(calls.epoll_create1(EPOLL_CLOEXEC));
  if (epoll_.get() >= first_spare_) epoll_.reset();
}

void Deaths::forget(u32 entry) {
  if (entry >= watches_.size()) return;
  unwatch(watches_[entry]);
  watches_[entry] = Watch{};
}

int Deaths::look() {
  std::array<epoll_event, 64> events;
  int sum = 0;
  for (bool is_more = static_cast<bool>(epoll_); is_more;) {
    const int got = result(calls.epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0));
    if (got < 0 && got != -EINTR) return watch_afresh(), sum + 1;  // there may be news, which the questions will find
    const int before = sum;
    for (int i = 0; i < got; ++i) {
      Watch& watch = watches_[events[i].data.u32];
      if (!watch.pidfd || !has_ended(watch.pidfd)) continue;  // the set is only a hint: the pidfd proves it
      watch.dead = true;
      unwatch(watch);
      ++sum;
    }
    is_more = got == static_cast<int>(events.size()) && sum > before && epoll_;
  }
  return sum;
}

int Deaths::wait(std::span<Deaths* const> all, u64 timeout_ns, const sigset_t* mask, std::initializer_list<int> others) {
  std::vector<pollfd> polled;
  for (const int other : others)
    if (other >= 0) polled.push_back({other, POLLIN, 0});
  for (const Deaths* const deaths : all)
    if (deaths->epoll_) polled.push_back({deaths->epoll_.get(), POLLIN, 0});
  const timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000), static_cast<long>(timeout_ns % 1'000'000'000)};
  const int ready = result(calls.ppoll(polled.data(), polled.size(), &timeout, mask));
  if (ready <= 0) return ready;
  const timespec none{0, 0};
  if (mask != nullptr) calls.ppoll(nullptr, 0, &none, mask);  // the call before lets no signal in if something was ready
  int ended = 0;
  for (Deaths* const deaths : all) ended += deaths->look();
  return ended;
}

}  // namespace shmring::os
