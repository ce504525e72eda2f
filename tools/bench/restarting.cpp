// How long a collector takes until it collects, with a log that is there already. See collecting.hpp.
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>

#include "lib/log/files/mark.hpp"
#include "lib/log/files/names.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/file.hpp"
#include "tools/bench/collector_child.hpp"
#include "tools/bench/usual_lines.hpp"

namespace shmring::bench {
namespace {

constexpr u64 file_bytes = u64{128} << 20;
constexpr u64 room_for_lines = u64{2} << 20;  // the last file has it, so that no restart begins another
constexpr int own_rounds = 9;

void must(int error, const std::string& what) {
  if (error != 0) throw std::runtime_error("cannot " + what + ": " + std::strerror(-error));
}

// A log of whole files, as a collector leaves it that was told to stop: all are full, and all but the last are sealed.
class BigLog {
 public:
  explicit BigLog(u64 files) : place_(bench_slots, SHMRING_POLICY_DROP), lines_(place_.name) {
    const auto space = std::filesystem::space(std::filesystem::path(place_.log).parent_path());
    if (space.available < (files + 8) * file_bytes) return;
    os::Segment segment;
    must_be_done(os::attach(place_.name, segment));
    identity_ = segment.ring.identity;
    if (os::calls.mkdirat(AT_FDCWD, place_.log.c_str(), 0700) != 0) must(-errno, "make " + place_.log);
    must_be_done(log::open_log_directory(place_.log, directory_));
    for (u64 file = 0; file < files; ++file) put_file(file, file + 1 == files);
    put_mark();
    is_there_ = true;
  }
  // False: the disk has no room for it.
  bool is_there() const { return is_there_; }
  const ScratchRing& place() const { return place_; }

  void boot() { seem_to_boot(place_); }

 private:
  log::Accounts accounts(bool is_first) const {
    log::Accounts line{time_ns(), {}, {}, identity_, {}};
    if (!is_first) line.accounts.push_back({"api", UsualLines::incarnation, through_, true, {}});
    return line;
  }
  u64 time_ns() const { return UsualLines::start_ns + through_ * 617; }

  void put_file(u64 number, bool is_last) {
    const std::string path = place_.log + "/" + log::log_file_name(time_ns(), index_);
    os::Fd file;
    must(os::open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600, file), "make " + path);
    std::string text;
    u64 bytes = 0;
    const auto put = [&] {
      must(os::write_full(file.get(), text.data(), text.size()), "write " + path);
      bytes += text.size();
    };
    log::Accounts first = accounts(number == 0);
    first.clean = true;
    lines_.encoder().encode(std::move(first), index_++, text);
    if (number == 0)
      lines_.encoder().encode(
          log::LifeLine{log::Life::attach, "api", UsualLines::incarnation, time_ns(), 1, 0, 1, "/bin/api", 0, 0, {}, 0},
          index_++, text);
    put();
    const u64 end = file_bytes - (is_last ? room_for_lines : 0);
    while (bytes < end) {  // as a collector does it: an accounts line behind some 2000 others
      lines_.gather(through_, log::usual_batch_lines);
      lines_.encode(index_, text);
      through_ += log::usual_batch_lines, index_ += log::usual_batch_lines;
      lines_.encoder().encode(accounts(false), index_++, text);
      put();
    }
    if (is_last) {
      text.clear();
      lines_.encoder().encode(
          log::LifeLine{log::Life::detach, "api", UsualLines::incarnation, time_ns(), 1, 0, 1, "/bin/api", 0, through_, {}, 0},
          index_++, text);
      put();
    }
    if (!is_last && os::calls.fchmod(file.get(), 0400) != 0) must(-errno, "seal " + path);
    must(os::sync_all(file.get()), "sync " + path);
  }

  void put_mark() {
    log::Mark mark;
    const os::MachineId machine = os::this_machine();
    mark.boot[0] = machine.boot_id[0], mark.boot[1] = machine.boot_id[1];
    mark.durable = index_;
    write_mark(mark);
  }
  void write_mark(const log::Mark& mark) {
    must(log::MarkFile().begin(directory_.get(), mark), "write the mark of " + place_.log);
  }

  ScratchRing place_;
  UsualLines lines_;
  ring::RingId identity_{};
  os::Fd directory_;
  u64 index_ = 0, through_ = 0;
  bool is_there_ = false;
};

// It takes long to make one, so each is kept until the process ends.
BigLog& big_log(u64 files) {
  static std::map<u64, std::unique_ptr<BigLog>> logs;
  std::unique_ptr<BigLog>& log = logs[files];
  if (log == nullptr) log = std::make_unique<BigLog>(files);
  return *log;
}

}  // namespace

void seem_to_boot(const ScratchRing& place) {
  os::Fd directory;
  log::Mark mark;
  must_be_done(log::open_log_directory(place.log, directory));
  if (log::read_mark(directory.get(), mark) != log::MarkSays::this_place) throw std::runtime_error("the log has no mark");
  mark.boot[0] ^= 1;
  must(log::MarkFile().begin(directory.get(), mark), "write the mark of " + place.log);
}

Round run_restart(const Job& job, u64 gigabytes) {
  BigLog& log = big_log(gigabytes * 8);
  Round round;
  for (int i = 0; log.is_there() && i < own_rounds; ++i) {
    if (stop_requested()) throw Interrupted();
    if (job.measure == Measure::reboot) log.boot();
    const u64 start_ns = os::monotonic_now_ns();
    Collecting collector(log.place(), processors().front(), {.level = log::Level::interval});
    round.rounds.push_back(static_cast<double>(os::monotonic_now_ns() - start_ns));
    collector.stop();
  }
  if (log.is_there() && gigabytes == 1) must_be_proven(log.place());
  return round;
}

}  // namespace shmring::bench
