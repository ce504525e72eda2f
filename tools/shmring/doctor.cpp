// shmring doctor [NAME]: finds what would keep this machine or its rings from working, each with its remedy.
//
// Invariants:
//   - nothing is changed: rings are only looked at, and the directory is tried with a file that never has a name;
//   - a fact is a finding only if there is something to do about it.
#include <fcntl.h>
#include <linux/magic.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "lib/inspect/leftover.hpp"
#include "lib/os/error.hpp"
#include "lib/os/process.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/owner.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/advice.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/stat.hpp"

namespace shmring::tool {
namespace {

// How many descriptors a collector of a default ring needs: a pidfd for each producer, those that it leaves free for other
// uses, and 8 more.
constexpr u64 watched_descriptors = ring::default_producers + os::spare_descriptors + 8;

struct Options {
  std::string name, output = "text", owner;
};

struct Check {
  std::string subject, what, remedy;  // a fact if there is no remedy, otherwise a finding
};

class Report {
 public:
  void fact(std::string subject, std::string what) { add({std::move(subject), std::move(what), ""}); }
  void finding(std::string subject, std::string what, std::string remedy) {
    add({std::move(subject), std::move(what), std::move(remedy)});
  }
  const std::vector<Check>& checks() const { return checks_; }
  u64 findings() const { return findings_; }

 private:
  void add(Check check) {
    findings_ += !check.remedy.empty();
    checks_.push_back(std::move(check));
  }
  std::vector<Check> checks_;
  u64 findings_ = 0;
};

// Returns the memory of a ring of default sizes.
u64 default_bytes() {
  os::CreateOptions options;
  return os::resolve("r", nullptr, options) == 0 ? options.geometry.size : 0;
}

void check_space(const std::string& path, int dir, bool has_rings, Report& report) {
  struct statfs fs {};
  if (os::calls.fstatfs(dir, &fs) != 0) return report.fact("memory", path + ": its size cannot be read");
  const auto block = static_cast<u64>(fs.f_bsize);
  const u64 size = fs.f_blocks * block, free = fs.f_bavail * block, wanted = default_bytes();
  const bool tmpfs = fs.f_type == TMPFS_MAGIC;
  report.fact("memory", fmt::format("{}: {}, {}, {} free; a ring of default sizes takes {}", path,
                                    tmpfs ? "tmpfs" : "not a tmpfs", bytes_text(size), bytes_text(free), bytes_text(wanted)));
  if (!tmpfs)
    report.finding("memory", path + " is not a tmpfs: the kernel writes pages back to a disk, and a producer may wait for that",
                   "use /dev/shm, or set SHMRING_DIR to a directory on a tmpfs");
  if (free < wanted && !has_rings)
    report.finding("memory", fmt::format("no room for a ring of default sizes: {} free", bytes_text(free)),
                   "enlarge it (mount -o remount,size=512m " + path +
                       ", docker --shm-size), or create rings with fewer --slots or --lanes");
  if (fs.f_files != 0 && fs.f_ffree == 0)
    report.finding("memory", path + " has no free inode", "mount -o remount,nr_inodes=100k " + path);
}

void check_permissions(const std::string& path, int dir, Report& report) {
  struct stat status {};
  if (os::calls.fstat(dir, &status) != 0) return;
  report.fact("permissions", fmt::format("{}: mode {:04o}, user {}; this process is user {}", path, status.st_mode & 07777u,
                                         status.st_uid, os::calls.geteuid()));
  if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)
    report.finding("permissions", path + " can be written by everybody, and has no sticky bit: anybody can remove a ring",
                   "chmod 1777 " + path);
  os::Fd file;
  const int error = os::open_at(dir, ".", O_TMPFILE | O_RDWR, 0600, file);
  if (error == -EACCES || error == -EROFS)
    report.finding("permissions", fmt::format("this user cannot create rings in {}: {}", path, std::strerror(-error)),
                   "run as a user who may write there, or let that user's shmringd create the ring (--group)");
}

std::string limit_text(u64 limit) { return limit == RLIM_INFINITY ? "unlimited" : std::to_string(limit); }

void check_limits(Report& report) {
  rlimit file_size{RLIM_INFINITY, RLIM_INFINITY}, descriptors = file_size;
  os::calls.getrlimit(RLIMIT_FSIZE, &file_size);
  os::calls.getrlimit(RLIMIT_NOFILE, &descriptors);
  report.fact("limits",
              fmt::format("of this shell: file size {}, descriptors {}, which shmringd raises to {} (no memory is locked)",
                          limit_text(file_size.rlim_cur), limit_text(descriptors.rlim_cur), limit_text(descriptors.rlim_max)));
  if (file_size.rlim_cur < default_bytes())
    report.finding("limits",
                   fmt::format("files may have at most {} bytes: too few for a ring of default sizes", file_size.rlim_cur),
                   "ulimit -f unlimited (systemd: LimitFSIZE=infinity)");
  if (descriptors.rlim_max < watched_descriptors)
    report.finding("limits",
                   fmt::format("at most {} descriptors: too few for a collector to watch {} producers; it checks ten times a "
                               "second whether one of the others has ended",
                               descriptors.rlim_max, ring::default_producers),
                   "ulimit -n 1024 (systemd: LimitNOFILE=1024) for shmringd");
}

void check_machine(Report& report) {
  const os::MachineId host = os::this_machine();
  const bool tsc = os::choose_clock() == ring::Clock::tsc;
  report.fact("clock", tsc ? "the TSC is invariant, and the kernel keeps time by it: timestamps read it"
                           : "the TSC is not invariant, or the kernel keeps time by another clock: a timestamp is a "
                             "call of clock_gettime");
  report.fact("namespaces", fmt::format("pid namespace {}, time namespace {}", host.pid_namespace, host.time_namespace));
  if (host.boot_id[0] == 0 || host.pid_namespace == 0)
    report.finding("namespaces", "/proc does not show the boot id or the pid namespace: no process can be proven dead",
                   "mount /proc so that this process sees all of it, and let it read /proc/sys/kernel/random/boot_id");
}

// Checks a ring that can be read.
void check_open_ring(const std::string& name, const Look& now, Report& report) {
  const inspect::Inspection& facts = now.facts;
  const std::string subject = "ring " + name;
  const inspect::Leftover leftover = judge(facts);
  for (const std::string& text : facts.findings.texts) report.finding(subject, safe(text), remedy(facts, leftover));
  if (facts.lanes.empty()) return;
  if (leftover.every_owner_dead) {
    const std::string lost = loss_text(leftover);
    report.finding(
        subject,
        fmt::format("left over ({}): {}{}", bytes_text(facts.header.file_bytes), leftover.why, lost.empty() ? "" : "; " + lost),
        way_to_remove(facts, leftover));
    return;
  }
  const bool beats = facts.collector.holds_lease && facts.collector.heartbeat_ns != 0;
  report.fact(subject, fmt::format("{}, {} when full; collector {}{}; {} producers, {} positions not drained",
                                   bytes_text(facts.header.file_bytes), policy_name(facts.header.geometry.on_full),
                                   collector_text(facts.collector),
                                   beats ? ", heartbeat " + duration_text(heartbeat_age(now)) + " ago" : "",
                                   live_producers(facts), facts.undrained()));
  if (facts.header.this_boot.value_or(true) && !facts.header.our_namespaces)
    report.finding(subject, "it is of another pid or time namespace: it cannot be proven from here that a process is dead",
                   "let all who use it share one pid and time namespace");
  for (const Warning& warning : warnings(now)) report.finding(subject, warning.what, warning.remedy);
}

void check_ring(const std::string& name, const std::string& owner, Report& report) {
  os::Segment segment;
  std::vector<std::string> findings;
  if (os::open_readonly(name, segment, findings) != 0)
    return report.finding("ring " + name, safe(os::last_error()),
                          "do what the message says; to see its owner: ls -l " + path_of(name));
  const Look now{inspect::read_segment(segment, findings, true), os::monotonic_now_ns()};
  check_open_ring(name, now, report);
  // Checks what the inspection does not judge: owner, mode, and whether we may write.
  os::Segment attached;
  const int error = findings.empty() ? os::attach(name, attached, or_null(owner)) : 0;
  if (error != 0) report.finding("ring " + name, "cannot attach: " + safe(os::last_error()), "do what the message says");
}

void print(const Report& report, const std::string& output) {
  for (const Check& check : report.checks()) {
    const bool fine = check.remedy.empty();
    if (output == "json") {
      Json json;
      json.string("subject", check.subject).boolean("ok", fine).string("what", check.what);
      if (!fine) json.string("remedy", check.remedy);
      json.print();
    } else if (fine) {
      fmt::print("ok       {}: {}\n", check.subject, check.what);
    } else {
      fmt::print("{}  {}: {}\n         {}\n", bold("finding"), check.subject, check.what, check.remedy);
    }
  }
  if (output == "text") fmt::print("{} finding{}\n", report.findings(), report.findings() == 1 ? "" : "s");
}

int run(const Options& options) {
  std::string path;
  os::Fd dir;
  std::vector<std::string> rings;
  int error = os::open_directory(options.name.empty() ? "*" : options.name, path, dir);
  if (error == 0) error = os::list(rings);
  if (error != 0) {
    complain(os::last_error());
    return exit_of(error);
  }
  if (!options.name.empty()) {
    if (std::ranges::find(rings, options.name) == rings.end()) {
      complain(fmt::format("ring {}: there is no {}: see `shmring ls`", options.name, path_of(options.name)));
      return absent;
    }
    rings = {options.name};
  }
  Report report;
  check_space(path, dir.get(), !rings.empty(), report);
  check_permissions(path, dir.get(), report);
  check_limits(report);
  check_machine(report);
  for (const std::string& ring : rings) check_ring(ring, options.owner, report);
  print(report, options.output);
  return report.findings() == 0 ? ok : negative;
}

}  // namespace

void register_doctor(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("doctor", "Find what keeps rings from working, with remedies");
  command.value("NAME", options->name, "Only this ring (default: all)").check(check_ring_name);
  command.value("-o,--output", options->output, "text, or json: one line for each check").choose({"text", "json"});
  add_owner_option(command, options->owner);
  command.footer(
      "Looks at the directory of the rings (size, free space, permissions), the limits of this shell, the clock, and each "
      "ring: whether it can be used, which collector drains it and when it last did, which producers are dead, and whether the "
      "ring is left over. doctor changes nothing.\n"
      "Exit status: 0 no finding, 1 findings, 2 usage, 3 no such ring or directory, 4 permission, 6 SHMRING_DIR, 7 I/O.");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
