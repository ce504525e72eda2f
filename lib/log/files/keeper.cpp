// What is done to the older files of a log: see keeper.hpp.
#include "lib/log/files/keeper.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>
#include <vector>

#include "lib/os/error.hpp"
#include "lib/os/thread.hpp"

namespace shmring::log {
namespace {

constexpr int least_urgent = 19;

}  // namespace

Keeper::~Keeper() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  asked_.notify_one();
  thread_.join();
}

int Keeper::begin(int directory, const std::string& dir) {
  if (thread_.joinable()) return 0;
  if (const int error = os::open_at(directory, ".", O_RDONLY | O_DIRECTORY, 0, directory_)) return error;
  dir_ = dir;
  return os::begin_thread(thread_, [this] { run(); });
}

int Keeper::look(int directory, const std::string& dir, const FilePolicy& policy, u64 now_utc_ns, u64 durable, u64 archived) {
  if (const int error = begin(directory, dir)) return error;
  {
    const std::lock_guard lock(mutex_);
    looks_ = is_asked_ = true;
    policy_ = policy, now_utc_ns_ = now_utc_ns, durable_ = durable, archived_ = archived;
  }
  asked_.notify_one();
  return 0;
}

void Keeper::remove(u64 before) {
  {
    const std::lock_guard lock(mutex_);
    is_asked_ = true;
    before_ = before;
  }
  asked_.notify_one();
}

std::optional<KeeperAnswer> Keeper::take() {
  if (!is_answered_.load(std::memory_order_relaxed)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  is_answered_ = false;
  return std::exchange(answer_, std::nullopt);
}

int Keeper::error(std::string& text) {
  const std::lock_guard lock(mutex_);
  text = text_;
  return error_;
}

void Keeper::answer(KeeperAnswer answer) {
  if (answer.error == -ECANCELED) return;
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
  is_answered_ = true;
}

void Keeper::run() {
  os::calls.setpriority(PRIO_PROCESS, static_cast<id_t>(os::calls.gettid()), least_urgent);
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [this] { return looks_ || before_ > 0 || stops_; });
    if (stops_) return;
    is_asked_ = false;
    const u64 before = std::exchange(before_, 0);
    const bool looks = std::exchange(looks_, false);
    const FilePolicy policy = policy_;
    const u64 now_utc_ns = now_utc_ns_, durable = durable_, archived = archived_;
    lock.unlock();
    if (before > 0) {
      bool is_directory = false;
      const int error = remove_before(directory_.get(), dir_, before, *directory_sync_, stops_, is_directory);
      answer({error, is_directory, error == 0 ? "" : os::last_error(), {}});
    }
    if (looks && policy.retain.any()) look_for_old(policy.retain, now_utc_ns, archived);
    if (looks && policy.compress) compress_all(durable);
    lock.lock();
  }
}

void Keeper::look_for_old(const RetainLimits& limits, u64 now_utc_ns, u64 archived) {
  if (const int error = old_.read(directory_.get(), dir_)) return answer({error, false, os::last_error(), {}});
  answer({0, false, "", retain(old_.files(), now_utc_ns, old_.free(), limits, archived)});
}

// Another request does not wait for all files: what is left is found again by the next look.
void Keeper::compress_all(u64 durable) {
  std::vector<LogFile> files;
  int error = list_log_files(directory_.get(), dir_, files);
  for (const LogFile& file : files) {
    if (error != 0 || is_asked_) break;
    if (file.is_compressed() || file.end > durable || !is_sealed(directory_.get(), file)) continue;
    error = compress(directory_.get(), dir_, file, *directory_sync_, stops_);
  }
  if (error == -ECANCELED) return;
  const std::lock_guard lock(mutex_);
  error_ = error;
  text_ = error == 0 ? "" : os::last_error();
}

}  // namespace shmring::log
