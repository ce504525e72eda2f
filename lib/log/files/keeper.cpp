// Compresses the sealed files of a log: see keeper.hpp.
#include "lib/log/files/keeper.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr int least_urgent = 19;

bool is_sealed(int directory, const LogFile& file) {
  struct stat status {};
  if (os::calls.fstatat(directory, file.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
  return S_ISREG(status.st_mode) && (status.st_mode & 0222) == 0;
}

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

int Keeper::look(int directory, const std::string& dir) {
  if (!thread_.joinable()) {
    if (const int error = os::open_at(directory, ".", O_RDONLY | O_DIRECTORY, 0, directory_)) return error;
    dir_ = dir;
    sigset_t all, before;
    sigfillset(&all);
    os::calls.pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
      error = -EAGAIN;
    }
    os::calls.pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error != 0) return error;
  }
  {
    const std::lock_guard lock(mutex_);
    looks_ = true;
  }
  asked_.notify_one();
  return 0;
}

int Keeper::error(std::string& text) {
  const std::lock_guard lock(mutex_);
  text = text_;
  return error_;
}

void Keeper::run() {
  os::calls.setpriority(PRIO_PROCESS, static_cast<id_t>(os::calls.gettid()), least_urgent);
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [this] { return looks_ || stops_; });
    if (stops_) return;
    looks_ = false;
    lock.unlock();
    compress_all();
    lock.lock();
  }
}

void Keeper::compress_all() {
  std::vector<LogFile> files;
  int error = list_log_files(directory_.get(), dir_, files);
  for (const LogFile& file : files) {
    if (error != 0) break;
    if (file.is_compressed() || file.end == no_end || !is_sealed(directory_.get(), file)) continue;
    error = compress(directory_.get(), dir_, file, stops_);
  }
  if (error == -ECANCELED) return;
  const std::lock_guard lock(mutex_);
  error_ = error;
  text_ = error == 0 ? "" : os::last_error();
}

}  // namespace shmring::log
