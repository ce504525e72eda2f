// shmringd as a child, its place, and a look at its ring: see daemon.hpp.
#include "tests/support/daemon.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace shmring::test {

std::string fresh_directory(const std::string& parent) {
  std::string name = parent + "/shmring-process-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::perror(name.c_str()), std::abort();
  return name;
}

Workplace::Workplace(std::size_t max_record, const std::string& log)
    : max_record(max_record), rings(fresh_directory("/dev/shm")),
      home(fresh_directory(std::filesystem::temp_directory_path().string())), log(home + "/" + log) {
  ::setenv("SHMRING_DIR", rings.c_str(), 1);
}

Workplace::~Workplace() {
  ::unsetenv("SHMRING_DIR");
  std::filesystem::remove_all(rings);
  std::filesystem::remove_all(home);
}

Journal& Workplace::journal(u64 capacity) {
  journals.push_back(std::make_unique<Journal>(static_cast<u32>(journals.size() + 1), capacity, max_record));
  return *journals.back();
}

std::string Workplace::file() const { return rings + "/shmring." + ring; }

View::View() {
  std::vector<std::string> findings;
  opened = os::open_readonly(Workplace::ring, segment_, findings) == 0 && segment_.ring.entries != nullptr;
}

View::~View() = default;

int View::entry_of(pid_t pid) const {
  for (u32 i = 0; i < ring().geometry.producers; ++i)
    if (owner(i).state != ring::OwnerState::free && owner(i).pid == static_cast<u32>(pid)) return static_cast<int>(i);
  return -1;
}

bool View::held_slot(pid_t pid, Held& out) const {
  const int entry = entry_of(pid);
  for (u32 lane = 0; entry >= 0 && lane < ring().geometry.lanes; ++lane)
    for (u32 index = 0; index < ring().geometry.slots; ++index) {
      out = {lane, index, word(lane, index)};
      if (out.word.state == ring::SlotState::writing && out.word.owner == static_cast<u32>(entry) + 1) return true;
    }
  return false;
}

bool View::all_free() const {
  for (u32 i = 0; i < ring().geometry.producers; ++i)
    if (owner(i).state != ring::OwnerState::free) return false;
  for (u32 i = 0; i < ring().geometry.lanes; ++i)
    if (ring::lane_owner<Memory>(ring().lanes[i]) != 0) return false;
  return true;
}

Daemon::Daemon(const Workplace& place) : Daemon(place, {"--slots", "1024"}) {}

Daemon::Daemon(const Workplace& place, std::vector<std::string> options, bool at_once)
    : place_(place), options_(std::move(options)) {
  if (at_once) start();
}

Daemon::~Daemon() = default;

void Daemon::start() {
  start([] {});
}

void Daemon::start(const std::function<void()>& before) {
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

bool Daemon::collects() {
  return eventually(
      [this] {
        View view;
        return view.opened && view.collector() == static_cast<u32>(process.pid()) &&
               view.state() == ring::StatusState::collecting;
      },
      std::chrono::seconds(20));
}

int Daemon::end() {
  process.signal(SIGTERM);
  return process.wait();
}

std::string Daemon::said() const {
  std::ifstream file(place_.home + "/stderr");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Daemon::program() {
  const char* folder = std::getenv("SHMRING_TOOLS");
  return (folder != nullptr ? std::string(folder) : std::string("tools")) + "/shmringd";
}

void make_default_ring() {
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = 1024, options.max_record = room;
  if (shmring_create(Workplace::ring, &options) != 0) std::fprintf(stderr, "%s\n", shmring_last_error()), std::abort();
}

bool all_closed() {
  View view;
  return view.opened && eventually([&] { return view.all_free(); });
}

}  // namespace shmring::test
