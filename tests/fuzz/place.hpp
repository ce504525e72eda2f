// Where a fuzz target works: a directory in memory for its ring and its log; and the commands of shmring, called in here.
//
// Invariant: each program has a directory of its own.
#pragma once

#include <fcntl.h>
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/fuzz/input.hpp"

namespace shmring::fuzz {

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
  ~Place() { std::filesystem::remove_all(path); }
  Place(const Place&) = delete;

  std::string log() const { return path + "/log"; }
  std::string ring_file() const { return path + "/shmring.r"; }
  void clear_log() const { std::filesystem::remove_all(log()); }

  std::string path;
};

inline void write_file(const std::string& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "a file for the target");
  ::close(fd);
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A subcommand as main() has it; its exit status, −1 if its arguments were refused.
using Register = void (*)(CLI::App&, int&);
inline int command(Register add, std::vector<std::string> words) {
  CLI::App app;
  int status = 0;
  add(app, status);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::ParseError&) {
    return -1;
  }
  return status;
}

}  // namespace shmring::fuzz
