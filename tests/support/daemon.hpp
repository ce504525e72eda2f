// shmringd as a child process, the place where it works, and a look at its ring.
//
// Invariants: each Workplace has a ring directory and a log of its own, and nothing is left of it; SHMRING_DIR names it.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "lib/os/segment.hpp"
#include "lib/ring/account.hpp"
#include "lib/ring/lane.hpp"
#include "tests/support/journal.hpp"

namespace shmring::test {

inline std::string fresh_directory(const std::string& parent) {
  std::string name = parent + "/shmring-process-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::perror(name.c_str()), std::abort();
  return name;
}

class Workplace {
 public:
  explicit Workplace(std::size_t max_record = room)
      : max_record(max_record), rings(fresh_directory("/dev/shm")),
        home(fresh_directory(std::filesystem::temp_directory_path().string())), log(home + "/log") {
    ::setenv("SHMRING_DIR", rings.c_str(), 1);
  }
  ~Workplace() {
    ::unsetenv("SHMRING_DIR");
    std::filesystem::remove_all(rings);
    std::filesystem::remove_all(home);
  }
  Workplace(const Workplace&) = delete;

  // A journal of its own for each producer's life.
  Journal& journal(u64 capacity) {
    journals.push_back(std::make_unique<Journal>(static_cast<u32>(journals.size() + 1), capacity, max_record));
    return *journals.back();
  }

  static constexpr const char* ring = "r";
  std::string file() const { return rings + "/shmring." + ring; }

  const std::size_t max_record;  // of the ring that shmringd creates
  const std::string rings, home, log;
  std::vector<std::unique_ptr<Journal>> journals;
};

// A slot that its owner is filling.
struct Held {
  u32 lane = 0, index = 0;
  ring::Word word{};
};

// What a test may read of a ring while it lives.
class View {
 public:
  using Memory = ring::HardwareMemory;
  View() {
    std::vector<std::string> findings;
    opened = os::open_readonly(Workplace::ring, segment_, findings) == 0 && segment_.ring.entries != nullptr;
  }
  const ring::Ring& ring() const { return segment_.ring; }
  const ring::StatusPage& status() const { return ring().header->status; }
  u32 collector() const { return ring::Owner::of(status().identity).pid; }

  // The entry that names the process; −1: none does.
  int entry_of(pid_t pid) const {
    for (u32 i = 0; i < ring().geometry.producers; ++i)
      if (owner(i).state != ring::OwnerState::free && owner(i).pid == static_cast<u32>(pid)) return static_cast<int>(i);
    return -1;
  }
  ring::Owner owner(u32 entry) const { return ring::owner_seen<Memory>(ring().entries[entry]); }
  u64 head(u32 lane) const { return ring::head_resume<Memory>(ring().lanes[lane]); }
  u32 waiters(u32 lane) const { return ring().lanes[lane].waiters; }
  u64 tail(u32 lane) const { return ring::tail_seen<Memory>(ring().lanes[lane]); }
  ring::Word word(u32 lane, u32 index) const { return ring::observe<Memory>(ring().slot(lane, index)); }

  // The slot of that process that is in WRITING; false: none is.
  bool held_slot(pid_t pid, Held& out) const {
    const int entry = entry_of(pid);
    for (u32 lane = 0; entry >= 0 && lane < ring().geometry.lanes; ++lane)
      for (u32 index = 0; index < ring().geometry.slots; ++index) {
        out = {lane, index, word(lane, index)};
        if (out.word.state == ring::SlotState::writing && out.word.owner == static_cast<u32>(entry) + 1) return true;
      }
    return false;
  }

  // Every entry and every lane is free again.
  bool all_free() const {
    for (u32 i = 0; i < ring().geometry.producers; ++i)
      if (owner(i).state != ring::OwnerState::free) return false;
    for (u32 i = 0; i < ring().geometry.lanes; ++i)
      if (ring::lane_owner<Memory>(ring().lanes[i]) != 0) return false;
    return true;
  }

  bool opened = false;

 private:
  os::Segment segment_;
};

class Daemon {
 public:
  explicit Daemon(const Workplace& place, std::vector<std::string> options = {"--slots", "1024"}, bool at_once = true)
      : place_(place), options_(std::move(options)) {
    if (at_once) start();
  }

  // `before`: what the child does before it becomes shmringd.
  void start(const std::function<void()>& before = [] {}) {
    std::vector<std::string> words{
        program(), "--ring", Workplace::ring, "--log", place_.log, "--max-record", std::to_string(place_.max_record)};
    words.insert(words.end(), options_.begin(), options_.end());
    process = Child([&] {
      const int text = ::open((place_.home + "/stderr").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
      ::dup2(text, 2);
      std::vector<char*> arguments;
      for (std::string& word : words) arguments.push_back(word.data());
      arguments.push_back(nullptr);
      before();
      ::execv(arguments[0], arguments.data());
      return 127;
    });
  }

  // It holds the ring, its pid stands on the status page; and it has made a pass.
  bool collects() {
    return eventually(
        [this] {
          View view;
          return view.opened && view.collector() == static_cast<u32>(process.pid()) && view.status().heartbeat_ns != 0;
        },
        std::chrono::seconds(20));
  }
  // SIGTERM; its exit status.
  int end() {
    process.signal(SIGTERM);
    return process.wait();
  }
  std::string said() const {
    std::ifstream file(place_.home + "/stderr");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static std::string program() {
    const char* folder = std::getenv("SHMRING_TOOLS");
    return (folder != nullptr ? std::string(folder) : std::string("tools")) + "/shmringd";
  }

  Child process;

 private:
  const Workplace& place_;
  std::vector<std::string> options_;
};

// The ring of the Workplace, as an application makes it.
inline void make_default_ring() {
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = 1024, options.max_record = room;
  if (shmring_create(Workplace::ring, &options) != 0) std::fprintf(stderr, "%s\n", shmring_last_error()), std::abort();
}

// Every producer's end is in the log, and its place free: what a test waits for before it ends the collector.
inline bool all_closed() {
  View view;
  return view.opened && eventually([&] { return view.all_free(); });
}

}  // namespace shmring::test
