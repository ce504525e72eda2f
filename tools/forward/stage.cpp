// Threads for stages: see stage.hpp.
#include "tools/forward/stage.hpp"

#include <chrono>
#include <exception>
#include <iterator>
#include <string>
#include <utility>

#include "lib/os/clock.hpp"
#include "lib/os/thread.hpp"
#include "tools/common/exit.hpp"

namespace shmring::tool {

int Stage::begin(Step step) {
  stepped_ns_.store(os::monotonic_now_ns(), std::memory_order_relaxed);
  return os::begin_thread(thread_, [this, step = std::move(step)] { run(step); });
}

void Stage::run(const Step& step) {
  for (;;) {
    Stepped done;
    try {
      done = step(os::monotonic_now_ns());
    } catch (const std::exception& error) {  // there is no memory left
      done.exit_status = io;
      done.said.push_back({fleet::Weight::alarm, "failed", error.what()});
    }
    const std::uint64_t now = os::monotonic_now_ns();
    stepped_ns_.store(now, std::memory_order_relaxed);
    std::unique_lock lock(mutex_);
    said_.insert(said_.end(), std::make_move_iterator(done.said.begin()), std::make_move_iterator(done.said.end()));
    exit_status_ = done.exit_status;
    if (exit_status_ || asked_) return;
    if (done.next_ns > now) wake_.wait_for(lock, std::chrono::nanoseconds(done.next_ns - now), [&] { return asked_; });
    if (asked_) return;
  }
}

void Stage::ask_to_end() {
  const std::scoped_lock lock(mutex_);
  asked_ = true;
  wake_.notify_all();
}

void Stage::end() {
  ask_to_end();
  if (thread_.joinable()) thread_.join();
}

std::optional<int> Stage::exit_status() const {
  const std::scoped_lock lock(mutex_);
  return exit_status_;
}

std::vector<fleet::Said> Stage::take_said() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(said_, {});
}

}  // namespace shmring::tool
