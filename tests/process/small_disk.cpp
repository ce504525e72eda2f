// The log on a real file system that is small: filled to its last byte, read-only, unmounted, replaced, cut by another program,
// in an order that the seed chooses, while producers write and the collector is killed now and then. After each, the log goes
// on by itself, with no line torn.
#include <doctest/doctest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lib/log/files/verify.hpp"
#include "lib/ring/status.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/mode.hpp"
#include "tests/support/oracle.hpp"

using namespace shmring::test;
using shmring::ring::AlarmCode;
namespace fs = std::filesystem;

namespace {

// A tmpfs of some MiB below the workplace, and a second mount of it, which can be taken away and put back. The log's directory
// is that mount, of a part of the disk, or lies in it.
struct SmallDisk {
  enum class Log { is_mount, is_below_mount };

  explicit SmallDisk(Log log = Log::is_mount) : place(room, log == Log::is_mount ? "log" : "mount/log") {
    mount_point = log == Log::is_mount ? place.log : place.home + "/mount";
    part = log == Log::is_mount ? disk + "/log" : disk;
    fs::create_directory(disk);
    fs::create_directory(mount_point);
    is_mounted = ::mount("none", disk.c_str(), "tmpfs", 0, "size=96m") == 0;
    if (!is_mounted) return;
    fs::create_directory(part);
    mount();
  }
  ~SmallDisk() {
    if (!is_mounted) return;
    ::umount2(mount_point.c_str(), MNT_DETACH);
    ::umount2(disk.c_str(), MNT_DETACH);
  }
  void mount() const { REQUIRE(::mount(part.c_str(), mount_point.c_str(), nullptr, MS_BIND, nullptr) == 0); }
  void unmount() const { REQUIRE(::umount2(mount_point.c_str(), MNT_DETACH) == 0); }
  bool make_read_only(bool read_only) const {
    return ::mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT | (read_only ? MS_RDONLY : 0), "size=96m") == 0;
  }
  // To the last byte.
  void fill() const {
    std::ofstream file(disk + "/fill", std::ios::binary | std::ios::app);
    for (std::size_t bytes : {1 << 20, 1 << 12, 1})
      for (const std::string block(bytes, 'x'); file.write(block.data(), static_cast<long>(bytes)).flush();) continue;
    file.clear();
  }
  void make_room() const { fs::remove(disk + "/fill"); }

  Workplace place;
  const std::string disk = place.home + "/disk";
  std::string mount_point, part;
  bool is_mounted = false;
};

AlarmCode alarm_now() {
  const View view;
  return view.opened ? AlarmCode{view.ring().header->status_more.alarm.load()} : AlarmCode::none;
}
bool alarm_becomes(AlarmCode code) {
  return eventually([&] { return alarm_now() == code; }, std::chrono::seconds(30));
}

std::string verdict(const std::string& log) {
  shmring::log::Verdict verdict;
  if (shmring::log::verify(log, verdict) != 0) return "cannot be read";
  return verdict.proven
             ? ""
             : verdict.deviation.file + ": expected " + verdict.deviation.expected + ", found " + verdict.deviation.found;
}

u64 count(const std::string& log, std::string_view what) {
  const std::string text = log_text(log);
  u64 times = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; ++at) ++times;
  return times;
}

enum class Trouble { full, unmounted, read_only, started_full, replaced, cut };
constexpr std::size_t troubles = 6;

// The line that the log has of it when it is over, or what stands in that line; none: no collector ran meanwhile.
const char* line_of(Trouble trouble) {
  switch (trouble) {
    case Trouble::full:
    case Trouble::started_full: return "the log could not be written: nothing was taken";
    case Trouble::unmounted: return "the log's file system was gone";
    case Trouble::replaced: return "the log was taken away: this one was begun in its place";
    case Trouble::cut: return "\"code\":\"file_cut\"";
    default: return nullptr;
  }
}

// A producer that writes for as long as its log gets into trouble.
struct Troubled {
  SmallDisk small{SmallDisk::Log::is_below_mount};
  const std::string& log = small.place.log;
  std::vector<std::string> old_logs = {};  // that were replaced, on another disk
  std::unique_ptr<Daemon> daemon = {};

  void make(Trouble trouble, bool leaves_none);
  void replace(bool leaves_none);
  void cut();
  void wait_for(AlarmCode code) const { REQUIRE_MESSAGE(alarm_becomes(code), daemon->said()); }
  void check_all(Journal& journal) const;
};

void Troubled::make(Trouble trouble, bool leaves_none) {
  if (trouble == Trouble::read_only || trouble == Trouble::started_full) CHECK(daemon->process.kill() == -SIGKILL);
  switch (trouble) {
    case Trouble::full:
      small.fill();
      wait_for(AlarmCode::log_failing);
      return small.make_room();
    case Trouble::unmounted:
      small.unmount();
      wait_for(AlarmCode::log_elsewhere);
      CHECK(log_files(log).empty());  // nothing is written below the mount point
      CHECK(daemon->said().find("lies on device") != std::string::npos);
      return small.mount();
    case Trouble::read_only:
      REQUIRE(small.make_read_only(true));
      daemon->start();
      CHECK(daemon->process.wait() == 7);
      CHECK(daemon->said().find("Read-only file system") != std::string::npos);
      REQUIRE(small.make_read_only(false));
      daemon->start();
      REQUIRE_MESSAGE(daemon->collects(), daemon->said());
      return;
    case Trouble::started_full:
      small.fill();
      daemon->start();
      wait_for(AlarmCode::log_failing);
      return small.make_room();
    case Trouble::replaced: return replace(leaves_none);
    case Trouble::cut: return cut();
  }
}

// The directory is moved away, and an empty one stands there, or none.
void Troubled::replace(bool leaves_none) {
  const std::string moved = small.disk + "/moved";
  if (!leaves_none) fs::create_directory(moved);
  const unsigned how = leaves_none ? RENAME_NOREPLACE : RENAME_EXCHANGE;
  REQUIRE(::renameat2(AT_FDCWD, log.c_str(), AT_FDCWD, (small.mount_point + "/moved").c_str(), how) == 0);
  REQUIRE_MESSAGE(eventually([&] { return !log_files(log).empty(); }), daemon->said());
  old_logs.push_back(small.place.home + "/old-" + std::to_string(old_logs.size()));
  fs::copy(moved, old_logs.back(), fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  fs::remove_all(moved);
  CHECK(verdict(old_logs.back()) == "");
}

// As by logrotate's copytruncate, but nothing is written between the copy and the cut. The copy is put back in the end, as a
// person would do who finds the incident: the log then has all its lines.
void Troubled::cut() {
  daemon->process.stop();
  const std::string file = log_files(log).back(), copy = small.place.home + "/copy";
  fs::copy_file(file, copy, fs::copy_options::overwrite_existing);
  fs::resize_file(file, 0);
  daemon->process.go_on();
  const std::string named = "\"file\":\"" + fs::path(file).filename().string() + "\"";
  REQUIRE_MESSAGE(eventually([&] { return count(log, named) > 0; }), daemon->said());
  CHECK(daemon->said().find("another program cuts it or writes to it") != std::string::npos);
  if (fs::exists(file)) fs::copy_file(copy, file, fs::copy_options::overwrite_existing);
}

// Each attempt once, in one of the logs.
void Troubled::check_all(Journal& journal) const {
  std::vector<int> times(journal->begun + 1);
  for (const std::string& old : old_logs) count_sequences(old, journal.name(), times);
  count_sequences(log, journal.name(), times);
  for (u64 n = 1; n < times.size(); ++n) CHECK_MESSAGE(times[n] == 1, "sequence ", n);
}

}  // namespace

TEST_CASE(
    "23: a small disk that is full, read-only, gone, replaced, cut, while producers write: the log goes on, and no line is "
    "torn "
    "or twice") {
  Troubled log;
  if (!log.small.is_mounted) return skipped("a small disk: may not mount one here");
  // What is reserved is a sixteenth of a file's size.
  log.daemon.reset(new Daemon(log.small.place, {"--slots", "1024", "--file-bytes", "4MiB"}));
  REQUIRE(log.daemon->collects());
  Journal& journal = log.small.place.journal(1 << 22);
  Shared<std::atomic<bool>> stop;
  Child writer([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, ~u64{0}, 16, 10'000, &*stop}); });
  u64 times[troubles] = {};
  auto random = seeded(90);
  const int rounds = by_mode(6, 12, 100);
  for (int round = 0; round < rounds; ++round) {
    const auto trouble = static_cast<Trouble>(round < static_cast<int>(troubles) ? round : below(random, troubles));
    CAPTURE(static_cast<int>(trouble));
    CAPTURE(round);
    ++times[static_cast<std::size_t>(trouble)];
    const char* const line = line_of(trouble);
    const u64 before = line == nullptr || trouble == Trouble::replaced ? 0 : count(log.log, line);
    log.make(trouble, below(random, 2) == 0);
    log.wait_for(AlarmCode::none);
    if (line != nullptr)  // it comes when all has been well for a second
      CHECK_MESSAGE(eventually([&] { return count(log.log, line) == before + 1; }), log.daemon->said());
    const u64 begun = journal->begun;
    CHECK(eventually([&] { return journal->begun > begun + 100; }));
    View view;
    const u64 logged = view.status().logged;
    CHECK(eventually([&] { return view.status().logged > logged; }));
    CHECK(verdict(log.log) == "");
  }
  *stop = true;
  CHECK(writer.wait() == 0);
  CHECK(all_closed());
  CHECK(log.daemon->end() == 0);
  CHECK(verdict(log.log) == "");
  log.check_all(journal);
  const auto of = [&](Trouble trouble) { return times[static_cast<std::size_t>(trouble)]; };
  report(
      "a small disk: %lu times full, %lu times gone, %lu starts on a read-only one, %lu on a full one, the log %lu times "
      "replaced, %lu times cut; each attempt once",
      of(Trouble::full), of(Trouble::unmounted), of(Trouble::read_only), of(Trouble::started_full), of(Trouble::replaced),
      of(Trouble::cut));
}

TEST_CASE("a collector that starts on a full disk shows at once that it cannot write, and begins when there is room") {
  SmallDisk small;
  if (!small.is_mounted) return skipped("a start on a full disk: may not mount one here");
  Daemon daemon(small.place);
  REQUIRE(daemon.collects());
  CHECK(daemon.end() == 0);
  small.fill();
  daemon.start();
  CHECK_MESSAGE(alarm_becomes(AlarmCode::log_failing), daemon.said());
  View view;
  CHECK(view.ring().header->status_more.alarm_errno.load() == ENOSPC);
  CHECK(static_cast<shmring::ring::StatusState>(view.ring().header->status_more.state.load()) ==
        shmring::ring::StatusState::log_failing);
  small.make_room();
  CHECK(alarm_becomes(AlarmCode::none));
  CHECK(daemon.collects());
  CHECK(daemon.end() == 0);
  CHECK(verdict(small.place.log) == "");
}

TEST_CASE("a log is not begun on a full disk, nor below a mount point whose file system is gone") {
  SmallDisk small;
  if (!small.is_mounted) return skipped("a start without a disk: may not mount one here");
  small.fill();
  Daemon daemon(small.place);
  CHECK(daemon.process.wait() == 7);
  CHECK(daemon.said().find("No space left on device") != std::string::npos);
  CHECK(log_files(small.place.log).empty());
  small.make_room();
  daemon.start();
  REQUIRE(daemon.collects());
  CHECK(eventually([] { return View().ring().header->status_more.log_device.load() != 0; }));
  CHECK(daemon.end() == 0);
  small.unmount();
  daemon.start();
  CHECK(daemon.process.wait() == 7);
  CHECK(daemon.said().find("mount that file system, or copy the whole log to here") != std::string::npos);
  CHECK(fs::is_empty(small.place.log));
  small.mount();
  daemon.start();
  CHECK(daemon.collects());
  CHECK(daemon.end() == 0);
  CHECK(count(small.place.log, "\"kind\":\"start\"") == 2);
}

// Its path leads to the copy when the collector, which runs or is started, looks again.
TEST_CASE("a log that was copied to another file system whole is gone on with there, by who runs and by who starts") {
  for (const bool runs : {true, false}) {
    CAPTURE(runs);
    SmallDisk small;
    if (!small.is_mounted) return skipped("a log on another disk: may not mount one here");
    Daemon daemon(small.place);
    REQUIRE(daemon.collects());
    CHECK(eventually([] { return View().ring().header->status_more.log_device.load() != 0; }));
    if (runs) daemon.process.stop();
    if (!runs) CHECK(daemon.end() == 0);
    const std::string copy = small.place.home + "/copy";
    fs::copy(small.place.log, copy, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    small.unmount();
    fs::rename(copy, small.place.log);
    if (runs) daemon.process.go_on();
    if (!runs) daemon.start();
    CHECK(eventually([&] { return count(small.place.log, "\"kind\":\"start\"") == 2; }));
    CHECK_MESSAGE(daemon.collects(), daemon.said());
    CHECK(daemon.end() == 0);
    CHECK(verdict(small.place.log) == "");
  }
}
