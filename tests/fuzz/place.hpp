// Where a fuzz target works: a directory in memory for its ring and its log; and the commands of shmring, called in here.
//
// Invariants: each program has a directory of its own; files are handled by libc alone, for of libstdc++'s own streams and
// paths the memory sanitizer sees half, and what it does not see being written it calls uninitialized.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>

#include <cerrno>
#include <string>
#include <vector>

#include "tests/fuzz/input.hpp"
#include "tools/common/command_line.hpp"

namespace shmring::fuzz {

inline std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  DIR* all = ::opendir(directory.c_str());
  if (all == nullptr) return names;
  while (const dirent* entry = ::readdir(all))
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) names.emplace_back(entry->d_name);
  ::closedir(all);
  std::sort(names.begin(), names.end());
  return names;
}

inline void remove_tree(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  for (const std::string& name : names_in(path)) remove_tree(path + "/" + name);
  ::rmdir(path.c_str());
}

// One a program; SHMRING_DIR names it, and it is removed at its end, but for a crash: then the script removes it.
class Place {
 public:
  Place() {
    const char* parent = std::getenv("SHMRING_FUZZ_DIR");
    std::string name = (parent != nullptr ? std::string(parent) : std::string("/dev/shm")) + "/shmring-fuzz-XXXXXX";
    must(::mkdtemp(name.data()) != nullptr, "a directory for the target");
    path = name;
    ::setenv("SHMRING_DIR", path.c_str(), 1);
  }
  ~Place() { remove_tree(path); }
  Place(const Place&) = delete;

  std::string log() const { return path + "/log"; }
  std::string ring_file() const { return path + "/shmring.r"; }
  void clear_log() const { remove_tree(log()); }

  std::string path;
};

inline void write_file(const std::string& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "a file for the target");
  ::close(fd);
}

inline std::string read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  must(fd >= 0, "a file of the target");
  std::string text;
  char part[4096];
  for (ssize_t got; (got = ::read(fd, part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(got));
  ::close(fd);
  return text;
}

// A subcommand as main() has it; its exit status, −1 if its arguments were refused. Not under the memory sanitizer, which does
// not see all that CLI11 writes.
using Register = void (*)(tool::Command);
inline int command([[maybe_unused]] Register add, [[maybe_unused]] std::vector<std::string> words) {
#if SHMRING_MEMORY_SANITIZER
  return 0;
#else
  tool::CommandLine line("", "shmring");
  add(line.program());
  std::vector<const char*> arguments{"shmring"};
  for (const std::string& word : words) arguments.push_back(word.c_str());
  const tool::Parsing parsing = line.parse(static_cast<int>(arguments.size()), arguments.data());
  return parsing.end == tool::Parsing::End::ran ? parsing.status : -1;
#endif
}

}  // namespace shmring::fuzz
