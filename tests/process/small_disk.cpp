// The log on a real file system that is small: filled to its last byte, read-only, unmounted, in an order that the seed
// chooses, while producers write and the collector is killed now and then. After each, the log goes on by itself, with no line
// torn.
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

// A tmpfs of some MiB below the workplace; the log's directory is a second mount of a part of it, which can be taken away and
// put back.
struct SmallDisk {
  Workplace place;
  std::string disk = place.home + "/disk";
  bool is_mounted = false;

  SmallDisk() {
    fs::create_directory(disk);
    fs::create_directory(place.log);
    is_mounted = ::mount("none", disk.c_str(), "tmpfs", 0, "size=96m") == 0;
    if (!is_mounted) return;
    fs::create_directory(disk + "/log");
    mount();
  }
  ~SmallDisk() {
    if (!is_mounted) return;
    ::umount2(place.log.c_str(), MNT_DETACH);
    ::umount2(disk.c_str(), MNT_DETACH);
  }
  void mount() const { REQUIRE(::mount((disk + "/log").c_str(), place.log.c_str(), nullptr, MS_BIND, nullptr) == 0); }
  void unmount() const { REQUIRE(::umount2(place.log.c_str(), MNT_DETACH) == 0); }
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

// One trouble of four, and its end.
void make(unsigned trouble, const SmallDisk& small, Daemon& daemon) {
  if (trouble == 0) {
    small.fill();
    REQUIRE_MESSAGE(alarm_becomes(AlarmCode::log_failing), daemon.said());
    small.make_room();
  } else if (trouble == 1) {
    small.unmount();
    REQUIRE_MESSAGE(alarm_becomes(AlarmCode::log_elsewhere), daemon.said());
    CHECK(fs::is_empty(small.place.log));  // nothing is written below the mount point
    CHECK(daemon.said().find("lies on device") != std::string::npos);
    small.mount();
  } else if (trouble == 2) {
    CHECK(daemon.process.kill() == -SIGKILL);
    REQUIRE(small.make_read_only(true));
    daemon.start();
    CHECK(daemon.process.wait() == 7);
    CHECK(daemon.said().find("Read-only file system") != std::string::npos);
    REQUIRE(small.make_read_only(false));
    daemon.start();
    REQUIRE_MESSAGE(daemon.collects(), daemon.said());
  } else {
    CHECK(daemon.process.kill() == -SIGKILL);
    small.fill();
    daemon.start();
    REQUIRE_MESSAGE(alarm_becomes(AlarmCode::log_failing), daemon.said());
    small.make_room();
  }
}

}  // namespace

TEST_CASE("a small disk that is full, read-only, gone, while producers write: the log goes on, and no line is torn or twice") {
  SmallDisk small;
  if (!small.is_mounted) return skipped("a small disk: may not mount one here");
  Daemon daemon(small.place, {"--slots", "1024", "--file-bytes", "4MiB"});  // what is reserved is a sixteenth of it
  REQUIRE(daemon.collects());
  Journal& journal = small.place.journal(1 << 20);
  Shared<std::atomic<bool>> stop;
  Child writer([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, ~u64{0}, 16, 10'000, &*stop}); });
  u64 times[4] = {};
  auto random = seeded(90);
  const int rounds = by_mode(4, 10, 100);
  for (int round = 0; round < rounds; ++round) {
    const auto trouble = round < 4 ? static_cast<unsigned>(round) : static_cast<unsigned>(random() % 4);
    CAPTURE(trouble);
    ++times[trouble];
    make(trouble, small, daemon);
    REQUIRE_MESSAGE(alarm_becomes(AlarmCode::none), daemon.said());
    CHECK(eventually([&] {  // the line comes when all has been well for a second
      return count(small.place.log, "the log could not be written: nothing was taken") >= times[0] + times[3] &&
             count(small.place.log, "the log's file system was gone") == times[1];
    }));
    const u64 begun = journal->begun;
    CHECK(eventually([&] { return journal->begun > begun + 100; }));
    View view;
    const u64 logged = view.status().logged;
    CHECK(eventually([&] { return view.status().logged > logged; }));
    CHECK(verdict(small.place.log) == "");
  }
  *stop = true;
  CHECK(writer.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings found = consult(small.place.log, small.place.journals);
  CHECK_MESSAGE(found.problems.empty(), found.text());
  CHECK(count(small.place.log, "the disk is full: nothing is taken") >= times[0]);
  report("a small disk: %lu times full, %lu times gone, %lu starts on a read-only one, %lu on a full one; each attempt once",
         times[0], times[1], times[2], times[3]);
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

TEST_CASE("a log that was copied to another file system whole is gone on with there") {
  SmallDisk small;
  if (!small.is_mounted) return skipped("a log on another disk: may not mount one here");
  Daemon daemon(small.place);
  REQUIRE(daemon.collects());
  CHECK(eventually([] { return View().ring().header->status_more.log_device.load() != 0; }));
  CHECK(daemon.end() == 0);
  const std::string copy = small.place.home + "/copy";
  fs::copy(small.place.log, copy, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  small.unmount();
  fs::rename(copy, small.place.log);
  daemon.start();
  CHECK_MESSAGE(daemon.collects(), daemon.said());
  CHECK(daemon.end() == 0);
  CHECK(verdict(small.place.log) == "");
  CHECK(count(small.place.log, "\"kind\":\"start\"") == 2);
}
