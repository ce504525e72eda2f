// A machine for one history: see machine.hpp. Here are its processes; what stands in the table of calls is in calls.cpp.
#include "tests/sim/machine.hpp"

#include <cstdio>

namespace sim {

Machine::Machine(u64 seed, u64 page_bytes) : disk(seed, page_bytes), dice_(seed ^ 0x5eed), real_(shmring::os::calls) {
  cut_power(seed);
  install();
}

Machine::~Machine() {
  end_process();
  shmring::os::calls = real_;
}

void Machine::begin_process(u64 cut_at) {
  is_dead_ = false;
  calls_ = 0, cut_at_ = cut_at;
  disk.begin_process();
}

void Machine::end_process() {
  is_dead_ = true;
  while (turns_.is_running()) turns_.go_on();  // its next call throws
  descriptors_.clear();
}

void Machine::cut_power(u64 seed) {
  disk.cut_power(seed);
  Dice dice(seed);
  char text[48];
  std::snprintf(text, sizeof text, "%08llx-0000-4000-8000-%012llx\n", dice.next() & 0xffffffffull,
                dice.next() & 0xffffffffffffull);
  boot_id_ = text;
}

void Machine::let_sync_thread_run() {
  while (turns_.is_running() && dice_.percent(sync_speed_)) turns_.go_on();
  if (is_dead_) throw Cut{};
}

void Machine::let_sync_thread_end() {
  while (turns_.is_running()) turns_.go_on();
  if (is_dead_) throw Cut{};
}

void Machine::take_turn() {
  if (is_alone_) return;
  if (turns_.is_beside()) {
    turns_.pause();
  } else {
    let_sync_thread_run();
  }
  if (is_dead_) throw Cut{};
}

void Machine::tell(const std::string& what) {
  if (is_told_) story_ += what + "\n";
}

Machine::Fate Machine::fate(const char* call, const std::string& what) {
  disk.breathe();
  utc_ns += 1'000'000;
  Fate fate = Fate::done;
  if (++calls_ == cut_at_) {
    is_dead_ = true;
    constexpr Fate cuts[] = {Fate::cut_before, Fate::cut_midst, Fate::cut_behind};
    fate = cuts[dice_.below(3)];
  } else if (dice_.once_in(trouble_)) {
    fate = dice_.once_in(2) ? Fate::failed : Fate::failed_but_done;
  }
  if (is_told_) {
    constexpr const char* how[] = {
        "", " fails", " fails, and took effect", ": it ends before", ": it ends in the midst", ": it ends behind"};
    tell((turns_.is_beside() ? "      | " : "  ") + std::to_string(calls_) + " " + call + " " + what +
         how[static_cast<int>(fate)]);
  }
  return fate;
}

}  // namespace sim
